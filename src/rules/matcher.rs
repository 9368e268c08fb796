//! Many routes in one automaton.
//!
//! Every route becomes one expression, anchored at both ends, in the order of the routes: over `scheme://authority/path`,
//! or over the path alone where no route names a host. Leftmost-first search then yields the first route that matches, in one pass over the text whatever the
//! number of routes.

use super::pattern::Captures;
use super::route::Route;
use crate::semantics::target::Target;
use regex_automata::meta::{BuildError, Regex};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

/// The most memory that one compiled automaton may take, in bytes.
const AUTOMATON_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Searches some of a rule set's routes.
#[derive(Debug)]
pub(super) struct Matcher {
    regex: Regex,
    subject: Subject,
    /// The place in the rule set of each expression.
    positions: Vec<usize>,
}

/// What of a target is searched.
#[derive(Debug, Clone, Copy)]
enum Subject {
    /// Scheme, authority and path.
    Url,
    /// The path alone.
    Path,
}

impl Matcher {
    /// Compiles the routes at `positions`, which ascend.
    pub(super) fn new<'r>(routes: impl Fn(usize) -> &'r Route, positions: Vec<usize>) -> Result<Self, Box<BuildError>> {
        let names_host = positions.iter().any(|position| routes(*position).host.is_some());
        let subject = if names_host { Subject::Url } else { Subject::Path };
        let expressions: Vec<String> =
            positions.iter().map(|position| expression(routes(*position), subject)).collect();
        let regex = Regex::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true))
            .configure(Regex::config().nfa_size_limit(Some(AUTOMATON_BYTES_MAX)))
            .build_many(&expressions)
            .map_err(Box::new)?;
        Ok(Self { regex, subject, positions })
    }

    pub(super) fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// The place of the first route that matches a target.
    pub(super) fn first_match(&self, target: &Target) -> Option<usize> {
        let path = target.path();
        let text = match self.subject {
            Subject::Path => path,
            Subject::Url => target.url().get(..target.path_start() + path.len()).unwrap_or_default(),
        };
        let end = self.regex.search_half(&Input::new(text).anchored(Anchored::Yes))?;
        self.positions.get(end.pattern().as_usize()).copied()
    }
}

fn expression(route: &Route, subject: Subject) -> String {
    let authority = match (subject, &route.host) {
        (Subject::Path, _) => String::new(),
        (Subject::Url, Some(host)) => host.regex(),
        (Subject::Url, None) => "https?://[^/]*".to_owned(),
    };
    let path = route.path.regex(Captures::Ignored);
    format!(r"\A{authority}{path}\z")
}
