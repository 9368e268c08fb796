//! Conditional requests: RFC 9110 section 13, from a client and to the origin.

use super::date::parse_http_date;
use super::entity_tag::{EntityTag, TagList};
use crate::clock::Timestamp;
use http::header::{DATE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// The fields of a representation that a reader's preconditions are evaluated against.
pub(crate) static VALIDATOR_FIELDS: [HeaderName; 3] = [ETAG, LAST_MODIFIED, DATE];

/// The fields that make a request conditional or partial; they never reach the origin on a cacheable fetch.
pub(crate) static CONDITIONAL_FIELDS: [HeaderName; 6] = [
    http::header::IF_MATCH,
    http::header::IF_NONE_MATCH,
    http::header::IF_MODIFIED_SINCE,
    http::header::IF_UNMODIFIED_SINCE,
    http::header::IF_RANGE,
    http::header::RANGE,
];

/// What a request's preconditions say of the selected representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Answer as if there were none.
    Proceed,
    /// 304 for GET and HEAD.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since in the order of RFC 9110 section 13.2.2
/// against the headers (`ETag`, Last-Modified, Date) of the representation that would be sent. To be asked only where
/// the answer without preconditions would be a success (section 13.2.1).
#[must_use]
pub fn evaluate(method: &Method, request: &HeaderMap, selected: &HeaderMap, now: Timestamp) -> Precondition {
    // Reading the tag costs an allocation, and most requests have no precondition at all.
    if !CONDITIONAL_FIELDS.iter().take(4).any(|name| request.contains_key(name)) {
        return Precondition::Proceed;
    }
    let tag = EntityTag::of(selected);
    // Steps 1 and 2; If-Unmodified-Since does not count beside If-Match.
    if let Some(list) = TagList::of(request, &IF_MATCH) {
        if !list.has_strongly(tag.as_ref()) {
            return Precondition::Failed;
        }
    } else if let Some(since) = date_of(request, &IF_UNMODIFIED_SINCE, now) {
        // Ignored where there is no modification date (section 13.1.4).
        if date_of(selected, &LAST_MODIFIED, now).is_some_and(|modified| modified > since) {
            return Precondition::Failed;
        }
    }
    let reads = method == Method::GET || method == Method::HEAD;
    // Steps 3 and 4; If-Modified-Since does not count beside If-None-Match.
    if let Some(list) = TagList::of(request, &IF_NONE_MATCH) {
        return match (list.has_weakly(tag.as_ref()), reads) {
            (false, _) => Precondition::Proceed,
            (true, true) => Precondition::NotModified,
            (true, false) => Precondition::Failed,
        };
    }
    match date_of(request, &IF_MODIFIED_SINCE, now).filter(|_| reads) {
        Some(since) if modified_at(selected, now).is_some_and(|modified| modified <= since) => {
            Precondition::NotModified
        }
        _ => Precondition::Proceed,
    }
}

/// Last-Modified or, where there is none, Date (RFC 9111 section 4.3.2).
fn modified_at(selected: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let name = if selected.contains_key(LAST_MODIFIED) { LAST_MODIFIED } else { DATE };
    date_of(selected, &name, now)
}

/// The date in a field of exactly one valid line (RFC 9110 section 13.1.3 ignores any other).
fn date_of(headers: &HeaderMap, name: &HeaderName, now: Timestamp) -> Option<Timestamp> {
    parse_http_date(single_line(headers, name)?.as_bytes(), now)
}

fn single_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => Some(line),
        _ => None,
    }
}

/// The fields that validate a stored response at the origin (If-None-Match, If-Modified-Since): RFC 9111 section 4.3.1.
/// Empty where it has no validator.
pub(crate) fn validation_fields(stored: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let tag = EntityTag::of(stored).map(|tag| (IF_NONE_MATCH, tag.to_header_value()));
    // The very text of Last-Modified: origins compare texts (RFC 9110 section 13.1.3).
    let modified = single_line(stored, &LAST_MODIFIED).map(|line| (IF_MODIFIED_SINCE, line.clone()));
    tag.into_iter().chain(modified).collect()
}

/// The fields of a 304 made from those of the representation that would be sent: see [`belongs_in_not_modified`].
pub(crate) fn not_modified_headers(selected: &HeaderMap) -> HeaderMap {
    let has_tag = selected.contains_key(ETAG);
    let mut headers = HeaderMap::with_capacity(selected.keys_len());
    for (name, value) in selected {
        if belongs_in_not_modified(name.as_str(), has_tag) {
            headers.append(name, value.clone());
        }
    }
    headers
}

/// Whether a 304 has a field of the representation that would be sent (RFC 9110 section 15.4.5): all but the metadata
/// of a representation that is not sent. Last-Modified stays where there is no `ETag` to recognize it by.
pub(crate) fn belongs_in_not_modified(name: &str, has_tag: bool) -> bool {
    match name {
        "content-encoding" | "content-language" | "content-length" | "content-range" | "content-type"
        | "content-md5" | "content-digest" | "repr-digest" | "digest" | "trailer" => false,
        "last-modified" => !has_tag,
        _ => true,
    }
}

#[cfg(test)]
#[path = "conditional_tests.rs"]
mod tests;
