//! What rules say of a request, worked out once for all that are the same.

use super::{Compared, Named};
use crate::clock::Timestamp;
use crate::plan::request::CacheableRequest;
use crate::plan::way::{Asked, Form, Payload, Way};
use crate::rules::{Route, RuleSet};
use crate::scope::Scope;
use crate::semantics::invalidate::invalidated_targets;
use crate::semantics::target::Target;
use ahash::RandomState;
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};
use std::collections::HashMap;
use std::sync::Arc;

/// A moment at which no switch is on any more.
const AFTER_SWITCHES: Timestamp = Timestamp::from_millis(u64::MAX);

/// What two sets of rules say of a request.
pub(crate) struct Known {
    pub(super) present: KnownWay,
    pub(super) proposed: Option<KnownWay>,
}

/// The way that one set of rules gives a request, and the place of its route in it; of no route, the place after the last.
pub(super) enum KnownWay {
    /// Through the cache.
    Cached(Box<CacheableRequest>, usize),
    /// Past it. If it succeeds, it invalidates these.
    Passed(Vec<Scope>, usize),
}

impl KnownWay {
    pub(super) const fn route(&self) -> usize {
        match self {
            Self::Cached(_, route) | Self::Passed(_, route) => *route,
        }
    }
}

/// Those of late. Over the bound all are forgotten, and worked out again as they come.
pub(super) struct KnownRequests {
    rules: Compared,
    most: usize,
    by_text: HashMap<Box<[u8]>, Arc<Known>, RandomState>,
    text: Vec<u8>,
}

impl KnownRequests {
    pub(super) fn new(rules: Compared, most: usize) -> Self {
        Self { rules, most, by_text: HashMap::default(), text: Vec::new() }
    }

    pub(super) fn of(&mut self, named: Named<'_>) -> Arc<Known> {
        let Named { method, host, target } = named;
        self.text.clear();
        // Neither a method nor a host holds a space; a line that has one there is no request of any route.
        for part in [method, b" ", host, b" ", target] {
            self.text.extend_from_slice(part);
        }
        if let Some(known) = self.by_text.get(self.text.as_slice()) {
            return Arc::clone(known);
        }
        if self.by_text.len() >= self.most {
            self.by_text.clear();
        }
        let settled = settled(named);
        let way = |rules: &Arc<RuleSet>| match &settled {
            Some(settled) => settled.way(rules),
            None => KnownWay::Passed(Vec::new(), rules.routes().len()),
        };
        let known = Known { present: way(&self.rules.present), proposed: self.rules.proposed.as_ref().map(way) };
        let known = Arc::new(known);
        self.by_text.insert(self.text.as_slice().into(), Arc::clone(&known));
        known
    }
}

/// A request of which the target is settled.
struct Settled {
    method: Method,
    headers: HeaderMap,
    target: Target,
}

/// `None` if it is none that a route could match.
fn settled(named: Named<'_>) -> Option<Settled> {
    let method = Method::from_bytes(named.method).ok()?;
    let mut request = Request::new(());
    *request.method_mut() = method.clone();
    *request.uri_mut() = Uri::try_from(named.target).ok()?;
    request.headers_mut().insert(HOST, HeaderValue::from_bytes(named.host).ok()?);
    // The scheme that a client used is not known; no rule asks for it.
    let target = Target::of(&request, &Scheme::HTTP).ok()?;
    Some(Settled { method, headers: std::mem::take(request.headers_mut()), target })
}

impl Settled {
    fn way(&self, rules: &Arc<RuleSet>) -> KnownWay {
        let form = Form::Any(Version::HTTP_11, Payload::None);
        let asked = Asked { method: &self.method, target: &self.target, headers: &self.headers, form };
        match Way::of(asked, rules, || AFTER_SWITCHES) {
            Way::Cached(through) => {
                let place = place_of(rules, Some(&through.route));
                let (headers, target) = (self.headers.clone(), self.target.clone());
                let request = CacheableRequest::new(self.method.clone(), headers, target, through, Arc::clone(rules));
                KnownWay::Cached(Box::new(request), place)
            }
            // No log holds bodies, so nobody knows which of these requests are the same.
            Way::ByOperation(route) => KnownWay::Passed(Vec::new(), place_of(rules, Some(&route))),
            Way::ByBody(by_body) => KnownWay::Passed(Vec::new(), place_of(rules, Some(&by_body.through.route))),
            Way::Pass(pass) | Way::Refuse(pass) => {
                KnownWay::Passed(self.changes(rules), place_of(rules, pass.route.as_ref()))
            }
        }
    }

    /// What it invalidates if it succeeds (RFC 9111 section 4.4), and what its route purges on writes.
    fn changes(&self, rules: &RuleSet) -> Vec<Scope> {
        let changed = invalidated_targets(&self.method, &self.target, StatusCode::OK, &HeaderMap::new());
        if changed.is_empty() {
            return Vec::new();
        }
        let urls = changed.into_iter().flat_map(|target| {
            let routes = rules.caching_routes(&target);
            routes.into_iter().map(move |route| Scope::Url(route.keyed_target(target.clone()).url().into()))
        });
        let route = rules.route_through(&self.target);
        let tags = route.map(|route| route.tags_written_by(self.target.path())).unwrap_or_default();
        urls.chain(tags.into_iter().map(Scope::Tag)).collect()
    }
}

fn place_of(rules: &RuleSet, route: Option<&Arc<Route>>) -> usize {
    let place = route.and_then(|route| rules.routes().iter().position(|known| Arc::ptr_eq(known, route)));
    place.unwrap_or(rules.routes().len())
}
