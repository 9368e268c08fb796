//! What the user wants to see, and what each key changes about it.

use serde_json::Value;

/// By what it is sorted.
pub(super) const MEASURES: [&str; 6] = ["requests", "hits", "misses", "bytes", "upstream_ms", "origin_seconds_saved"];

/// How far back it is counted.
pub(super) const WINDOWS: [&str; 3] = ["1m", "10m", "1h"];

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    by: usize,
    window: usize,
    route: Option<String>,
}

impl View {
    /// This one; the first of each where there is no such word.
    pub(super) fn new(by: &str, window: &str, route: Option<String>) -> Self {
        let place = |words: &[&str], word| words.iter().position(|known| *known == word).unwrap_or_default();
        Self { by: place(&MEASURES, by), window: place(&WINDOWS, window), route }
    }

    pub(super) const fn by(&self) -> &'static str {
        MEASURES[self.by]
    }

    pub(super) const fn window(&self) -> &'static str {
        WINDOWS[self.window]
    }

    pub(super) fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// A key was pressed: whether it changes anything. `top` is what was last said of all routes or of one.
    pub(super) fn press(&mut self, key: char, top: &Value) -> bool {
        match key {
            's' => self.by = (self.by + 1) % MEASURES.len(),
            'w' => self.window = (self.window + 1) % WINDOWS.len(),
            'a' if self.route.is_some() => self.route = None,
            '1'..='9' => match nth_route(top, key) {
                Some(route) => self.route = Some(route),
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

/// The route in the line that the key names.
fn nth_route(top: &Value, key: char) -> Option<String> {
    let nth = usize::try_from(key.to_digit(10)?).ok()?.checked_sub(1)?;
    let route = &top["routes"].get(nth)?["route"];
    Some(route.as_str().unwrap_or("-").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_choose_the_measure_the_window_and_the_route() {
        let top = json!({"routes": [{"route": "search"}, {"route": null}]});
        let mut view = View::new("requests", "10m", None);
        assert!(view.press('s', &top) && view.press('w', &top) && view.press('2', &top));
        assert_eq!((view.by(), view.window(), view.route()), ("hits", "1h", Some("-")));
        assert!(view.press('1', &top) && view.press('w', &top));
        assert_eq!((view.window(), view.route()), ("1m", Some("search")));
        assert!(view.press('a', &top));
        assert_eq!(view.route(), None);
        for key in ['a', '3', '0', 'x'] {
            assert!(!view.press(key, &top), "{key}");
        }
    }
}
