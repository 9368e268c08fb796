//! Which way a request goes, by the rules and its form: through the cache, or past it and why.

use super::outcome::Outcome;
use crate::clock::Timestamp;
use crate::rules::body_key::BodyKeyRule;
use crate::rules::route::{RouteMode, UPGRADE_DEFAULT};
use crate::rules::switch::SwitchMode;
use crate::rules::tokens::Claimed;
use crate::rules::{Route, RouteVerdict, RuleSet};
use crate::semantics::cache_control::RequestDirectives;
use crate::semantics::cache_status::Forward;
use crate::semantics::forwarding::{keep_upgrade, kept_upgrade};
use crate::semantics::graphql::request::Told;
use crate::semantics::reason::Reason;
use crate::semantics::reuse::Hold;
use crate::semantics::target::Target;
use http::header::{EXPECT, IF_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, Method, Version};
use std::sync::Arc;

/// A request whose way is to be decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Its method.
    pub(crate) method: &'a Method,
    /// Its settled target, before the query's rule.
    pub(crate) target: &'a Target,
    /// Its fields.
    pub(crate) headers: &'a HeaderMap,
    /// Its form.
    pub(crate) form: Form,
}

/// What of a request besides its target may keep it from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing: it is a GET that brings no body, and none of the fields that are looked at here but those that `bypass`
    /// names. Known for all requests of a connection that have the same fields.
    Plain,
    /// It is to be looked at.
    Any(Version, Payload),
}

/// Whether a request brings a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    /// It ends with its head.
    None,
    /// It does, or may.
    Body,
}

/// The way of a request, before anything is looked up.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// It may be answered from the cache.
    Cached(Through),
    /// So may it, if its body can be part of the key.
    ByBody(ByBody),
    /// That depends on the operation of GraphQL that it asks for; this is the first route that may answer it.
    ByOperation(Arc<Route>),
    /// It is forwarded as it is.
    Pass(Pass),
    /// It would be forwarded, and says only-if-cached to a route that caches: RFC 9111 section 5.2.1.7.
    Refuse(Pass),
}

/// By what a request may be answered from the cache. Only [`Asked::through`] makes one, so that no request has a key without the
/// claims that its route keys.
#[derive(Debug, Clone)]
pub(crate) struct Through {
    /// The route that may answer it.
    pub(crate) route: Arc<Route>,
    /// Whether an operator has put the route on hold.
    pub(crate) hold: Option<Hold>,
    /// What its token claims, where the route keys that.
    claimed: Option<Claimed>,
}

impl Through {
    /// What its token claims, where the route keys that.
    pub(crate) const fn claimed(&self) -> Option<&Claimed> {
        self.claimed.as_ref()
    }
}

/// A request whose way is known once its body is.
#[derive(Debug, Clone)]
pub(crate) struct ByBody {
    /// By what it may be answered.
    pub(crate) through: Through,
    /// How the route keys bodies.
    pub(crate) rule: BodyKeyRule,
}

/// Pass the cache, and why.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    /// The route whose path matched, if any.
    pub(crate) route: Option<Arc<Route>>,
    /// Why.
    pub(crate) why: Reason,
    /// `Bypass` on a cacheable route, else `Pass`.
    pub(crate) outcome: Outcome,
    /// The `fwd` of Cache-Status.
    pub(crate) forward: Forward,
    /// The operation of GraphQL that it asks for, where that decides.
    pub(crate) operation: Option<Told>,
}

impl Way {
    /// The way that the rules give a request, and the switches that are set `now`.
    pub(crate) fn of(asked: Asked<'_>, rules: &RuleSet, now: impl Fn() -> Timestamp) -> Self {
        let (route, why) = match rules.decide(asked.method, asked.target) {
            RouteVerdict::Cache(route) => match asked.through(&route, rules, now) {
                Ok(through) => return Self::through(through, asked.method),
                Err(why) => (Some(route), why),
            },
            RouteVerdict::ByOperation(route) => return Self::ByOperation(route),
            RouteVerdict::Pass { route, why } => (route, why),
        };
        NotCached::of(asked.method, asked.headers, route, why).into()
    }

    fn through(through: Through, method: &Method) -> Self {
        match through.route.keys_body(method) {
            Some(rule) => Self::ByBody(ByBody { through, rule }),
            None => Self::Cached(through),
        }
    }

