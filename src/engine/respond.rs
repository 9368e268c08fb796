//! Answers: the response that a client gets, and the decision that Cache-Status, log and metrics report.

use super::deliver;
use super::draft::{self, OriginAnswer};
use super::fetch_outcome::Fetched;
use super::origin::{Body, empty_body};
use super::origin_failure::OriginFailure;
use super::outcome::{Decision, Outcome};
use super::storing::{StoreOutcome, Storing};
use super::{Answer, Engine, Failure};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::entry::settling::Settling;
use crate::plan::request::CacheableRequest;
use crate::plan::serving::{Ask, Serving, Usable};
use crate::rules::Route;
use crate::rules::answer::Kept;
use crate::scope::RouteName;
use crate::semantics::cache_status::{CacheStatus, Forward};
use crate::semantics::conditional::{self, Precondition};
use crate::semantics::known_end;
use crate::semantics::lifetime::Lifetime;
use crate::semantics::policy::ExchangeTimes;
use crate::semantics::reason::Reason;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;

/// An answer from what is stored, without asking the origin.
pub(super) fn usable(request: &CacheableRequest, usable: &Usable, now: Timestamp) -> Answer {
    let (outcome, why) = (usable.how.outcome(), Reason::from(usable.how));
    let detail = (usable.how != Serving::Fresh).then_some(why);
    let left = ttl_secs(usable.entry.spent(&usable.lifetime, now), &usable.lifetime);
    // What a soft purge made stale has time left by its age, but none that counts.
    let ttl_secs = Some(if outcome == Outcome::Stale { left.min(0) } else { left });
    let status = CacheStatus { ttl_secs, detail, ..CacheStatus::HIT };
    from_entry(request, &usable.entry, outcome, why, status, now)
}

/// An answer from what a fetch brought: the request's own or, where `status` says collapsed, another's.
pub(super) fn fetched(
    engine: &Engine,
    request: &CacheableRequest,
    ask: &Ask,
    fetched: Fetched,
    status: CacheStatus,
) -> Answer {
    let now = engine.now();
    match fetched {
        Fetched::Confirmed(entry, origin_status, stored) => {
            let why = why_asked_or_refused(ask, stored);
            let lifetime = request.lifetime_of(&entry);
            let ttl = ttl_secs(entry.spent(&lifetime, now), &lifetime);
            let forward_status = Some(origin_status.as_u16());
            let status = CacheStatus { forward_status, ttl_secs: Some(ttl), detail: Some(why), ..status };
            let outcome = match origin_status {
                _ if status.collapsed => Outcome::Collapsed,
                StatusCode::NOT_MODIFIED => Outcome::Revalidated,
                // The rest of a part was fetched.
                _ => Outcome::Miss,
            };
            from_entry(request, &entry, outcome, why, status, now).storing(stored.map(Storing::Known))
        }
        Fetched::Streaming { draft, headers, reader, storing } => {
            let known = storing.as_ref().and_then(Storing::known);
            let why = why_asked_or_refused(ask, known);
            let ttl = ttl_secs(draft.policy.spent(&draft.lifetime, now), &draft.lifetime);
            let forward_status = Some(draft.status.as_u16());
            let (stored, detail) = (known == Some(StoreOutcome::Stored), Some(why));
            let status = CacheStatus { forward_status, ttl_secs: Some(ttl), stored, detail, ..status };
            let outcome = if status.collapsed { Outcome::Collapsed } else { Outcome::Miss };
            let mut answer = Response::new(reader.boxed_unsync());
            *answer.status_mut() = draft.status;
            *answer.headers_mut() = headers;
            let ends = Ends { kept: Kept::Here, settling: draft.settling };
            let answer = apply_answer_rule(request, conditioned(request, answer, now), ends, now);
            decided(request, answer, outcome, why, status).storing(storing)
        }
        Fetched::Private(response, why) => {
            let forward_status = Some(response.status().as_u16());
            let status = CacheStatus { forward_status, detail: Some(why), ..status };
            let kept = kept_of(engine, request, &response, now);
            let ends = Ends { kept, settling: None };
            let response = apply_answer_rule(request, conditioned(request, response, now), ends, now);
            let storing = Some(Storing::Known(StoreOutcome::Refused(why)));
            decided(request, response, Outcome::Miss, why, status).storing(storing)
        }
        Fetched::Stored(found) => usable(request, &found, now),
        Fetched::Failed(failure) if engine.stands_in(request, ask, &failure) => {
            instead_of(request, ask, &failure, status, now)
        }
        Fetched::Failed(failure) => failed(request, &failure, status),
    }
}

/// Why the answer was asked for or, where it is known by now that it was not stored, why not.
fn why_asked_or_refused(ask: &Ask, stored: Option<StoreOutcome>) -> Reason {
    match stored {
        Some(StoreOutcome::Refused(why)) => why,
        Some(StoreOutcome::Stored) | None => ask.why.into(),
    }
}

impl Answer {
    /// With what is known of whether the origin's answer was stored.
    fn storing(mut self, storing: Option<Storing>) -> Self {
        self.decision.storing = storing;
        self
    }
}

