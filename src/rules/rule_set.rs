//! All routes in order, and the verdict on a request.

use super::body_key::{BODY_KEY_BYTES_DEFAULT, KeyedForm};
use super::by_method::{ByMethod, Matchers};
use super::change::ChangeRule;
use super::coverage;
use super::event::EventRule;
use super::origin_request::OriginRequestRule;
use super::route::{Route, RouteMode};
use super::switch::{SwitchBoard, SwitchMode};
use super::tokens::Tokens;
use super::warm::WarmBlock;
use crate::clock::Timestamp;
use crate::scope::{RouteName, Scope, Tag, TagError};
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use http::Method;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Enough of a digest to distinguish rules.
const DIGEST_DIGITS: usize = 16;

/// The rules in force.
#[derive(Debug)]
pub struct RuleSet {
    number: u32,
    /// Of the text that they were read from.
    digest: Box<str>,
    routes: Vec<Arc<Route>>,
    events: Vec<EventRule>,
    changes: Vec<ChangeRule>,
    warm: Vec<WarmBlock>,
    /// For requests that no route matches.
    unrouted: OriginRequestRule,
    /// All routes.
    all: ByMethod,
    /// For operations of GraphQL that a route names: its routes, and those for all operations.
    by_operation: BTreeMap<Box<str>, ByMethod>,
    /// For other operations.
    other_operations: ByMethod,
    /// The methods by which a route keys bodies.
    keyed_by_body: Vec<Method>,
    /// What operators have set for a while in place of what the routes say.
    switches: Arc<SwitchBoard>,
    /// Which tokens are believed.
    tokens: Arc<Tokens>,
}

/// What the rules say of one request.
#[derive(Debug, Clone)]
pub enum RouteVerdict {
    /// It may be answered from the cache.
    Cache(Arc<Route>),
    /// It depends on which operation of GraphQL it asks for; this is the first route that may answer it.
    ByOperation(Arc<Route>),
    /// It passes through; `route` is the one that said so, if any matched the path.
    Pass {
        /// The route whose path and host match.
        route: Option<Arc<Route>>,
        /// Why.
        why: Reason,
    },
}

/// A route that can never match, because an earlier one takes all its requests.
#[derive(Debug, Clone)]
pub struct UnreachableRoute {
    /// The route that can never match.
    pub route: Arc<Route>,
    /// The earlier one.
    pub covered_by: Arc<Route>,
}

impl RuleSet {
    /// Compiles the routes, first match first.
    ///
    /// # Errors
    /// Where the routes together make too large an automaton.
    pub fn new(routes: Vec<Route>) -> Result<Self, RuleSetError> {
        let routes: Vec<Arc<Route>> = routes.into_iter().map(Arc::new).collect();
        let mut matchers = Matchers::of(&routes);
        let mut by_method =
            |selects: &dyn Fn(&Route) -> bool| matchers.by_method(selects).map_err(|cause| RuleSetError { cause });
        let all = by_method(&|_| true)?;
        let other_operations = by_method(&|route| route.operation.is_none())?;
        let mut by_operation = BTreeMap::new();
        for name in routes.iter().filter_map(|route| route.operation.as_ref()) {
            let is_for = |route: &Route| route.operation.as_ref().is_none_or(|named| named == name);
            by_operation.insert(name.clone(), by_method(&is_for)?);
        }
        let keys = |method: &Method| routes.iter().any(|route| route.keys_body(method).is_some());
        let keyed_by_body = all.methods().filter(|method| keys(method)).cloned().collect();
        Ok(Self {
            number: 0,
            digest: "none".into(),
            routes,
            events: Vec::new(),
            changes: Vec::new(),
            warm: Vec::new(),
            unrouted: OriginRequestRule::default(),
            all,
            by_operation,
            other_operations,
            keyed_by_body,
            switches: Arc::default(),
            tokens: Arc::default(),
        })
    }

    /// The longest `settle` of a route; zero where none has one.
    pub(crate) fn longest_settle(&self) -> Duration {
        self.routes.iter().filter_map(|route| route.settle).max().unwrap_or_default()
    }

