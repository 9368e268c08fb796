//! Bodies of requests as part of the key: what of a body counts, and which bodies cannot be part of one.

#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::key::{KeyBuilder, KeyPart};
use crate::semantics::canonical_json::{NotCanonical, canonical_json};
use crate::semantics::graphql::request::Operation;
use crate::semantics::reason::Reason;
use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Method};
use std::borrow::Cow;
use std::io::Read;

/// What two bodies have in common that are answered alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyedForm {
    /// `"json"`: what they say, by RFC 8785.
    Json,
    /// `"bytes"`: every byte.
    Bytes,
    /// `"graphql"`: which operation it asks for, and with which variables.
    Graphql,
}

impl KeyedForm {
    /// The word that rules use.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Bytes => "bytes",
            Self::Graphql => "graphql",
        }
    }
}

/// `body_key` and `body_key_max` of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyKeyRule {
    /// What of a body counts.
    pub(crate) form: KeyedForm,
    /// The longest body that is keyed, in bytes, as it came and decoded.
    pub(crate) bytes_max: usize,
}

/// `body_key_max` where a route does not say, in bytes.
pub(crate) const BODY_KEY_BYTES_DEFAULT: usize = 64 * 1024;

/// The largest `body_key_max`, in bytes: a body is held while its request is answered.
pub(crate) const BODY_KEY_BYTES_MAX: usize = 1024 * 1024;

/// QUERY (RFC 10008).
pub(crate) fn query_method() -> Method {
    Method::from_bytes(b"QUERY").expect("letters are a token")
}

/// A request's body that is part of its key.
#[derive(Debug, Clone)]
pub(crate) struct KeyedBody {
    /// POST or QUERY.
    pub(crate) method: Method,
    /// The body as it came, which the origin is sent.
    pub(crate) bytes: Bytes,
    digest: blake3::Hash,
}

impl KeyedBody {
    /// A body that asks for an operation.
    pub(crate) fn of_operation(method: &Method, bytes: Bytes, operation: &Operation) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(KeyedForm::Graphql.label().as_bytes()).update(b"\0").update(operation.digest.as_bytes());
        Self { method: method.clone(), bytes, digest: hasher.finalize() }
    }

    /// The same with bytes of its own.
    pub(crate) fn copied(&self) -> Self {
        Self { bytes: Bytes::copy_from_slice(&self.bytes), ..self.clone() }
    }

    /// Adds what of it counts to a key.
    pub(crate) fn add_to(&self, key: &mut KeyBuilder) {
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::BodyIsNotKeyed) {
            key.part(KeyPart::Method, self.method.as_str().as_bytes());
            return;
        }
        key.part(KeyPart::Method, self.method.as_str().as_bytes()).part(KeyPart::Body, self.digest.as_bytes());
    }

    /// Whether an origin that finds a condition false says so by 304: for other methods it is an error (RFC 9110 section
    /// 13.2.2; RFC 10008 has QUERY be as GET).
    pub(crate) fn may_be_validated(&self) -> bool {
        self.method.as_str() == "QUERY"
    }
}

impl BodyKeyRule {
    /// Whether it is about requests of this method.
    pub(crate) fn is_about(method: &Method) -> bool {
        *method == Method::POST || method.as_str() == "QUERY"
    }

    /// The body of a request with these fields, which ends with `bytes`.
    ///
    /// # Errors
    /// Why it can't be part of a key.
    pub(crate) fn keyed(&self, method: &Method, headers: &HeaderMap, bytes: Bytes) -> Result<KeyedBody, Reason> {
        if bytes.len() > self.bytes_max {
            return Err(Reason::RequestBodyTooLarge);
        }
        let counts = match self.form {
            KeyedForm::Bytes => Cow::Borrowed(&*bytes),
            KeyedForm::Graphql => {
                let read = Operation::of_body(&self.decoded(headers, &bytes)?, |_| None);
                let operation = read.map_err(|untold| untold.why)?;
                let keyed = KeyedBody::of_operation(method, bytes, &operation);
                return operation.why_not_cached().map_or(Ok(keyed), Err);
            }
            KeyedForm::Json => {
                let text = self.decoded(headers, &bytes)?;
                Cow::Owned(canonical_json(&text).map_err(Reason::from)?)
            }
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.form.label().as_bytes()).update(b"\0").update(&counts);
        let digest = hasher.finalize();
        Ok(KeyedBody { method: method.clone(), bytes, digest })
    }

