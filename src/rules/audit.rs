//! `audit`: the share of hits whose answer is compared with the origin's, and what of it may differ.

use super::json::Unambiguous;
use serde_json::Value;
use serde_json_path::{JsonPath, NormalizedPath};

/// `audit`
#[derive(Debug, Clone)]
pub(crate) struct AuditRule {
    /// Of hits, from 0 to 1.
    pub(crate) share: f64,
    /// The values of a JSON body that may differ from one answer to the next.
    pub(crate) ignore: Vec<JsonPath>,
}

impl AuditRule {
    /// Whether what has drawn this number, of which each from 0 to 1 is equally likely, is compared.
    pub(crate) fn takes(&self, drawn: f64) -> bool {
        drawn < self.share
    }

    /// The digest of a body without the values that may differ. A body that is no JSON, or has a name twice in one object,
    /// counts byte by byte.
    pub(crate) fn digest(&self, body: &[u8]) -> u128 {
        match self.without_ignored(body) {
            Some(rest) => digest(&rest),
            None => digest(body),
        }
    }

    /// The body with null in place of each value that may differ; `None` if it has none, or is no JSON.
    fn without_ignored(&self, body: &[u8]) -> Option<Vec<u8>> {
        if self.ignore.is_empty() {
            return None;
        }
        let Unambiguous(mut value) = serde_json::from_slice(body).ok()?;
        let mut places: Vec<String> = Vec::new();
        for path in &self.ignore {
            places.extend(path.query_located(&value).locations().map(NormalizedPath::to_json_pointer));
        }
        for place in places {
            if let Some(ignored) = value.pointer_mut(&place) {
                *ignored = Value::Null;
            }
        }
        serde_json::to_vec(&value).ok()
    }
}

fn digest(bytes: &[u8]) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    u128::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_differ_is_left_out_of_the_digest() {
        let rule = AuditRule {
            share: 1.0,
            ignore: ["$.at", "$.items[*].seen"].map(|path| JsonPath::parse(path).unwrap()).to_vec(),
        };
        let same = |one: &str, other: &str| rule.digest(one.as_bytes()) == rule.digest(other.as_bytes());
        for (one, other, is_same) in [
            (r#"{"at": 1, "price": 5}"#, r#"{"at": 2, "price": 5}"#, true),
            (r#"{"at": 1, "price": 5}"#, r#"{"at": 1, "price": 6}"#, false),
            (
                r#"{"items": [{"seen": 1, "id": 1}, {"id": 2}]}"#,
                r#"{"items": [{"seen": 9, "id": 1}, {"id": 2}]}"#,
                true,
            ),
            (r#"{"items": [{"seen": 1}]}"#, r#"{"items": [{"seen": 1}, {"seen": 1}]}"#, false),
            // What is there and what is not is a difference all the same.
            (r#"{"at": 1}"#, "{}", false),
            ("no json 1", "no json 2", false),
            ("no json", "no json", true),
            // Readers differ on which of the two counts.
            (r#"{"at": 1, "at": 2}"#, r#"{"at": 1, "at": 3}"#, false),
        ] {
            assert_eq!(same(one, other), is_same, "{one} and {other}");
        }
    }

    #[test]
    fn the_share_is_taken_of_what_is_drawn_evenly() {
        let rule = |share| AuditRule { share, ignore: Vec::new() };
        assert!((0..100).all(|drawn| !rule(0.0).takes(f64::from(drawn) / 100.0)));
        assert!((0..100).all(|drawn| rule(1.0).takes(f64::from(drawn) / 100.0)));
        assert_eq!((0..100).filter(|drawn| rule(0.25).takes(f64::from(*drawn) / 100.0)).count(), 25);
    }
}
