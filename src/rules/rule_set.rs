//! All routes in order, and the verdict on a request.

use super::route::Route;
use crate::scope::Tag;
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use http::Method;
use std::sync::Arc;

/// The rules in force.
#[derive(Debug)]
pub struct RuleSet {
    routes: Vec<Arc<Route>>,
}

/// What the rules say of one request.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It may be answered from the cache.
    Cache(Arc<Route>),
    /// It passes through; `route` is the one that said so, if any matched the path.
    Pass {
        /// The route whose path and host match.
        route: Option<Arc<Route>>,
        /// Why.
        why: Reason,
    },
}

impl RuleSet {
    /// Compiles the routes, first match first.
    ///
    /// # Errors
    /// Where the routes together make too large an automaton.
    pub fn new(routes: Vec<Route>) -> Result<Self, RuleSetError> {
        Ok(Self { routes: routes.into_iter().map(Arc::new).collect() })
    }

    /// The verdict on a request. The cost does not grow linearly in the number of routes.
    #[must_use]
    pub fn decide(&self, method: &Method, target: &Target) -> Verdict {
        todo!("{method} {target:?}")
    }

    /// The tags that `route` gives to a response for `target`, whose path it matches. A capture that makes no valid
    /// tag yields none.
    #[must_use]
    pub fn tags(&self, route: &Route, target: &Target) -> Vec<Tag> {
        todo!("{route:?} {target:?}")
    }

    /// The routes in order.
    #[must_use]
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }
}

/// Why routes do not make a rule set.
#[derive(Debug, thiserror::Error)]
#[error("the routes do not compile together")]
pub struct RuleSetError {
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}
