//! From a stored entry to a response: which representation, which status, which bytes of it.
//!
//! Nothing here waits and nothing large is copied: the body is a view of the stored bytes, or decodes itself piece by
//! piece as the client reads it.

mod representation;
mod stored_body;

use super::origin::{Body, empty_body};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::entry::prepared::View;
use crate::entry::recoded::InCoding;
use crate::plan::holding::held_range;
#[cfg(test)]
use crate::plan::holding::{Holding, holding};
use crate::semantics::conditional::{self, Precondition};
use crate::semantics::content_coding::Coding;
use crate::semantics::range::{self, ByteRange, RangeVerdict};
use http::header::{
    AGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE,
    RANGE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use representation::{Kept, Representation};
use std::sync::Arc;
use std::time::Duration;
pub(crate) use stored_body::full;

/// Room for what each answer adds to the stored fields: Age, Cache-Status, Via, and one more.
const FIELDS_ADDED: usize = 4;

/// The largest Age that is sent: 2^31, which stands for anything beyond (RFC 9111 section 1.2.2).
const AGE_SECS_MAX: u64 = 1 << 31;

/// The response from an entry to a GET or HEAD with the presented headers, where `codings` are sent. One that is not made
/// is not waited for: see [`unmade`].
///
/// Preconditions and ranges are evaluated on a stored 200 or part only: other statuses are sent as they are (RFC 9110
/// section 13.2.1). An entry that is a part must be [held](crate::plan::holding::Holding::Held); were it not, all of the part is sent.
pub(crate) fn deliver(
    entry: &Entry,
    method: &Method,
    presented: &HeaderMap,
    codings: &[Coding],
    now: Timestamp,
) -> Response<Body> {
    let representation = Representation::choose(entry, presented, codings);
    let fields = representation.fields(FIELDS_ADDED);
    let age = entry.current_age(now);
    let selectable = has_preconditions_evaluated(entry);
    if selectable && is_conditional(presented) {
        let as_unmade = representation.as_unmade(&fields);
        let evaluate = |fields: &HeaderMap| conditional::evaluate(method, presented, fields, now);
        match (as_unmade.as_ref().map(evaluate), evaluate(&fields)) {
            (Some(Precondition::NotModified), _) => return not_modified(as_unmade.as_ref().unwrap_or(&fields), age),
            (_, Precondition::NotModified) => return not_modified(&fields, age),
            (None | Some(Precondition::Failed), Precondition::Failed) => {
                return refused(StatusCode::PRECONDITION_FAILED, &fields);
            }
            (Some(Precondition::Proceed), _) | (_, Precondition::Proceed) => {}
        }
    }
    if entry.part().is_some() {
        return part(entry, method, presented, fields, age, now);
    }
    if selectable && *method == Method::GET && presented.contains_key(RANGE) {
        let length = representation.length();
        match range::resolve(presented, &fields, length, now) {
            RangeVerdict::Whole => {}
            RangeVerdict::Single(range) => return single(&representation, fields, age, range),
            RangeVerdict::Multiple(ranges) => return multiple(&representation, fields, age, ranges),
            RangeVerdict::NotSatisfiable => {
                let mut response = refused(StatusCode::RANGE_NOT_SATISFIABLE, &fields);
                response.headers_mut().insert(CONTENT_RANGE, range::content_range_unsatisfied(length));
                return response;
            }
        }
        // The whole is negotiated as if there were no range.
        let representation = Representation::negotiated(entry, presented, codings);
        return whole(&representation, representation.fields(FIELDS_ADDED), method, age);
    }
    whole(&representation, fields, method, age)
}

/// The conditions of a GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conditions {
    /// It has none.
    None,
    /// If-None-Match or If-Modified-Since: it wants the representation only if that is another than it has.
    IfChanged,
}

/// How an entry answers a GET from what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtRest {
    /// With its head and its body.
    Whole,
    /// With a 304.
    NotModified,
}

/// How an entry as it is kept answers a GET with these conditions and no range, where `codings` are sent: it, or what lies
/// beside it. `None` if the entry is a part, or the request wants another representation.
pub(crate) fn at_rest(
    entry: Arc<Entry>,
    presented: &HeaderMap,
    codings: &[Coding],
    conditions: Conditions,
    now: Timestamp,
) -> Option<(Arc<Entry>, AtRest)> {
    if entry.part().is_some() {
        return None;
    }
    let entry = match representation::kept(&entry, presented, codings)? {
        Kept::Itself => entry,
        Kept::Beside(other) => Arc::clone(other),
    };
    if conditions == Conditions::None || !has_preconditions_evaluated(&entry) {
        return Some((entry, AtRest::Whole));
    }
    match conditional::evaluate(&Method::GET, presented, &entry.validators(), now) {
        Precondition::Proceed => Some((entry, AtRest::Whole)),
        Precondition::NotModified => Some((entry, AtRest::NotModified)),
        Precondition::Failed => None,
    }
}

