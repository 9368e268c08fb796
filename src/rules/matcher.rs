//! Many routes in one automaton.
//!
//! Every route becomes one expression over `scheme://authority/path`, anchored at both ends, in the order of the
//! routes. Leftmost-first search then yields the first route that matches, in one pass over the text whatever the
//! number of routes.

use super::pattern::Captures;
use super::route::Route;
use regex_automata::meta::{BuildError, Regex};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

/// The most memory that one compiled automaton may take, in bytes.
const AUTOMATON_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Searches some of a rule set's routes.
#[derive(Debug)]
pub(super) struct Matcher {
    regex: Regex,
    /// The place in the rule set of each expression.
    positions: Vec<usize>,
}

impl Matcher {
    /// Compiles the routes at `positions`, which ascend.
    pub(super) fn new<'r>(routes: impl Fn(usize) -> &'r Route, positions: Vec<usize>) -> Result<Self, Box<BuildError>> {
        let expressions: Vec<String> = positions.iter().map(|position| expression(routes(*position))).collect();
        let regex = Regex::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true))
            .configure(Regex::config().nfa_size_limit(Some(AUTOMATON_BYTES_MAX)))
            .build_many(&expressions)
            .map_err(Box::new)?;
        Ok(Self { regex, positions })
    }

    pub(super) fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// The place of the first route that matches `scheme://authority/path`.
    pub(super) fn first_match(&self, url: &str) -> Option<usize> {
        let end = self.regex.search_half(&Input::new(url).anchored(Anchored::Yes))?;
        self.positions.get(end.pattern().as_usize()).copied()
    }
}

fn expression(route: &Route) -> String {
    let authority = route.host.as_ref().map_or_else(|| "https?://[^/]*".to_owned(), super::pattern::HostPattern::regex);
    let path = route.path.regex(Captures::Ignored);
    format!(r"\A{authority}{path}\z")
}
