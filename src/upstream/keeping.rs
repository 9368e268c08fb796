//! What a server has shown of how long it keeps connections that wait.
//!
//! A request that can't be repeated must not meet a connection that is just being closed. It goes over a used one only
//! where the server has answered over such before, and has kept a connection open for several times as long as this one
//! has waited, or has said that it does (Keep-Alive: timeout). One that closes early and unannounced is not believed
//! for a while.

use http::{HeaderMap, HeaderName};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// A connection that is closed after less than this, unannounced, has been closed early, and one that has been kept for
/// less shows nothing.
const EARLY: Duration = Duration::from_secs(1);
/// How long a server that closes early is not believed.
const DISTRUST: Duration = Duration::from_mins(1);
/// What an answer's way takes, and then some.
const MARGIN: Duration = Duration::from_secs(1);
/// How many times as long a connection must have been kept as one has waited that is to be used.
const CAUTION: u32 = 4;

/// Whether a connection may carry a request that can't be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Shown,
    NotShown,
}

/// One server's. The mutex covers a comparison.
#[derive(Debug, Default)]
pub(super) struct Keeping(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    /// Whether a used connection carried another answer.
    reuse: Reuse,
    /// So long a connection that waited was open.
    kept: Duration,
    closed_early: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    #[default]
    NotSeen,
    Seen,
}

impl Shown {
    fn is_distrusted(&self, now: Instant) -> bool {
        self.closed_early.is_some_and(|at| now.saturating_duration_since(at) < DISTRUST)
    }
}

impl Keeping {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a connection that has waited so long may be expected to be open when a request arrives.
    pub(super) fn trust(&self, waited: Duration, now: Instant) -> Trust {
        let shown = self.shown();
        let is_shown = shown.reuse == Reuse::Seen && shown.kept >= EARLY && waited <= shown.kept / CAUTION;
        if is_shown && !shown.is_distrusted(now) { Trust::Shown } else { Trust::NotShown }
    }

    /// A connection that had waited so long carried another answer, or the server says that it would.
    pub(super) fn carried(&self, waited: Duration) {
        let mut shown = self.shown();
        shown.reuse = Reuse::Seen;
        shown.kept = shown.kept.max(waited);
    }

    /// A connection that has waited so long is open.
    pub(super) fn kept(&self, waited: Duration) {
        let mut shown = self.shown();
        shown.kept = shown.kept.max(waited);
    }

    /// The server closed a connection that had waited so long, without having said so in its answer.
    pub(super) fn closed(&self, waited: Duration, now: Instant) {
        let mut shown = self.shown();
        if waited < EARLY {
            *shown = Shown { closed_early: Some(now), ..Shown::default() };
        } else {
            shown.kept = shown.kept.min(waited);
        }
    }
}

/// How long the server keeps a connection, by what it says (`Keep-Alive: timeout=5, max=100`) and a little less.
pub(super) fn said(headers: &HeaderMap) -> Option<Duration> {
    said_by(headers.get(KEEP_ALIVE)?.as_bytes())
}

/// What the value of Keep-Alive says.
pub(super) fn said_by(value: &[u8]) -> Option<Duration> {
    let mut parameters = std::str::from_utf8(value).ok()?.split(',');
    let seconds = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("timeout").then(|| value.trim().parse::<u32>().ok())?
    })?;
    let timeout = Duration::from_secs(seconds.into());
    Some(timeout.saturating_sub(MARGIN.min(timeout / 2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Trust::{NotShown, Shown};

    #[test]
    fn a_connection_is_trusted_for_part_of_the_time_that_the_server_has_shown_to_keep_them() {
        let (keeping, now) = (Keeping::default(), Instant::now());
        let seconds = Duration::from_secs;
        keeping.kept(seconds(8));
        assert_eq!(keeping.trust(Duration::ZERO, now), NotShown, "none has been answered over");
        keeping.carried(Duration::from_millis(1));
        assert_eq!((keeping.trust(seconds(2), now), keeping.trust(seconds(3), now)), (Shown, NotShown));
        keeping.closed(seconds(4), now);
        assert_eq!((keeping.trust(seconds(2), now), keeping.trust(seconds(1), now)), (NotShown, Shown));
        keeping.closed(Duration::from_millis(10), now);
        keeping.carried(seconds(3));
        assert_eq!(keeping.trust(Duration::ZERO, now), NotShown, "it has closed early");
        assert_eq!(keeping.trust(Duration::ZERO, now + DISTRUST), Shown, "which is long ago");
        let keeping = Keeping::default();
        keeping.carried(Duration::from_millis(900));
        assert_eq!(keeping.trust(Duration::ZERO, now), NotShown, "too short a time shows nothing");
    }

    #[test]
    fn what_the_server_says_is_heard() {
        let rows = [
            ("timeout=5", Some(4000)),
            ("timeout=5, max=1000", Some(4000)),
            ("max=1000, Timeout = 15", Some(14000)),
            ("timeout=1", Some(500)),
            ("timeout=0", Some(0)),
            ("max=100", None),
            ("timeout=soon", None),
            ("timeout=99999999999999999999", None),
            ("", None),
        ];
        for (value, millis) in rows {
            let headers = HeaderMap::from_iter([(KEEP_ALIVE, value.parse().unwrap())]);
            assert_eq!(said(&headers), millis.map(Duration::from_millis), "{value}");
        }
    }
}
