//! Which way a request goes whose route depends on the operation of GraphQL that it asks for.

use super::way::{Asked, NotCached, Pass, Through};
use crate::clock::Timestamp;
use crate::rules::{Route, RouteVerdict, RuleSet};
use crate::semantics::graphql::request::{Operation, Told};
use crate::semantics::reason::Reason;
use std::sync::Arc;

/// The way of a request, once it is known which operation it asks for, or that this can't be told.
#[derive(Debug)]
pub(crate) enum ByOperation {
    /// It may be answered from the cache.
    Cached(Through, Arc<Operation>),
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
        now: impl Fn() -> Timestamp,
    ) -> Self {
        let name = told.as_ref().ok().and_then(|operation| operation.name.as_deref());
        let (route, why) = match rules.decide_operation(asked.method, asked.target, name) {
            RouteVerdict::Cache(route) | RouteVerdict::ByOperation(route) => {
                let cached = cacheable(told, &route).and_then(|operation| {
                    let through = asked.through(&route, rules, now)?;
                    hinders(&route).map_or(Ok((through, operation)), Err)
                });
                match cached {
                    Ok((through, operation)) => return Self::Cached(through, Arc::clone(operation)),
                    Err(why) => (Some(route), why),
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
fn cacheable<'o>(told: &'o Told, route: &Route) -> Result<&'o Arc<Operation>, Reason> {
    let operation = told.as_ref().map_err(|untold| untold.why)?;
    // A later route for the same path may key something else.
    let is_not_keyed = || (!route.caches_operations()).then_some(Reason::GraphqlNoRoute);
    let why = operation.why_not_cached().or_else(is_not_keyed);
    why.map_or(Ok(operation), Err)
}
