//! How a pool's servers are checked and looked up, resolved.

use super::raw_upstream::RawHealth;
use super::resolve::Resolver;
use super::table::Placed;
use super::values::DurationText;
use crate::upstream::{HealthOptions, StatusRanges};
use http::uri::PathAndQuery;
use std::time::Duration;

/// The shortest time between two checks, and between two look-ups.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
const RESOLVE_MIN: Duration = Duration::from_secs(1);

impl Resolver<'_> {
    /// `health`
    pub(super) fn health(&mut self, raw: Placed<RawHealth>) -> Option<HealthOptions> {
        let Placed { value: raw, place } = raw;
        if raw.path.is_none() && !self.problems.has_errors_within(&place) {
            self.problems.error(&place, "`health` has no `path`", Some("say what is asked for: path = \"/healthz\""));
        }
        let path = raw.path.and_then(|path| self.health_path(&path));
        let interval = self.at_least(raw.interval.as_ref(), Duration::from_secs(5), INTERVAL_MIN);
        let timeout = self.timeout(raw.timeout.as_ref(), Duration::from_secs(1));
        let expect = self.expect(raw.expect.as_ref());
        let (rise, fall) = (self.count(raw.rise.as_ref(), 2, 1), self.count(raw.fall.as_ref(), 3, 1));
        Some(HealthOptions { path: path?, interval, timeout, expect: expect?, rise, fall })
    }

    fn health_path(&mut self, written: &Placed<String>) -> Option<PathAndQuery> {
        let text = &written.value;
        let path = text.parse::<PathAndQuery>().ok().filter(|_| text.starts_with('/') && !text.contains('#'));
        if path.is_none() {
            let hint = "write a path that begins with a slash, with a query if need be: \"/healthz\"";
            self.problems.error(&written.place, format!("`{text}` is not a path"), Some(hint));
        }
        path
    }

    fn expect(&mut self, written: Option<&Placed<String>>) -> Option<StatusRanges> {
        let text = written.map_or("200-399", |written| &written.value);
        match (text.parse(), written) {
            (Ok(ranges), _) => Some(ranges),
            (Err(error), Some(written)) => {
                let message = format!("`{text}` does not name the statuses of a healthy server");
                self.problems.error(&written.place, message, Some(format!("{error}")));
                None
            }
            (Err(_), None) => None,
        }
    }

    /// `resolve`
    pub(super) fn resolve_interval(&mut self, written: Option<&Placed<DurationText>>, usual: Duration) -> Duration {
        self.at_least(written, usual, RESOLVE_MIN)
    }

    fn at_least(&mut self, written: Option<&Placed<DurationText>>, usual: Duration, least: Duration) -> Duration {
        let Some(written) = written else { return usual };
        if written.value.0 < least {
            let hint = format!("write no less than \"{least:?}\"");
            self.problems.error(&written.place, "too short", Some(hint));
        }
        written.value.0
    }
}