/// Something stale in place of an answer that the origin did not give.
fn instead_of(
    request: &CacheableRequest,
    ask: &Ask,
    failure: &OriginFailure,
    status: CacheStatus,
    now: Timestamp,
) -> Answer {
    let Some((entry, _)) = &ask.stored else { return failed(request, failure, status) };
    let why = Serving::InPlaceOf(failure.failing()).into();
    let lifetime = request.lifetime_of(entry);
    let ttl = ttl_secs(entry.spent(&lifetime, now), &lifetime);
    let forward_status = failure.status();
    let status = CacheStatus { forward_status, ttl_secs: Some(ttl), detail: Some(why), ..status };
    from_entry(request, entry, Outcome::Stale, why, status, now)
}

/// RFC 9111 section 5.2.1.7.
pub(super) fn only_if_cached(route: Option<&Route>, forward: Forward) -> Answer {
    let (outcome, reason) = (Outcome::Error, Reason::OnlyIfCached);
    let cache_status = Some(CacheStatus { forward: Some(forward), detail: Some(reason), ..CacheStatus::HIT });
    let route = route.map(|route| route.name.clone());
    Answer {
        reply: Err(Failure::of(StatusCode::GATEWAY_TIMEOUT, reason)),
        decision: Decision { outcome, reason, route, cache_status, storing: None },
    }
}

fn failed(request: &CacheableRequest, failure: &OriginFailure, status: CacheStatus) -> Answer {
    let forward_status = failure.status();
    let reason = failure.reason();
    let status = CacheStatus { forward_status, detail: Some(reason), ..status };
    Answer {
        reply: Err(Failure::of_origin(failure)),
        decision: decision(&request.route.name, Outcome::Error, reason, status),
    }
}

fn from_entry(
    request: &CacheableRequest,
    entry: &Arc<Entry>,
    outcome: Outcome,
    reason: Reason,
    status: CacheStatus,
    now: Timestamp,
) -> Answer {
    let response = deliver::deliver(entry, &request.method, &request.headers, &request.route.codings, now);
    let ends = Ends { kept: Kept::Here, settling: entry.settling() };
    decided(request, apply_answer_rule(request, response, ends, now), outcome, reason, status)
}

/// What ends the life of an answer at those who are given it.
#[derive(Clone, Copy)]
struct Ends {
    /// Whether it is kept here.
    kept: Kept,
    settling: Option<Settling>,
}

/// The answer as the route's rule changes it, and with no lifetime that crosses what the route names, or until when it is kept
/// here.
fn apply_answer_rule(
    request: &CacheableRequest,
    mut response: Response<Body>,
    ends: Ends,
    now: Timestamp,
) -> Response<Body> {
    let known = known_end(&request.route, response.headers(), now);
    let end = known.into_iter().chain(ends.settling.map(|settling| settling.until)).min();
    if let Some(rule) = &request.route.answer {
        rule.change(response.status(), ends.kept, now, response.headers_mut());
    }
    if let Some(end) = end {
        known_end::end_at(response.headers_mut(), end, now);
    }
    response
}

/// The moment past which nobody may keep an answer of this route with these fields, as the origin or the cache made them.
pub(super) fn known_end(route: &Route, headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let rule = &route.lifetime;
    if rule.not_after.is_empty() { None } else { rule.end_after(known_end::made_at(headers, now)) }
}

/// Whether an answer that is handed over is about one that is kept here: the head that a GET would be answered with.
fn kept_of(engine: &Engine, request: &CacheableRequest, head: &Response<Body>, now: Timestamp) -> Kept {
    let speaks = request.route.answer.as_ref().is_some_and(|rule| rule.cache_control.is_some());
    if !speaks || request.method != Method::HEAD {
        return Kept::Nowhere;
    }
    let times = ExchangeTimes { requested_at: now, received_at: now };
    let (said, stamp) = (request.said_to_origin(), engine.invalidation().applied());
    let answer = OriginAnswer::head(said, (head.status(), head.headers().clone()), times, stamp);
    if draft::judge(request, &answer).is_ok() { Kept::Here } else { Kept::Nowhere }
}

fn decided(
    request: &CacheableRequest,
    response: Response<Body>,
    outcome: Outcome,
    reason: Reason,
    status: CacheStatus,
) -> Answer {
    Answer { reply: Ok(response), decision: decision(&request.route.name, outcome, reason, status) }
}

fn decision(route: &RouteName, outcome: Outcome, reason: Reason, status: CacheStatus) -> Decision {
    Decision { outcome, reason, route: Some(route.clone()), cache_status: Some(status), storing: None }
}

/// The client's preconditions never reach the origin on a cacheable fetch, so they are evaluated on its answer here.
fn conditioned(request: &CacheableRequest, response: Response<Body>, now: Timestamp) -> Response<Body> {
    // A precondition is judged before a range (RFC 9110 section 13.2.2): a part is a success, too.
    if !matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        return response;
    }
    let verdict = conditional::evaluate(&request.method, &request.headers, response.headers(), now);
    let (status, headers) = match verdict {
        Precondition::Proceed => return response,
        Precondition::NotModified => (StatusCode::NOT_MODIFIED, conditional::not_modified_headers(response.headers())),
        Precondition::Failed => (StatusCode::PRECONDITION_FAILED, HeaderMap::new()),
    };
    let mut answer = Response::new(empty_body());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// What is left of a lifetime in whole seconds, negative where it is over: the lifetime less what is spent of it, which is
/// the Age that is sent, but for a lifetime that the route gives.
pub(super) fn ttl_secs(spent: Duration, lifetime: &Lifetime) -> i64 {
    let signed = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    signed(lifetime.fresh_for).saturating_sub(signed(spent))
}
