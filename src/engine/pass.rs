//! Requests that pass the cache by: forwarded as they came, answered as the origin answers.
//!
//! Two things happen on the way all the same. A successful unsafe request invalidates what is stored for the targets it
//! changed (RFC 9111 section 4.4). A POST whose answer names its own URL as Content-Location and says how long it is
//! fresh is stored for later GETs (RFC 9110 section 9.3.3).

use super::admit::Draft;
use super::flown::OriginFailure;
use super::origin::{Body, OriginError};
use super::outcome::{Decision, Outcome};
use super::post::{self, Post};
use super::{Answer, Engine, Failure};
use crate::invalidation::PurgeOptions;
use crate::invalidation::purge::{Depth, Purge, Source};
use crate::rules::{Route, RuleSet, Verdict as RouteVerdict};
use crate::scope::{Scope, Tag};
use crate::semantics::cache_status::{CacheStatus, Forward};
use crate::semantics::entity_tag;
use crate::semantics::invalidate::invalidated_targets;
use crate::semantics::origin_tags::invalidated_groups;
use crate::semantics::policy::ExchangeTimes;
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use crate::stamp::Stamp;
use http::header::HOST;
use http::{HeaderMap, Method, Response, StatusCode};
use std::sync::Arc;

/// Why a request passes by, and the route that said so.
#[derive(Debug)]
pub(super) struct Bypass {
    /// The route whose path matched, if any.
    pub(super) route: Option<Arc<Route>>,
    /// Why.
    pub(super) why: Reason,
    /// `Bypass` on a cacheable route, else `Pass`.
    pub(super) outcome: Outcome,
}

/// What is known of a request while its answer is awaited.
struct Passing {
    method: Method,
    target: Target,
    headers: HeaderMap,
    rules: Arc<RuleSet>,
    bypass: Bypass,
}

/// Forwards a request.
pub(super) async fn pass(
    engine: &Arc<Engine>,
    mut request: http::Request<Body>,
    target: Target,
    rules: Arc<RuleSet>,
    bypass: Bypass,
) -> Answer {
    entity_tag::add_tags_without_coding(request.headers_mut());
    let method = request.method().clone();
    let headers = if method == Method::POST { request.headers().clone() } else { HeaderMap::new() };
    let passing = Passing { method, target, headers, rules, bypass };
    let requested_at = engine.now();
    let stamp = engine.invalidation().applied();
    match forward(engine, request, &passing.target).await {
        Err(error) => passing.failed(error),
        Ok(response) => {
            let times = ExchangeTimes { requested_at, received_at: engine.now() };
            let changed = passing.changed_by(&response);
            let mut draft = passing.draft_for_get(&response, times, stamp);
            passing.invalidate(engine, changed, draft.as_deref_mut()).await;
            passing.answered(match draft {
                Some(draft) => post::keep(engine, draft, response),
                None => response,
            })
        }
    }
}

async fn forward(
    engine: &Engine,
    mut request: http::Request<Body>,
    target: &Target,
) -> Result<Response<Body>, OriginError> {
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    *request.uri_mut() = super::origin_form(path)?;
    request.headers_mut().insert(HOST, target.host_value());
    engine.origin().fetch(request).await
}

impl Passing {
    fn failed(self, error: OriginError) -> Answer {
        let failure = OriginFailure::from(error);
        let decision = self.decision(Outcome::Error, failure.reason, None);
        Answer { reply: Err(Failure::of_origin(&failure)), decision }
    }

    fn answered(self, response: Response<Body>) -> Answer {
        let decision = self.decision(self.bypass.outcome, self.bypass.why, Some(response.status()));
        Answer { reply: Ok(response), decision }
    }

    fn decision(&self, outcome: Outcome, reason: Reason, status: Option<StatusCode>) -> Decision {
        let forward = if self.bypass.why == Reason::MethodNotNamed { Forward::Method } else { Forward::Bypass };
        let cache_status = (self.bypass.outcome == Outcome::Bypass).then_some(CacheStatus {
            forward: Some(forward),
            forward_status: status.map(|status| status.as_u16()),
            detail: Some(reason),
            ..CacheStatus::HIT
        });
        Decision { outcome, reason, route: self.bypass.route.as_ref().map(|route| route.name.clone()), cache_status }
    }

    /// What a successful unsafe request has changed among what may be stored.
    fn changed_by(&self, response: &Response<Body>) -> Vec<Scope> {
        let targets = invalidated_targets(&self.method, &self.target, response.status(), response.headers());
        // Something was written: the request's own target is always among what that invalidates.
        let is_written = !targets.is_empty();
        let keyed = targets.into_iter().filter_map(|target| match self.rules.decide(&Method::GET, &target) {
            RouteVerdict::Cache(route) => Some(Scope::Url(route.keyed_target(target).url().into())),
            RouteVerdict::Pass { .. } => None,
        });
        let mut scopes: Vec<Scope> = keyed.collect();
        if is_written {
            let route = self.rules.route_through(&self.target);
            let written = route.map(|route| route.tags_written_by(self.target.path())).unwrap_or_default();
            let groups = invalidated_groups(response.headers()).into_iter().filter_map(|group| Tag::new(&group).ok());
            scopes.extend(written.into_iter().chain(groups).map(Scope::Tag));
        }
        scopes
    }

    /// Purges what has changed, before the client hears of the success. What is to be stored of the answer itself is
    /// newer than that.
    async fn invalidate(&self, engine: &Engine, scopes: Vec<Scope>, own: Option<&mut Draft>) {
        if scopes.is_empty() {
            return;
        }
        let invalidation = engine.invalidation();
        let purge = Purge { scopes, depth: Depth::Hard, source: Source::UnsafeRequest };
        let purged = match own {
            None => invalidation.purge(purge, PurgeOptions::default()).await.map(drop),
            Some(draft) => {
                let stamp = invalidation.purge_by_answer(purge, draft.stamp, &draft.membership()).await;
                stamp.map(|stamp| draft.stamp = stamp)
            }
        };
        if let Err(error) = purged {
            let url = self.target.url();
            tracing::warn!(url, %error, "an unsafe request's invalidation holds on this instance only");
        }
    }

    /// What is to be stored of the answer for later GETs, if anything.
    fn draft_for_get(&self, response: &Response<Body>, times: ExchangeTimes, stamp: Stamp) -> Option<Box<Draft>> {
        if self.method != Method::POST {
            return None;
        }
        Post { target: &self.target, headers: &self.headers, rules: &self.rules }.draft(response, times, stamp)
    }
}