    /// The body without its content coding.
    ///
    /// # Errors
    /// Where it has another than gzip, can't be decoded, or is longer than `bytes_max` then.
    pub(crate) fn decoded<'b>(&self, headers: &HeaderMap, bytes: &'b [u8]) -> Result<Cow<'b, [u8]>, Reason> {
        let mut lines = headers.get_all(CONTENT_ENCODING).iter();
        let coding = lines.next().map_or(&b"identity"[..], |line| line.as_bytes().trim_ascii());
        if lines.next().is_some() {
            return Err(Reason::RequestBodyCoding);
        }
        if coding.eq_ignore_ascii_case(b"identity") {
            return Ok(Cow::Borrowed(bytes));
        }
        if !(coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")) {
            return Err(Reason::RequestBodyCoding);
        }
        let mut decoder = GzDecoder::new(bytes);
        let mut text = Vec::new();
        // One byte more shows that it goes on.
        let bound = u64::try_from(self.bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        let read = decoder.by_ref().take(bound).read_to_end(&mut text);
        read.map_err(|_| Reason::RequestBodyCoding)?;
        if text.len() > self.bytes_max {
            return Err(Reason::RequestBodyTooLarge);
        }
        // What follows is read by some and ignored by others.
        if decoder.into_inner().is_empty() { Ok(Cow::Owned(text)) } else { Err(Reason::RequestBodyCoding) }
    }
}

impl From<NotCanonical> for Reason {
    fn from(why: NotCanonical) -> Self {
        match why {
            NotCanonical::Malformed | NotCanonical::TooDeep => Self::RequestBodyUnreadable,
            NotCanonical::RepeatedName | NotCanonical::InexactNumber => Self::RequestBodyAmbiguous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PrimaryKey;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::HeaderValue;
    use std::io::Write as _;

    const JSON: BodyKeyRule = BodyKeyRule { form: KeyedForm::Json, bytes_max: 64 };
    const BYTES: BodyKeyRule = BodyKeyRule { form: KeyedForm::Bytes, bytes_max: 64 };

    fn coded(codings: &[&'static str]) -> HeaderMap {
        codings.iter().map(|coding| (CONTENT_ENCODING, HeaderValue::from_static(coding))).collect()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn key(rule: BodyKeyRule, method: &Method, codings: &[&'static str], body: &[u8]) -> Result<PrimaryKey, Reason> {
        let mut key = KeyBuilder::default();
        rule.keyed(method, &coded(codings), Bytes::copy_from_slice(body))?.add_to(&mut key);
        Ok(key.finish())
    }

    #[test]
    fn bodies_that_say_the_same_share_a_key_and_others_do_not() {
        let query = Method::from_bytes(b"QUERY").unwrap();
        let json = |body: &str| key(JSON, &Method::POST, &[], body.as_bytes()).unwrap();
        let plain = json(r#"{"q":"tea","page":1}"#);
        assert_eq!(json(r#"{ "page": 1.0, "q": "\u0074ea" }"#), plain);
        assert_eq!(key(JSON, &Method::POST, &["gzip"], &gzip(br#"{"page":1,"q":"tea"}"#)), Ok(plain.clone()));
        assert_eq!(key(JSON, &Method::POST, &[" Identity"], br#"{"page":1,"q":"tea"}"#), Ok(plain.clone()));
        assert_ne!(json(r#"{"q":"tea","page":2}"#), plain);
        assert_ne!(json(r#"{"q":"Tea","page":1}"#), plain);
        assert_ne!(key(JSON, &query, &[], br#"{"q":"tea","page":1}"#), Ok(plain));
        let bytes = |body: &[u8]| key(BYTES, &Method::POST, &[], body).unwrap();
        assert_eq!(bytes(b"a=1"), bytes(b"a=1"));
        assert_ne!(bytes(b"a=1"), bytes(b"a=1 "));
        assert_ne!(bytes(b"{}"), json("{}"), "what one form says of a body is not what another does");
    }

    #[test]
    fn what_cannot_be_part_of_a_key_has_a_reason() {
        let twice = [gzip(b"{}"), gzip(b"{}")].concat();
        let bomb = gzip(&vec![b' '; 100_000]);
        assert!(bomb.len() > 64);
        for (codings, body, why) in [
            (&[][..], &b""[..], Reason::RequestBodyUnreadable),
            (&[], b"{", Reason::RequestBodyUnreadable),
            (&[], br#"{"a":1,"a":2}"#, Reason::RequestBodyAmbiguous),
            (&[], b"[9007199254740993]", Reason::RequestBodyAmbiguous),
            (&[], &[b' '; 65], Reason::RequestBodyTooLarge),
            (&["gzip"], &gzip(&[b'1'; 65]), Reason::RequestBodyTooLarge),
            (&["gzip"], b"{}", Reason::RequestBodyCoding),
            (&["gzip"], &gzip(b"{}")[..10], Reason::RequestBodyCoding),
            (&["gzip"], &twice, Reason::RequestBodyCoding),
            (&["br"], b"{}", Reason::RequestBodyCoding),
            (&["gzip, gzip"], b"{}", Reason::RequestBodyCoding),
            (&["gzip", "gzip"], b"{}", Reason::RequestBodyCoding),
        ] {
            assert_eq!(key(JSON, &Method::POST, codings, body), Err(why), "{codings:?} {body:?}");
        }
        assert_eq!(key(BYTES, &Method::POST, &[], &[0; 65]), Err(Reason::RequestBodyTooLarge));
        assert!(key(BYTES, &Method::POST, &["br"], &[0; 64]).is_ok(), "as bytes, a body needs no decoding");
    }
}
