//! Under which names a decision is counted: its route, the key that the rules make of its URL, and its search term.

use super::standing::{Asked, Item, Key};
use super::view::View;
use crate::rules::search_term::{SearchTerm, search_term};
use crate::rules::{Route, RuleSet};
use crate::semantics::target::Target;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// The names of so many requests are remembered; then it begins anew.
const REMEMBERED_MAX: usize = 4_096;

/// A key that is longer, host and target together, is not counted.
const KEY_BYTES_MAX: usize = 256;

/// What one decision is counted under.
#[derive(Clone, Default)]
pub(super) struct Named {
    pub(super) route: Option<Arc<str>>,
    /// `None`: it is too long.
    pub(super) key: Option<Item>,
    pub(super) term: Option<Item>,
    pub(super) term_is_too_long: bool,
}

/// Finds the names, and remembers them.
#[derive(Default)]
pub(super) struct Names {
    rules: Option<Arc<RuleSet>>,
    hashes: RandomState,
    remembered: HashMap<u64, Named, RandomState>,
}

impl Names {
    /// Names by these rules from now on.
    pub(super) fn follow(&mut self, rules: &Arc<RuleSet>) {
        if !self.rules.as_ref().is_some_and(|known| Arc::ptr_eq(known, rules)) {
            self.rules = Some(Arc::clone(rules));
            self.remembered.clear();
        }
    }

    /// The names of a decision.
    pub(super) fn of(&mut self, view: View<'_>) -> &Named {
        let request = self.hashes.hash_one((view.route(), view.host(), view.target()));
        if !self.remembered.contains_key(&request) {
            if self.remembered.len() >= REMEMBERED_MAX {
                self.remembered.clear();
            }
            let named = self.name(view);
            self.remembered.insert(request, named);
        }
        &self.remembered[&request]
    }

    fn name(&self, view: View<'_>) -> Named {
        let name = view.route().map(String::from_utf8_lossy);
        let rules = self.rules.iter().flat_map(|rules| rules.routes());
        let route = name.as_ref().and_then(|name| rules.into_iter().find(|route| route.name.as_str() == *name));
        let (host, target) = (String::from_utf8_lossy(view.host()), String::from_utf8_lossy(view.target()));
        let name: Option<Arc<str>> = name.map(|name| name.as_ref().into());
        let (keyed_host, keyed_target) = keyed(&host, &target, route);
        let fits = !view.is_cut() && keyed_host.len() + keyed_target.len() <= KEY_BYTES_MAX;
        let parameter = route.and_then(|route| route.search_term.as_deref());
        let query = target.split_once('?').map(|(_, query)| query);
        let searched = parameter.zip(query).map_or(SearchTerm::None, |(name, query)| search_term(query, name));
        let term = match &searched {
            SearchTerm::Term(term) => Some(self.item(name.as_ref(), "", term)),
            SearchTerm::None | SearchTerm::TooLong => None,
        };
        Named {
            key: fits.then(|| self.item(name.as_ref(), &keyed_host, &keyed_target)),
            route: name,
            term,
            term_is_too_long: searched == SearchTerm::TooLong,
        }
    }

    fn item(&self, route: Option<&Arc<str>>, host: &str, text: &str) -> Item {
        let hash = self.hashes.hash_one((route, host, text));
        Item(Arc::new(Key {
            hash,
            route: route.cloned(),
            host: host.into(),
            text: text.into(),
            asked: Asked::default(),
        }))
    }
}

/// Host and target as the route keys them; as they came, where there is no route or they are no URL.
fn keyed(host: &str, target: &str, route: Option<&Arc<Route>>) -> (String, String) {
    let settled = Target::parse_absolute(&format!("http://{host}{target}"));
    match (settled, route) {
        (Ok(settled), Some(route)) => {
            let keyed = route.keyed_target(settled);
            (keyed.authority().to_owned(), keyed.path_and_query().to_owned())
        }
        _ => (host.to_owned(), target.to_owned()),
    }
}
