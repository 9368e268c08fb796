//! The screen: the routes, the busiest keys, the most popular search terms.

use super::Seen;
use super::view::View;
use crate::cli::explain::shown;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Row, Table};
use serde_json::Value;

const KEYS: &str = "q ends, s sorts by the next measure, w the next window, 1 to 9 one route, a all routes";

const HEADINGS: [&str; 7] = ["requests", "hits", "misses", "hit %", "MB", "upstream s", "saved s"];

/// Routes are listed up to this many, those with the most first.
const ROUTES_MAX: u16 = 9;

/// Draws what was seen.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View, seen: &Seen) {
    let routes = u16::try_from(list(&seen.top, "routes").len()).unwrap_or(ROUTES_MAX).min(ROUTES_MAX);
    let terms = u16::try_from(list(&seen.searches, "terms").len()).unwrap_or(u16::MAX).min(10);
    let height = |rows: u16| if rows == 0 { 0 } else { rows + 3 };
    let areas = [
        Constraint::Length(1),
        Constraint::Length(height(routes)),
        Constraint::Min(4),
        Constraint::Length(height(terms)),
        Constraint::Length(1),
    ];
    let [head, by_route, by_key, by_term, foot] = Layout::vertical(areas).areas(frame.area());
    let route = view.route().map_or_else(|| "all routes".to_owned(), |route| format!("route {}", safe(route)));
    let of = format!("{}, {route}, the last {}", shown(&seen.top["decisions"]), view.window());
    let title = format!("larder top: by {}; requests {of}", view.by());
    frame.render_widget(Line::styled(title, Style::new().add_modifier(Modifier::BOLD)), head);
    table(frame, by_route, "routes", &rows_of(&seen.top, "routes"));
    table(frame, by_key, "keys", &rows_of(&seen.top, "keys"));
    table(frame, by_term, "search terms", &rows_of(&seen.searches, "terms"));
    let foot_line = seen.failure.as_deref().map_or_else(|| KEYS.to_owned(), safe);
    frame.render_widget(Line::styled(foot_line, Style::new().add_modifier(Modifier::DIM)), foot);
}

fn table(frame: &mut Frame<'_>, area: Rect, title: &str, rows: &[[String; 8]]) {
    let widths = [
        Constraint::Length(11),
        Constraint::Length(11),
        Constraint::Length(11),
        Constraint::Length(6),
        Constraint::Length(9),
        Constraint::Length(10),
        Constraint::Length(10),
        Constraint::Min(20),
    ];
    let header = HEADINGS.into_iter().map(|heading| format!("{heading:>9}")).chain(["name".to_owned()]);
    let header = Row::new(header).style(Style::new().add_modifier(Modifier::BOLD));
    let rows = rows.iter().map(|row| Row::new(row.iter().cloned()));
    frame.render_widget(Table::new(rows, widths).header(header).block(Block::bordered().title(title)), area);
}

/// The same as text, for pipes.
pub(super) fn text(seen: &Seen) -> String {
    let mut lines = Vec::new();
    for (title, said, name) in
        [("routes", &seen.top, "routes"), ("keys", &seen.top, "keys"), ("search terms", &seen.searches, "terms")]
    {
        let rows = rows_of(said, name);
        if rows.is_empty() {
            continue;
        }
        lines.push(title.to_owned());
        let headings = HEADINGS.map(|heading| format!("{heading:>11}")).join(" ");
        lines.push(format!("{headings}  name"));
        for [numbers @ .., name] in rows {
            lines.push(format!("{}  {name}", numbers.map(|number| format!("{number:>11}")).join(" ")));
        }
    }
    lines.join("\n")
}

fn list<'a>(said: &'a Value, name: &str) -> &'a [Value] {
    said[name].as_array().map_or(&[], Vec::as_slice)
}

/// The cells of each row: its numbers and its name.
fn rows_of(said: &Value, name: &str) -> Vec<[String; 8]> {
    list(said, name).iter().map(row).collect()
}

fn row(said: &Value) -> [String; 8] {
    let whole = |name: &str| format!("{:>9.0}{}", number(&said[name]), doubt(&said[name]));
    let hits = said["hit_ratio"].as_f64().unwrap_or_default() * 100.0;
    [
        whole("requests"),
        whole("hits"),
        whole("misses"),
        format!("{hits:>5.1}"),
        format!("{:>8.1}", number(&said["bytes"]) / 1e6),
        format!("{:>9.1}", number(&said["upstream_ms"]) / 1e3),
        format!("{:>9.1}", number(&said["origin_seconds_saved"])),
        name_of(said),
    ]
}

/// What it is: a term, the URL of a key, or a route.
fn name_of(said: &Value) -> String {
    if said["term"].is_string() {
        shown(&said["term"])
    } else if said["target"].is_string() {
        format!("{}{}", shown(&said["host"]), shown(&said["target"]))
    } else {
        shown(&said["route"])
    }
}

/// An exact number or an estimate.
fn number(said: &Value) -> f64 {
    said["estimate"].as_f64().or_else(|| said.as_f64()).unwrap_or_default()
}

/// A tilde where the number is not exact.
fn doubt(said: &Value) -> &'static str {
    if said["error"].as_f64().is_some_and(|error| error > 0.0) { "~" } else { "" }
}

fn safe(text: &str) -> String {
    shown(&Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    fn seen() -> Seen {
        let exact = |number: f64| json!({"estimate": number, "error": 0.0});
        let top = json!({
            "decisions": 12,
            "routes": [{"route": "search", "requests": 10, "hits": 9, "misses": 1, "hit_ratio": 0.9, "bytes": 2_000_000,
                "upstream_ms": 2300.0, "origin_seconds_saved": 20.7}],
            "keys": [{"route": "search", "host": "shop", "target": "/s?q=\u{1b}[2J", "requests": {"estimate": 10.0, "error": 1.0},
                "hits": exact(9.0), "misses": exact(1.0), "hit_ratio": 0.9, "bytes": exact(2e6),
                "upstream_ms": exact(2300.0), "origin_seconds_saved": exact(20.7)}],
        });
        let mut term = top["keys"][0].clone();
        term["term"] = "red shoes".into();
        Seen { top, searches: json!({"terms": [term]}), failure: None }
    }

    #[test]
    fn the_screen_holds_routes_keys_and_terms_and_nothing_that_a_terminal_obeys() {
        for (width, height) in [(120, 30), (60, 12), (20, 5), (1, 1)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            let view = View::new("requests", "10m", None);
            terminal.draw(|frame| draw(frame, &view, &seen())).unwrap();
            let drawn = terminal.backend().to_string();
            assert!(!drawn.contains('\u{1b}'), "{drawn}");
            if width == 120 {
                for text in
                    ["by requests; requests 12, all routes, the last 10m", "shop/s?q=", "red shoes", "10~", "90.0"]
                {
                    assert!(drawn.contains(text), "{text} is missing from\n{drawn}");
                }
            }
        }
    }

    #[test]
    fn a_pipe_gets_the_same_as_text() {
        let text = text(&seen());
        assert!(!text.contains('\u{1b}'), "{text}");
        for part in ["routes\n", "keys\n", "search terms\n", "red shoes", "shop/s?q="] {
            assert!(text.contains(part), "{part} is missing from\n{text}");
        }
    }
}
