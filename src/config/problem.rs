//! Problems in what the operator wrote: where, what, and how to mend it.

use serde::Serialize;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that problems point into: a file, or an argument of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SourceText {
    /// The file as the operator names it.
    pub(super) name: String,
    /// The whole text.
    pub(super) text: String,
}

/// A range of bytes in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: Arc<SourceText>,
    pub(super) span: Range<usize>,
    /// Where what it holds ends: a table's span is only its header.
    pub(super) extent_end: usize,
}

impl Place {
    pub(super) fn new(source: &Arc<SourceText>, span: Range<usize>) -> Self {
        Self { source: Arc::clone(source), extent_end: span.end, span }
    }

    /// The whole of an argument that stands in for a file's value.
    pub(super) fn argument(name: &str, value: &str) -> Self {
        Self::new(&Arc::new(SourceText { name: name.to_owned(), text: value.to_owned() }), 0..value.len())
    }

    /// Line and column, both counted from 1, the column in characters.
    fn line_and_column(&self) -> (usize, usize) {
        let before = self.source.text.get(..self.span.start).unwrap_or(&self.source.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).map_or(0, |line| line.chars().count());
        (before.matches('\n').count() + 1, column + 1)
    }

    fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }
}

/// `file:line`, for messages that point elsewhere.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source.name, self.line_and_column().0)
    }
}

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It can't be used.
    Error,
    /// It can be used, but hardly means what it says.
    Warning,
}

/// One problem.
#[derive(Debug, Clone)]
pub struct Problem {
    pub(super) severity: Severity,
    pub(super) place: Option<Place>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// A problem for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemReport {
    /// Error or warning.
    pub severity: Severity,
    /// The file, or the argument of the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What stands there, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl ProblemReport {
    /// Logs it as a warning: what `larder check` would print.
    pub(crate) fn log(&self) {
        let Self { file, line, message, hint, .. } = self;
        let at = |file: &String| line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
        let place = file.as_ref().map(at);
        let (place, hint) =
            (place.as_deref().map(tracing::field::display), hint.as_deref().map(tracing::field::display));
        tracing::warn!(place, hint, "{message}");
    }
}

/// The longest value repeated in a report, in characters.
const VALUE_CHARS_MAX: usize = 120;

impl Problem {
    pub(super) fn error(place: &Place, message: impl Into<String>, hint: Option<impl Into<String>>) -> Self {
        Self {
            severity: Severity::Error,
            place: Some(place.clone()),
            message: message.into(),
            hint: hint.map(Into::into),
        }
    }

    pub(super) fn warning(place: &Place, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, message, Some(hint)) }
    }

    pub(super) fn without_place(message: &str, hint: Option<&str>) -> Self {
        Self { severity: Severity::Error, place: None, message: message.to_owned(), hint: hint.map(ToOwned::to_owned) }
    }

    /// A warning of a file as a whole, for machines.
    pub(crate) fn of_file(file: &str, message: String) -> ProblemReport {
        let (file, severity) = (Some(file.to_owned()), Severity::Warning);
        ProblemReport { severity, file, line: None, column: None, value: None, message, hint: None }
    }

    /// The problem for machines.
    #[must_use]
    pub fn report(&self) -> ProblemReport {
        let position = self.place.as_ref().map(Place::line_and_column);
        ProblemReport {
            severity: self.severity,
            file: self.place.as_ref().map(|place| place.source.name.clone()),
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            value: self.place.as_ref().map(|place| place.text().chars().take(VALUE_CHARS_MAX).collect()),
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }
}

/// How problems are written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderStyle {
    /// Text only.
    Plain,
    /// With the colours of a terminal.
    Coloured,
}

/// Why a configuration or a set of rules can't be used: every error found, and the warnings found on the way.
#[derive(Debug, Clone, thiserror::Error)]
pub struct ConfigErrors {
    problems: Vec<Problem>,
}

impl ConfigErrors {
    pub(super) fn one(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }

    /// The problems, errors first, in the order of the text.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The problems for machines.
    #[must_use]
    pub fn reports(&self) -> Vec<ProblemReport> {
        self.problems.iter().map(Problem::report).collect()
    }

    /// The problems for people, one after the other.
    #[must_use]
    pub fn render(&self, style: RenderStyle) -> String {
        self.problems.iter().map(|problem| problem.render(style)).collect::<Vec<_>>().join("\n\n")
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let plural = if errors == 1 { "" } else { "s" };
        write!(f, "{errors} error{plural} in the configuration\n\n{}", self.render(RenderStyle::Plain))
    }
}

/// Collects problems while reading goes on.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.found.push(problem);
    }

    pub(super) fn error(&mut self, place: &Place, message: impl Into<String>, hint: Option<impl Into<String>>) {
        self.push(Problem::error(place, message, hint));
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether an error lies within a place: whatever is missing there may only be misspelled.
    pub(super) fn has_errors_within(&self, place: &Place) -> bool {
        let lies_within = |found: &Place| {
            found.source == place.source && (place.span.start..place.extent_end).contains(&found.span.start)
        };
        self.found.iter().any(|problem| problem.place.as_ref().is_some_and(lies_within))
    }

    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The warnings, or everything where there is an error.
    pub(super) fn finish(mut self) -> Result<Vec<Problem>, ConfigErrors> {
        let place = |problem: &Problem| {
            problem.place.as_ref().map(|place| (place.source.name.clone(), place.span.start, place.span.end))
        };
        let has_errors = self.has_errors();
        self.found.sort_by_key(|problem| (problem.severity == Severity::Warning, place(problem)));
        if has_errors { Err(ConfigErrors { problems: self.found }) } else { Ok(self.found) }
    }
}