/// The fields of an answer from what is kept of an entry, with this Age in seconds.
pub(crate) fn fields_at_rest(entry: &Entry, form: AtRest, age_secs: u64) -> HeaderMap {
    let mut fields = entry.fields(View::AtRest, FIELDS_ADDED);
    if form == AtRest::NotModified {
        fields = conditional::not_modified_headers(&fields);
    }
    fields.insert(AGE, HeaderValue::from(age_secs));
    fields
}

/// The coding in which the answer to this request would better be, and that has not been made of the entry. `None` where
/// the answer has no body.
pub(crate) fn unmade(
    entry: &Entry,
    method: &Method,
    presented: &HeaderMap,
    codings: &[Coding],
    now: Timestamp,
) -> Option<Coding> {
    let is_made = |coding: &Coding| !matches!(entry.in_coding(*coding), InCoding::Unmade);
    if entry.coding().is_none() || codings.iter().all(is_made) {
        return None;
    }
    let representation = Representation::choose(entry, presented, codings);
    let coding = representation.unmade()?;
    if has_preconditions_evaluated(entry) && is_conditional(presented) {
        let fields = representation.fields(0);
        let as_made = representation.as_unmade(&fields).unwrap_or(fields);
        if conditional::evaluate(method, presented, &as_made, now) != Precondition::Proceed {
            return None;
        }
    }
    Some(coding)
}

/// Preconditions are evaluated on a stored 200 or part only (RFC 9110 section 13.2.1).
fn has_preconditions_evaluated(entry: &Entry) -> bool {
    entry.status() == StatusCode::OK || entry.part().is_some()
}

/// The Age that is sent, in seconds.
pub(crate) fn sent_age_secs(age: Duration) -> u64 {
    age.as_secs().min(AGE_SECS_MAX)
}

fn is_conditional(presented: &HeaderMap) -> bool {
    [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_MATCH, IF_UNMODIFIED_SINCE].iter().any(|name| presented.contains_key(name))
}

fn respond(status: StatusCode, mut fields: HeaderMap, age: Duration, body: Body) -> Response<Body> {
    fields.insert(AGE, HeaderValue::from(sent_age_secs(age)));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}

fn whole(representation: &Representation<'_>, fields: HeaderMap, method: &Method, age: Duration) -> Response<Body> {
    let body = if *method == Method::HEAD { empty_body() } else { representation.body() };
    respond(representation.status(), fields, age, body)
}

fn single(
    representation: &Representation<'_>,
    mut fields: HeaderMap,
    age: Duration,
    range: ByteRange,
) -> Response<Body> {
    fields.insert(CONTENT_LENGTH, HeaderValue::from(range.len()));
    fields.insert(CONTENT_RANGE, range::content_range(range, representation.length()));
    respond(StatusCode::PARTIAL_CONTENT, fields, age, representation.body_of(range))
}

/// RFC 9110 section 15.3.7.2.
fn multiple(
    representation: &Representation<'_>,
    mut fields: HeaderMap,
    age: Duration,
    ranges: Vec<ByteRange>,
) -> Response<Body> {
    let (content_type, length, body) = representation.multipart(ranges, fields.get(CONTENT_TYPE));
    fields.insert(CONTENT_TYPE, content_type);
    fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    respond(StatusCode::PARTIAL_CONTENT, fields, age, body)
}

fn part(
    entry: &Entry,
    method: &Method,
    presented: &HeaderMap,
    mut fields: HeaderMap,
    age: Duration,
    now: Timestamp,
) -> Response<Body> {
    let stored = entry.body().to_bytes();
    let Some((range, offset)) = held_range(entry, method, presented, now) else {
        return respond(StatusCode::PARTIAL_CONTENT, fields, age, stored_body::full(stored));
    };
    // A part may hold fewer bytes than it says; what there is of the range is sent.
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(stored.len());
    let end = usize::try_from(offset.saturating_add(range.len())).unwrap_or(usize::MAX).min(stored.len());
    let complete_length = entry.part().and_then(|part| part.complete_length);
    fields.insert(CONTENT_RANGE, range::content_range_of_part(range, complete_length));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(end - start));
    respond(StatusCode::PARTIAL_CONTENT, fields, age, stored_body::full(stored.slice(start..end)))
}

fn not_modified(fields: &HeaderMap, age: Duration) -> Response<Body> {
    respond(StatusCode::NOT_MODIFIED, conditional::not_modified_headers(fields), age, empty_body())
}

/// 412 or 416: an answer about the request, not the stored response, so nothing that would make it cacheable or
/// describe a content goes with it; what browsers need to let a page see it does.
fn refused(status: StatusCode, fields: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = status;
    let kept = |name: &HeaderName| *name == VARY || name.as_str().starts_with("access-control-");
    for (name, value) in fields.iter().filter(|(name, _)| kept(name)) {
        response.headers_mut().append(name, value.clone());
    }
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
    response
}

#[cfg(test)]
#[path = "deliver_tests.rs"]
mod tests;
