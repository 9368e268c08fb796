//! Matchers of a rule set's routes, one for each method that they name.

use super::matcher::Matcher;
use super::route::Route;
use crate::semantics::target::Target;
use http::Method;
use std::error::Error;
use std::sync::Arc;

/// Finds the first of some routes that matches a request.
#[derive(Debug)]
pub(super) struct ByMethod {
    /// For each method that a route names.
    named: Vec<(Method, Arc<Matcher>)>,
    /// For every other method.
    others: Arc<Matcher>,
    /// All of these routes, whatever their methods.
    all: Arc<Matcher>,
}

impl ByMethod {
    /// The place of the first route that matches.
    pub(super) fn first_match(&self, method: &Method, target: &Target) -> Option<usize> {
        let named = self.named.iter().find(|(known, _)| known == method);
        named.map_or(&self.others, |(_, matcher)| matcher).first_match(target)
    }

    /// The place of the first route that matches the path, whatever methods it names.
    pub(super) fn first_through(&self, target: &Target) -> Option<usize> {
        self.all.first_match(target)
    }

    /// The methods that a route names.
    pub(super) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.named.iter().map(|(method, _)| method)
    }
}

/// Makes matchers of routes, each once.
pub(super) struct Matchers<'r> {
    routes: &'r [Arc<Route>],
    made: Vec<Arc<Matcher>>,
}

type BuildError = Box<dyn Error + Send + Sync>;

impl<'r> Matchers<'r> {
    /// Of all routes in order.
    pub(super) const fn of(routes: &'r [Arc<Route>]) -> Self {
        Self { routes, made: Vec::new() }
    }

    /// Those of the routes that `selects` takes.
    ///
    /// # Errors
    /// Where they make too large an automaton.
    pub(super) fn by_method(&mut self, selects: impl Fn(&Route) -> bool) -> Result<ByMethod, BuildError> {
        let all = self.matcher(&selects)?;
        let others = self.matcher(|route| selects(route) && route.methods.is_empty())?;
        let mut named: Vec<(Method, Arc<Matcher>)> = Vec::new();
        for method in self.routes.iter().flat_map(|route| &route.methods).chain([&Method::HEAD]) {
            if named.iter().all(|(known, _)| known != method) {
                let matcher = self.matcher(|route| selects(route) && route.names_method(method))?;
                named.push((method.clone(), matcher));
            }
        }
        Ok(ByMethod { named, others, all })
    }

    fn matcher(&mut self, selects: impl Fn(&Route) -> bool) -> Result<Arc<Matcher>, BuildError> {
        let positions: Vec<usize> =
            (0..self.routes.len()).filter(|position| selects(&self.routes[*position])).collect();
        if let Some(same) = self.made.iter().find(|matcher| matcher.positions() == positions) {
            return Ok(Arc::clone(same));
        }
        let made = Arc::new(Matcher::new(|position| &self.routes[position], positions)?);
        self.made.push(Arc::clone(&made));
        Ok(made)
    }
}