    /// Whether a route of these could give something this tag, or has this name.
    #[must_use]
    pub fn may_give(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Tag(tag) => self.routes.iter().flat_map(|route| &route.tags).any(|given| given.makes(tag.as_str())),
            Scope::Route(name) => self.routes.iter().any(|route| route.name == *name),
            Scope::All | Scope::Url(_) | Scope::Prefix(_) => false,
        }
    }

    /// The same, read from these texts.
    #[must_use]
    pub fn read_from<'t>(self, texts: impl Iterator<Item = &'t str>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for text in texts {
            // The length first, so that where one ends and the next begins counts.
            hasher.update(&text.len().to_le_bytes()).update(text.as_bytes());
        }
        let digest = hasher.finalize().to_hex()[..DIGEST_DIGITS].into();
        Self { digest, ..self }
    }

    /// The digest of the texts that they were read from, in hexadecimal; `none` where they were read from none.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The same with these `[[event]]` blocks.
    #[must_use]
    pub fn with_events(self, events: Vec<EventRule>) -> Self {
        Self { events, ..self }
    }

    /// The same with these `[[change]]` blocks.
    #[must_use]
    pub(crate) fn with_changes(self, changes: Vec<ChangeRule>) -> Self {
        Self { changes, ..self }
    }

    /// The `[[change]]` blocks in order.
    #[must_use]
    pub(crate) fn changes(&self) -> &[ChangeRule] {
        &self.changes
    }

    /// The same with these `[[warm]]` blocks.
    #[must_use]
    pub(crate) fn with_warm(self, warm: Vec<WarmBlock>) -> Self {
        Self { warm, ..self }
    }

    /// The `[[warm]]` blocks in order.
    #[must_use]
    pub(crate) fn warm(&self) -> &[WarmBlock] {
        &self.warm
    }

    /// The same, with what the origin is asked where no route matches.
    #[must_use]
    pub fn with_unrouted(self, unrouted: OriginRequestRule) -> Self {
        Self { unrouted, ..self }
    }

    /// What the origin is asked on behalf of a route, or of none.
    #[must_use]
    pub fn to_origin<'r>(&'r self, route: Option<&'r Route>) -> &'r OriginRequestRule {
        route.map_or(&self.unrouted, |route| &route.to_origin)
    }

    /// The same as the rules that an engine puts in force as its `number`th, from 1.
    #[must_use]
    pub fn numbered(self, number: u32) -> Self {
        Self { number, ..self }
    }

    /// The same, for the instance that these switches are set at.
    #[must_use]
    pub(crate) fn switched_by(self, switches: Arc<SwitchBoard>) -> Self {
        Self { switches, ..self }
    }

    /// The same, believing these tokens; by themselves, rules believe none.
    #[must_use]
    pub(crate) fn believing(self, tokens: Arc<Tokens>) -> Self {
        Self { tokens, ..self }
    }

    /// Which tokens are believed.
    #[must_use]
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// What is set for a route of these. `now` is asked only where something may be.
    #[must_use]
    pub(crate) fn switched(&self, route: &RouteName, now: impl FnOnce() -> Timestamp) -> SwitchMode {
        self.switches.mode(route, now)
    }

    /// Tells these rules from those that were in force before; 0 for rules that never were.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The routes and the tags under which these rules would file answers for `target`: that of GET first, if it caches;
    /// others where requests are keyed by their bodies.
    #[must_use]
    pub(crate) fn filings(&self, target: &Target) -> Vec<(Arc<Route>, Vec<Tag>)> {
        let with_tags = |route: Arc<Route>| {
            let tags = route.tags_known_for(target.path());
            (route, tags)
        };
        self.caching_routes(target).into_iter().map(with_tags).collect()
    }

    /// The routes by which something may be stored for `target`, each once.
    #[must_use]
    pub(crate) fn caching_routes(&self, target: &Target) -> Vec<Arc<Route>> {
        let mut routes: Vec<Arc<Route>> = Vec::with_capacity(1);
        for method in [&Method::GET].into_iter().chain(&self.keyed_by_body) {
            let stores = |route: &Route| *method == Method::GET || route.keys_body(method).is_some();
            for verdict in self.verdicts(method, target) {
                if let RouteVerdict::Cache(route) = verdict
                    && stores(&route)
                    && !routes.iter().any(|known| Arc::ptr_eq(known, &route))
                {
                    routes.push(route);
                }
            }
        }
        routes
    }

    /// The verdict on a request; those for all operations of GraphQL, where it may ask for one.
    fn verdicts(&self, method: &Method, target: &Target) -> Vec<RouteVerdict> {
        match self.decide(method, target) {
            RouteVerdict::ByOperation(_) => {
                let named = self.by_operation.values();
                named.chain([&self.other_operations]).map(|routes| self.verdict(routes, method, target)).collect()
            }
            verdict => vec![verdict],
        }
    }

    /// The `[[event]]` blocks in order.
    #[must_use]
    pub fn events(&self) -> &[EventRule] {
        &self.events
    }

    /// The verdict on a request. The cost does not grow linearly in the number of routes.
    #[must_use]
    pub fn decide(&self, method: &Method, target: &Target) -> RouteVerdict {
        match self.first(&self.all, method, target) {
            Some(route) if route.reads_operations(method) => RouteVerdict::ByOperation(Arc::clone(route)),
            Some(route) => verdict_of(route, target),
            None => self.verdict_through(&self.all, target),
        }
    }

    /// As [`Self::decide`], once it is known which operation of GraphQL is asked for, if it has a name.
    #[must_use]
    pub(crate) fn decide_operation(&self, method: &Method, target: &Target, name: Option<&str>) -> RouteVerdict {
        let named = name.and_then(|name| self.by_operation.get(name));
        self.verdict(named.unwrap_or(&self.other_operations), method, target)
    }

    /// The longest body that is read for the operation that it asks for, in bytes.
    #[must_use]
    pub(crate) fn operation_bytes_max(&self) -> usize {
        let rules = self.routes.iter().filter_map(|route| route.body_key);
        let of_graphql = rules.filter(|rule| rule.form == KeyedForm::Graphql).map(|rule| rule.bytes_max);
        of_graphql.max().unwrap_or(BODY_KEY_BYTES_DEFAULT)
    }

    fn first(&self, routes: &ByMethod, method: &Method, target: &Target) -> Option<&Arc<Route>> {
        routes.first_match(method, target).and_then(|position| self.routes.get(position))
    }

    fn verdict(&self, routes: &ByMethod, method: &Method, target: &Target) -> RouteVerdict {
        match self.first(routes, method, target) {
            Some(route) => verdict_of(route, target),
            None => self.verdict_through(routes, target),
        }
    }

    fn verdict_through(&self, routes: &ByMethod, target: &Target) -> RouteVerdict {
        match routes.first_through(target).and_then(|position| self.routes.get(position)) {
            Some(route) => passing(route, Reason::MethodNotNamed),
            None => RouteVerdict::Pass { route: None, why: Reason::NoRoute },
        }
    }

    /// The first route that matches the path, whatever methods it names.
    #[must_use]
    pub fn route_through(&self, target: &Target) -> Option<&Arc<Route>> {
        self.all.first_through(target).and_then(|position| self.routes.get(position))
    }

    /// The tags that `route` gives to a response for `target`, whose path it matches.
    ///
    /// # Errors
    /// As [`Route::tags_for`].
    pub fn tags(&self, route: &Route, target: &Target) -> Result<Vec<Tag>, TagError> {
        route.tags_for(target.path())
    }

    /// The routes in order.
    #[must_use]
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// The routes that can never match because one earlier route takes all their requests. What is listed is certain;
    /// a route that only several others together cover is not found.
    #[must_use]
    pub fn unreachable_routes(&self) -> Vec<UnreachableRoute> {
        let covering = |place: usize, route: &Arc<Route>| {
            let covered_by = self.routes.iter().take(place).find(|earlier| coverage::covers(earlier, route))?;
            Some(UnreachableRoute { route: Arc::clone(route), covered_by: Arc::clone(covered_by) })
        };
        self.routes.iter().enumerate().filter_map(|(place, route)| covering(place, route)).collect()
    }
}

fn verdict_of(route: &Arc<Route>, target: &Target) -> RouteVerdict {
    match (route.mode, target.ambiguity()) {
        (RouteMode::PassThrough, _) => passing(route, Reason::RoutePasses),
        (RouteMode::Cache, Some(why)) => passing(route, why),
        (RouteMode::Cache, None) => RouteVerdict::Cache(Arc::clone(route)),
    }
}

fn passing(route: &Arc<Route>, why: Reason) -> RouteVerdict {
    RouteVerdict::Pass { route: Some(Arc::clone(route)), why }
}

/// Why routes do not make a rule set.
#[derive(Debug, thiserror::Error)]
#[error("the routes do not compile together")]
pub struct RuleSetError {
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

#[cfg(test)]
#[path = "rule_set_tests.rs"]
mod tests;