    /// Leaves of a request's Upgrade what its route passes on.
    pub(crate) fn ignore_other_upgrades(&self, version: Version, headers: &mut HeaderMap) {
        let route = match self {
            Self::Cached(through) | Self::ByBody(ByBody { through, .. }) => Some(&through.route),
            Self::ByOperation(route) => Some(route),
            Self::Pass(pass) | Self::Refuse(pass) => pass.route.as_ref(),
        };
        match route {
            Some(route) => keep_upgrade(headers, version, &route.upgrade),
            None => keep_upgrade(headers, version, &UPGRADE_DEFAULT),
        }
    }
}

/// Pass the cache by, or not even that.
#[derive(Debug)]
pub(crate) enum NotCached {
    /// As [`Way::Pass`].
    Forward(Pass),
    /// As [`Way::Refuse`].
    Refuse(Pass),
}

impl NotCached {
    pub(super) fn of(method: &Method, headers: &HeaderMap, route: Option<Arc<Route>>, why: Reason) -> Self {
        let is_named = route.as_ref().is_none_or(|route| route.names_method(method));
        let forward = if is_named { Forward::Bypass } else { Forward::Method };
        let caches = route.as_ref().is_some_and(|route| route.mode == RouteMode::Cache);
        let outcome = if caches { Outcome::Bypass } else { Outcome::Pass };
        let pass = Pass { route, why, outcome, forward, operation: None };
        // Where nothing is cached, the directive is for the caches further on.
        let is_refused = caches && RequestDirectives::parse(headers).only_if_cached;
        if is_refused { Self::Refuse(pass) } else { Self::Forward(pass) }
    }
}

impl From<NotCached> for Way {
    fn from(way: NotCached) -> Self {
        match way {
            NotCached::Forward(pass) => Self::Pass(pass),
            NotCached::Refuse(pass) => Self::Refuse(pass),
        }
    }
}

impl ByBody {
    /// The way of the request where its body is not part of a key, for this reason.
    pub(crate) fn past(self, method: &Method, headers: &HeaderMap, why: Reason) -> NotCached {
        NotCached::of(method, headers, Some(self.through.route), why)
    }
}

impl Asked<'_> {
    /// By what a route that caches may answer it, or why it is forwarded as it is.
    pub(super) fn through(
        &self,
        route: &Arc<Route>,
        rules: &RuleSet,
        now: impl Fn() -> Timestamp,
    ) -> Result<Through, Reason> {
        if let Some(why) = self.passes_by(route) {
            return Err(why);
        }
        let hold = match rules.switched(&route.name, &now) {
            SwitchMode::Bypass => return Err(Reason::SwitchBypass),
            mode => mode.hold(),
        };
        let claimed = match &route.claims {
            None => None,
            Some(rule) => Some(rules.tokens().claimed(rule, route.sent_token(self.headers)?, now())?),
        };
        Ok(Through { route: Arc::clone(route), hold, claimed })
    }

    /// Why it is forwarded as it is on a route that caches, if so.
    fn passes_by(&self, route: &Route) -> Option<Reason> {
        match self.form {
            Form::Plain => None,
            Form::Any(version, payload) => self.needs_the_origin(route, version, payload),
        }
        .or_else(|| route.bypasses(self.target, self.headers))
    }

    fn needs_the_origin(&self, route: &Route, version: Version, payload: Payload) -> Option<Reason> {
        if route.keys_body(self.method).is_none() {
            if !matches!(*self.method, Method::GET | Method::HEAD) {
                return Some(Reason::MethodNotStorable);
            }
            // What a body says is in no key, so an answer to it must not be stored or taken from the store.
            if payload == Payload::Body {
                return Some(Reason::RequestBody);
            }
        }
        if kept_upgrade(self.headers, version, &route.upgrade).is_some() {
            return Some(Reason::Upgrade);
        }
        if self.headers.contains_key(EXPECT) {
            return Some(Reason::Expectation);
        }
        // RFC 9111 section 4.3.2: not for a cache to judge. What they guard (a download that is resumed) is the origin's
        // present state, so they are forwarded, and the answer goes to this client alone.
        let is_for_origin = [IF_MATCH, IF_UNMODIFIED_SINCE].iter().any(|name| self.headers.contains_key(name));
        is_for_origin.then_some(Reason::OriginCondition)
    }
}
