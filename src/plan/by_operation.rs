//! Which way a request goes whose route depends on the operation of GraphQL that it asks for.

use super::way::{Asked, NotCached, Pass};
use crate::clock::Timestamp;
use crate::rules::switch::SwitchMode;
use crate::rules::{Route, RouteVerdict, RuleSet};
use crate::semantics::graphql::request::{Operation, Told};
use crate::semantics::reason::Reason;
use crate::semantics::reuse::Hold;
use std::sync::Arc;

/// The way of a request, once it is known which operation it asks for, or that this can't be told.
#[derive(Debug)]
pub(crate) enum ByOperation {
    /// It may be answered from the cache, by this route, which an operator may have put on hold.
    Cached(Arc<Route>, Option<Hold>, Arc<Operation>),
    /// It passes the cache by.
    NotCached(NotCached),
}

impl ByOperation {
    /// The way that the rules give a request, and the switches that are set `now`. `hinders` says what keeps the request
    /// from a route that would answer it.
    pub(crate) fn of(
        asked: Asked<'_>,
        told: &Told,
        rules: &RuleSet,
        hinders: impl FnOnce(&Route) -> Option<Reason>,
        now: impl FnOnce() -> Timestamp,
    ) -> Self {
        let name = told.as_ref().ok().and_then(|operation| operation.name.as_deref());
        let (route, why) = match rules.decide_operation(asked.method, asked.target, name) {
            RouteVerdict::Cache(route) | RouteVerdict::ByOperation(route) => {
                let cacheable = cacheable(asked, told, &route).and_then(|operation| match hinders(&route) {
                    Some(why) => Err(why),
                    None => Ok(operation),
                });
                match (cacheable, rules.switched(&route.name, now)) {
                    (Err(why), _) => (Some(route), why),
                    (Ok(_), SwitchMode::Bypass) => (Some(route), Reason::SwitchBypass),
                    (Ok(operation), mode) => return Self::Cached(route, mode.hold(), Arc::clone(operation)),
                }
            }
            RouteVerdict::Pass { route, why } => (route, why),
        };
        Self::NotCached(NotCached::of(asked.method, asked.headers, route, why).asking(told.clone()))
    }
}

impl NotCached {
    fn asking(self, told: Told) -> Self {
        let asking = |pass| Pass { operation: Some(told), ..pass };
        match self {
            Self::Forward(pass) => Self::Forward(asking(pass)),
            Self::Refuse(pass) => Self::Refuse(asking(pass)),
        }
    }
}

/// The operation, where its answer may come from the cache; else why it is forwarded as it is.
fn cacheable<'o>(asked: Asked<'_>, told: &'o Told, route: &Route) -> Result<&'o Arc<Operation>, Reason> {
    let operation = told.as_ref().map_err(|untold| untold.why)?;
    // A later route for the same path may key something else.
    let is_not_keyed = || (!route.caches_operations()).then_some(Reason::GraphqlNoRoute);
    let why = operation.why_not_cached().or_else(is_not_keyed).or_else(|| asked.passes_by(route));
    why.map_or(Ok(operation), Err)
}
