//! What clients get in place of what the origin said: fields put into and taken out of answers, and for how long a
//! browser may keep what is stored here. Applied as an answer is sent: what is stored is the origin's own head.

use crate::clock::Timestamp;
use crate::semantics::conditional::belongs_in_not_modified;
use crate::semantics::date::format_http_date;
use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, PRAGMA};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// `browser_cache_control`, `set_headers`, `remove_headers` and `send_tags`, resolved.
#[derive(Debug, Clone, Default)]
pub struct AnswerRule {
    /// Sent in place of Cache-Control, Expires and Pragma of what is stored; Date and Age begin anew with it.
    pub cache_control: Option<HeaderValue>,
    /// Fields that are sent with these values, whatever the origin sent.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Fields that are not sent.
    pub removed: Vec<HeaderName>,
}

/// Whose answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// One that is stored here, or is being stored: the rule may say how long others keep it.
    Here,
    /// One for this client alone: the origin alone says how long it may be kept.
    Nowhere,
}

impl AnswerRule {
    /// Whether it changes nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cache_control.is_none() && self.set.is_empty() && self.removed.is_empty()
    }

    /// What is sent about how long to keep an answer, if the rule says.
    #[must_use]
    pub fn cache_control_for(&self, status: StatusCode, kept: Kept) -> Option<&HeaderValue> {
        // 412 and 416 are about the request.
        let is_about_request = matches!(status, StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE);
        self.cache_control.as_ref().filter(|_| kept == Kept::Here && !is_about_request)
    }

    /// Whether a field of the origin's is left out.
    #[must_use]
    pub fn drops(&self, name: &str, status: StatusCode, kept: Kept) -> bool {
        let is_replaced = || [CACHE_CONTROL, EXPIRES, PRAGMA, AGE, DATE].iter().any(|replaced| replaced == name);
        self.removed.iter().any(|removed| removed == name)
            || self.added(status).any(|(set, _)| set == name)
            || (self.cache_control_for(status, kept).is_some() && is_replaced())
    }

    /// The fields that are added but for Age, which begins at 0 where [`Self::cache_control_for`] says something.
    pub fn adds(
        &self,
        status: StatusCode,
        kept: Kept,
        now: Timestamp,
    ) -> impl Iterator<Item = (&HeaderName, HeaderValue)> {
        let cache_control = self.cache_control_for(status, kept).map(|value| (&CACHE_CONTROL, value.clone()));
        let date = cache_control.is_some().then(|| (&DATE, format_http_date(now)));
        cache_control.into_iter().chain(date).chain(self.added(status).map(|(name, value)| (name, value.clone())))
    }

    /// Changes the fields of an answer.
    pub fn change(&self, status: StatusCode, kept: Kept, now: Timestamp, headers: &mut HeaderMap) {
        let has_age = headers.contains_key(AGE);
        let dropped: Vec<HeaderName> =
            headers.keys().filter(|name| self.drops(name.as_str(), status, kept)).cloned().collect();
        for name in dropped {
            headers.remove(name);
        }
        for (name, value) in self.adds(status, kept, now) {
            headers.append(name, value);
        }
        if has_age && self.cache_control_for(status, kept).is_some() {
            headers.insert(AGE, HeaderValue::from(0));
        }
    }

    /// What is set in an answer of this status: a 304 does not describe a body.
    fn added(&self, status: StatusCode) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        let fits = move |name: &HeaderName| {
            status != StatusCode::NOT_MODIFIED || belongs_in_not_modified(name.as_str(), false)
        };
        self.set.iter().filter(move |(name, _)| fits(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> AnswerRule {
        AnswerRule {
            cache_control: Some(HeaderValue::from_static("max-age=60")),
            set: vec![
                (HeaderName::from_static("x-served-by"), HeaderValue::from_static("larder")),
                (HeaderName::from_static("content-language"), HeaderValue::from_static("en")),
            ],
            removed: vec![HeaderName::from_static("server")],
        }
    }

    #[test]
    fn clients_are_told_what_the_rule_says_of_what_is_stored() {
        let answer = [
            ("cache-control", "max-age=9, public"),
            ("expires", "0"),
            ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("age", "7"),
            ("server", "a"),
            ("server", "b"),
            ("x-served-by", "origin"),
            ("x-served-by", "again"),
            ("etag", "\"a\""),
        ];
        let stored = [
            ("age", "0"),
            ("cache-control", "max-age=60"),
            ("content-language", "en"),
            ("date", "Thu, 01 Jan 1970 00:16:40 GMT"),
            ("etag", "\"a\""),
            ("x-served-by", "larder"),
        ];
        let handed_over = [
            ("age", "7"),
            ("cache-control", "max-age=9, public"),
            ("content-language", "en"),
            ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("etag", "\"a\""),
            ("expires", "0"),
            ("x-served-by", "larder"),
        ];
        for (status, kept, expected) in [
            (200, Kept::Here, &stored[..]),
            (206, Kept::Here, &stored),
            (200, Kept::Nowhere, &handed_over),
            (412, Kept::Here, &handed_over),
            (416, Kept::Here, &handed_over),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in answer {
                headers.append(name, HeaderValue::from_static(value));
            }
            rule().change(StatusCode::from_u16(status).unwrap(), kept, Timestamp::from_secs(1_000), &mut headers);
            let mut lines: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            lines.sort_unstable();
            assert_eq!(lines, expected, "{status} {kept:?}");
        }
    }

    #[test]
    fn a_304_describes_no_body() {
        let mut headers = HeaderMap::new();
        rule().change(StatusCode::NOT_MODIFIED, Kept::Here, Timestamp::from_secs(0), &mut headers);
        assert!(headers.contains_key("x-served-by") && !headers.contains_key("content-language"));
        assert_eq!(headers["cache-control"], "max-age=60");
        assert!(!headers.contains_key("age"), "what has not been stored for any time says no Age");
    }
}
