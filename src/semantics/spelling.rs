//! How the names of fields were spelt in the head that they came in.
//!
//! Letter case means nothing in HTTP (RFC 9110 section 5.1), but there are readers to whom it does. What passes through is
//! therefore named as it came. The values of a head's fields are parts of its bytes, so the name of each stands before it.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use percent_encoding::percent_encode_byte;
use std::borrow::Cow;

/// The bytes of a head, of which the values of its fields are parts. By default of none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spelling(Bytes);

impl Spelling {
    /// That of a head.
    pub(crate) const fn of(head: Bytes) -> Self {
        Self(head)
    }

    /// The name of a field as it came, if its value is that of the head; else in lower case.
    pub(crate) fn name<'a>(&'a self, name: &'a HeaderName, value: &HeaderValue) -> &'a [u8] {
        let lower = name.as_str().as_bytes();
        self.before(value.as_bytes(), lower.len()).filter(|came| came.eq_ignore_ascii_case(lower)).unwrap_or(lower)
    }

    /// Writes the line of a field, with its name as in [`Self::name`].
    pub(crate) fn put_line(&self, name: &HeaderName, value: &HeaderValue, out: &mut Vec<u8>) {
        if let Some(line) = self.line(name.as_str().as_bytes(), value.as_bytes()) {
            out.extend_from_slice(line);
            return;
        }
        for part in [self.name(name, value), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }

    /// The target of a request as it came, where `sent` is made of that: path and query. There are clients that write into one
    /// what no URI may hold, and servers that tell it from the same encoded.
    pub(crate) fn target<'a>(&'a self, sent: &'a str) -> &'a str {
        if memchr::memchr(b'%', sent.as_bytes()).is_none() {
            return sent;
        }
        let line = self.0.get(..memchr::memchr(b'\r', &self.0).unwrap_or_default()).unwrap_or_default();
        let came = std::str::from_utf8(line).ok().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let authority = came.find("://").map_or(0, |scheme| scheme + 3);
        let path = came.get(authority..).and_then(|rest| rest.find('/')).and_then(|path| came.get(authority + path..));
        path.filter(|path| without_raw(path) == sent).unwrap_or(sent)
    }

    /// The whole line of a value, where it came as lines are written here: most do, and are one copy then.
    fn line(&self, name: &[u8], value: &[u8]) -> Option<&[u8]> {
        let at = value.as_ptr().addr().checked_sub(self.0.as_ptr().addr())?;
        let line = self.0.get(at.checked_sub(name.len() + 2)?..at.checked_add(value.len() + 2)?)?;
        let (came, rest) = line.split_at_checked(name.len())?;
        let is_plain = rest.starts_with(b": ") && rest.ends_with(b"\r\n") && is_lower_of(name, came);
        is_plain.then_some(line)
    }

    /// So much text before the colon that precedes a part of the head.
    fn before(&self, value: &[u8], bytes: usize) -> Option<&[u8]> {
        let at = value.as_ptr().addr().checked_sub(self.0.as_ptr().addr())?;
        let before = self.0.get(..at)?;
        let before = match before.strip_suffix(b": ") {
            Some(name) => name,
            None => before.trim_ascii_end().strip_suffix(b":")?,
        };
        let before = if before.ends_with(b" ") || before.ends_with(b"\t") { before.trim_ascii_end() } else { before };
        before.get(before.len().checked_sub(bytes)?..)
    }
}

/// A request target with what no URI may hold encoded: angle brackets, and quotes in its query.
pub(crate) fn without_raw(target: &str) -> Cow<'_, str> {
    if !target.contains(['<', '>', '"']) {
        return Cow::Borrowed(target);
    }
    let query = target.find('?').unwrap_or(target.len());
    let mut encoded = String::with_capacity(target.len() + 16);
    for (at, character) in target.char_indices() {
        match character {
            '<' | '>' => encoded.push_str(percent_encode_byte(character as u8)),
            '"' if at > query => encoded.push_str("%22"),
            _ => encoded.push(character),
        }
    }
    Cow::Owned(encoded)
}

/// Whether `lower` is `came` in lower case; both are of one length. Without a branch for each byte.
fn is_lower_of(lower: &[u8], came: &[u8]) -> bool {
    lower.iter().zip(came).fold(0, |unlike, (lower, came)| unlike | (lower ^ came.to_ascii_lowercase())) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{CONTENT_TYPE, ETAG, LOCATION};

    const HEAD: &[u8] =
        b"HTTP/1.1 200 OK\r\nETag:\"a\"\r\nX-Empty: \r\nCONTENT-Type \t: \ttext/a\r\nLOCATION: /there\r\n\r\n";

    #[test]
    fn a_field_is_named_as_it_came_and_one_that_was_changed_in_lower_case() {
        let head = Bytes::from_static(HEAD);
        let part = |text: &str| {
            let at = memchr::memmem::find(&head, text.as_bytes()).unwrap();
            HeaderValue::from_maybe_shared(head.slice(at..at + text.len())).unwrap()
        };
        let empty = HeaderValue::from_maybe_shared(head.slice(36..36)).unwrap();
        let x_empty = HeaderName::from_static("x-empty");
        let spelling = Spelling::of(head.clone());
        for (name, value, expected) in [
            (ETAG, part("\"a\""), "ETag"),
            (x_empty, empty, "X-Empty"),
            (CONTENT_TYPE, part("text/a"), "CONTENT-Type"),
            (LOCATION, part("/there"), "LOCATION"),
            (ETAG, HeaderValue::from_static("\"a\""), "etag"),
            // What is not the field's own value lends it no name.
            (CONTENT_TYPE, part("\"a\""), "content-type"),
            (ETAG, part("200"), "etag"),
        ] {
            assert_eq!(spelling.name(&name, &value), expected.as_bytes(), "{name}: {value:?}");
            let mut line = Vec::new();
            spelling.put_line(&name, &value, &mut line);
            assert_eq!(line, [expected.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        assert_eq!(Spelling::default().name(&ETAG, &part("\"a\"")), b"etag");
    }

    #[test]
    fn a_target_is_sent_as_it_came_unless_it_was_changed() {
        for (came, sent, expected) in [
            ("/a<b>?q=\"<c>\"", "/a%3Cb%3E?q=%22%3Cc%3E%22", "/a<b>?q=\"<c>\""),
            ("http://shop/a<", "/a%3C", "/a<"),
            ("/a%3C", "/a%3C", "/a%3C"),
            ("/a<", "/v2/a%3C", "/v2/a%3C"),
            ("/a\"?b=%22", "/a\"?b=%22", "/a\"?b=%22"),
            ("*", "/%2A", "/%2A"),
        ] {
            let head = Bytes::from(format!("GET {came} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(Spelling::of(head).target(sent), expected, "{came}");
        }
        assert_eq!(Spelling::default().target("/a%3C"), "/a%3C");
        assert_eq!(without_raw("/\"\u{e9}"), "/\"\u{e9}");
    }
}
