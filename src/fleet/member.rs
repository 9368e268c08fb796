//! What an instance says of itself beside its lease: which Larder it is, and by which rules.
//!
//! It stands under a key of its own, so that the lease stays what every version reads: a stamp. Who says nothing is of a
//! version that says nothing yet; names that a later version adds are passed over.

use serde::{Deserialize, Serialize};

/// What an instance says of itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Its version.
    pub(crate) version: String,
    /// The digest of its rules, in hexadecimal.
    pub(crate) rules: String,
}

/// More is no member's: versions and digests are short.
const TEXT_BYTES_MAX: usize = 1024;
const WORD_BYTES_MAX: usize = 64;

impl Member {
    /// As it is written.
    pub(crate) fn written(&self) -> String {
        serde_json::to_string(self).expect("two texts are JSON")
    }

    /// Reads what an instance has written; `None` if it is nothing of the kind.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let is_word = |word: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_');
            !word.is_empty() && word.len() <= WORD_BYTES_MAX && word.bytes().all(is_plain)
        };
        let member: Self = Some(text).filter(|text| text.len() <= TEXT_BYTES_MAX).map(serde_json::from_str)?.ok()?;
        (is_word(&member.version) && is_word(&member.rules)).then_some(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_versions_and_others_write_is_read_as_far_as_it_is_understood() {
        let member = |version: &str, rules: &str| Member { version: version.to_owned(), rules: rules.to_owned() };
        for (text, expected) in [
            (member("0.1.0", "00ff").written(), Some(member("0.1.0", "00ff"))),
            (
                r#"{"version":"2.0.0-rc.1","rules":"00ff","region":{"name":"eu"}}"#.to_owned(),
                Some(member("2.0.0-rc.1", "00ff")),
            ),
            (r#"{"version":"0.1.0"}"#.to_owned(), None),
            (r#"{"version":"","rules":"00ff"}"#.to_owned(), None),
            (r#"{"version":"a\nb","rules":"00ff"}"#.to_owned(), None),
            (format!(r#"{{"version":"{}","rules":"00ff"}}"#, "1".repeat(65)), None),
            ("12-3".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(Member::read(&text), expected, "{text}");
        }
    }
}
