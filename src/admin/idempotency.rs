//! `Idempotency-Key`: a caller's own name for a call, so that repeating it is safe.
//!
//! After draft-ietf-httpapi-idempotency-key-header. A key stands for one call with one body: to the same answer, and with
//! another body it is refused (422). How long to wait for others is no part of what is asked. Each named token has keys of its
//! own: nobody gets the answer to what another has asked.

use super::callers::Caller;
use super::problem::Problem;
use crate::config::{NAME_OF_ANYONE, NAME_OF_THE_TOKEN};
use crate::invalidation::idempotency::IdempotencyKey;
use crate::rules::json::Unambiguous;
use axum::http::{HeaderMap, StatusCode};
use std::borrow::Cow;

/// The field that names a call.
const FIELD: &str = "idempotency-key";

/// The longest such name, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// The name that the caller gives this call, if any. JSON that says the same is the same body.
pub(super) fn key_of(
    headers: &HeaderMap,
    caller: &Caller,
    call: &str,
    body: &[u8],
) -> Result<Option<IdempotencyKey>, Problem> {
    let mut lines = headers.get_all(FIELD).iter();
    let Some(key) = lines.next() else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()) && lines.next().is_none());
    let Some(key) = key else {
        return Err(Problem::input(FIELD, "it is no single text of 1 to 255 visible ASCII characters"));
    };
    Ok(Some(IdempotencyKey::new(&name_of(key, caller), &asked(call, body))))
}

/// A caller's name for a call, told apart from those of other callers. Who has the one token, or none where none is set,
/// is the caller that there was before tokens had names: instances of older versions know its keys by themselves.
fn name_of<'k>(key: &'k str, caller: &Caller) -> Cow<'k, str> {
    match caller.name() {
        NAME_OF_THE_TOKEN | NAME_OF_ANYONE => key.into(),
        // No key has a line break.
        caller => format!("{key}\n{caller}").into(),
    }
}

fn asked(call: &str, body: &[u8]) -> Vec<u8> {
    // Where a name stands twice, what is asked depends on the order, so the bytes count.
    let body = match serde_json::from_slice(body) {
        Ok(Unambiguous(mut value)) => {
            if let Some(fields) = value.as_object_mut() {
                fields.remove("wait");
            }
            value.sort_all_objects();
            value.to_string().into_bytes()
        }
        Err(_) => body.to_vec(),
    };
    [call.as_bytes(), &[0], &body].concat()
}

/// The key stands for another call.
pub(super) fn reused(error: &impl std::fmt::Display) -> Problem {
    Problem { field: Some(FIELD.to_owned()), ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()) }
        .hint("a key names one call with one body: choose a new one for another")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn key_by(caller: &str, call: &str, body: &str) -> IdempotencyKey {
        let headers = HeaderMap::from_iter([(FIELD.parse().unwrap(), HeaderValue::from_static("k"))]);
        key_of(&headers, &Caller::of_all(caller), call, body.as_bytes()).unwrap().unwrap()
    }

    fn key(call: &str, body: &str) -> IdempotencyKey {
        key_by(NAME_OF_THE_TOKEN, call, body)
    }

    #[test]
    fn each_named_caller_has_keys_of_its_own() {
        let of = |caller| key_by(caller, "/purge", "{}").name;
        assert_ne!(of("deploy"), of("shop"));
        assert_ne!(of("deploy"), of(NAME_OF_THE_TOKEN));
        assert_eq!(of("deploy"), of("deploy"));
        assert_eq!(of(NAME_OF_ANYONE), of(NAME_OF_THE_TOKEN));
        assert_eq!(of(NAME_OF_THE_TOKEN), IdempotencyKey::new("k", b"").name, "older versions know it so");
    }

    #[test]
    fn what_says_the_same_is_the_same_body() {
        let first = key("/purge", r#"{"tags": ["a"], "soft": true}"#);
        assert_eq!(key("/purge", r#"{ "soft":true,"tags":["a"],"wait":"2s" }"#), first);
        for (call, body) in [
            ("/purge", r#"{"tags": ["b"]}"#),
            ("/purge", "no json"),
            ("/purge", "[]"),
            ("/events", r#"{"tags": ["a"]}"#),
        ] {
            let other = key(call, body);
            assert_eq!(other.name, first.name);
            assert_ne!(other.asked, first.asked, "{call} {body}");
        }
        let twice = key("/events", r#"{"type": "a", "id": 1, "id": 2}"#);
        assert_ne!(twice.asked, key("/events", r#"{"type": "a", "id": 2}"#).asked);
    }

    #[test]
    fn a_key_is_one_text_of_bounded_length() {
        for lines in [vec![""], vec!["a", "b"], vec!["\u{e9}"]] {
            let line = |text: &str| (FIELD.parse().unwrap(), HeaderValue::from_bytes(text.as_bytes()).unwrap());
            let headers: HeaderMap = lines.into_iter().map(line).collect();
            assert_eq!(
                key_of(&headers, &Caller::of_all(NAME_OF_THE_TOKEN), "/purge", b"").unwrap_err().field.as_deref(),
                Some(FIELD)
            );
        }
        assert_eq!(key_of(&HeaderMap::new(), &Caller::of_all(NAME_OF_THE_TOKEN), "/purge", b""), Ok(None));
    }
}
