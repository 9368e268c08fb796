//! Problems as the Rust compiler would show them.

use super::problem::{Problem, RenderStyle, Severity};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::fmt;

impl Problem {
    /// The problem for people, with the lines around its place.
    #[must_use]
    pub fn render(&self, style: RenderStyle) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = annotate_snippets::Group::with_title(level.primary_title(printable(&self.message)));
        if let Some(place) = &self.place {
            let text = place.source.text.as_str();
            let annotation = AnnotationKind::Primary.span(within(text, place.span.clone()));
            group = group.element(Snippet::source(text).path(place.source.name.as_str()).annotation(annotation));
        }
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.with_name(Some("hint")).message(printable(hint)));
        }
        let renderer = match style {
            RenderStyle::Plain => Renderer::plain(),
            RenderStyle::Coloured => Renderer::styled(),
        };
        renderer.render(&[group])
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(RenderStyle::Plain))
    }
}

/// A message without control characters, which could play tricks on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The span, cut to what the text has: a parser may point just past its end.
fn within(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(span.start);
    start..text.floor_char_boundary(span.end).max(start)
}
