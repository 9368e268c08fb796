//! Which way a request goes: through the cache, or past it and why. The same for what is answered and what is explained.

use super::origin::Body;
use super::outcome::Outcome;
use crate::rules::route::UPGRADE_DEFAULT;
use crate::rules::{Route, RuleSet, Verdict};
use crate::semantics::forwarding::keep_upgrade;
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use http::Method;
use http::header::{EXPECT, IF_MATCH, IF_UNMODIFIED_SINCE, UPGRADE};
use http_body::Body as _;
use std::sync::Arc;

/// The way of a request.
pub(super) enum Course {
    /// It may be answered from the cache, by this route.
    Cached(Arc<Route>),
    /// It is forwarded as it is.
    Past {
        /// The route whose path matched, if any.
        route: Option<Arc<Route>>,
        /// Why.
        why: Reason,
        /// `Bypass` on a cacheable route, else `Pass`.
        outcome: Outcome,
    },
}

/// The way that the rules give a request, whose Upgrade is left with what its route passes on.
pub(super) fn of(request: &mut http::Request<Body>, target: &Target, rules: &RuleSet) -> Course {
    let verdict = rules.decide(request.method(), target);
    ignore_other_upgrades(request, &verdict);
    match verdict {
        Verdict::Cache(route) => match passes_by(request, target, &route) {
            None => Course::Cached(route),
            Some(why) => Course::Past { route: Some(route), why, outcome: Outcome::Bypass },
        },
        Verdict::Pass { route, why: why @ (Reason::MethodNotNamed | Reason::AmbiguousPath) } => {
            let outcome = if route.is_some() { Outcome::Bypass } else { Outcome::Pass };
            Course::Past { route, why, outcome }
        }
        Verdict::Pass { route, why } => Course::Past { route, why, outcome: Outcome::Pass },
    }
}

/// Leaves of a request's Upgrade what its route passes on.
fn ignore_other_upgrades(request: &mut http::Request<Body>, verdict: &Verdict) {
    let version = request.version();
    match verdict.route() {
        Some(route) => keep_upgrade(request.headers_mut(), version, &route.upgrade),
        None => keep_upgrade(request.headers_mut(), version, &UPGRADE_DEFAULT),
    }
}

/// Why a request on a cacheable route is forwarded as it is, if so.
fn passes_by(request: &http::Request<Body>, target: &Target, route: &Route) -> Option<Reason> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Some(Reason::MethodNotStorable);
    }
    // What a body says is in no key, so an answer to it must not be stored or taken from the store.
    if !request.body().is_end_stream() {
        return Some(Reason::RequestBody);
    }
    if request.headers().contains_key(UPGRADE) {
        return Some(Reason::Upgrade);
    }
    if request.headers().contains_key(EXPECT) {
        return Some(Reason::Expectation);
    }
    // RFC 9111 section 4.3.2: not for a cache to judge. What they guard (a download that is resumed) is the origin's present
    // state, so they are forwarded, and the answer goes to this client alone.
    if [IF_MATCH, IF_UNMODIFIED_SINCE].iter().any(|name| request.headers().contains_key(name)) {
        return Some(Reason::OriginCondition);
    }
    route.bypasses(target, request.headers())
}
