//! Who watches decisions as they come. A viewer that reads slowly, or wants more than there is room for, loses some, and is
//! told how many; nothing is kept for it but a few chunks of text.

use super::kept::Row;
use super::view::View;
use crate::clock::Timestamp;
use crate::engine::outcome::Outcome;
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// How many may watch at once.
pub(crate) const VIEWERS_MAX: usize = 100;

/// How many events are given out at each turn, to all viewers together.
const EVENTS_A_TURN: usize = 1_000;

/// How many each viewer gets at least.
const EVENTS_MIN: usize = 10;

/// Chunks that wait for a viewer: each has the events of one turn.
const CHUNKS_MAX: usize = 8;

/// After so many turns without an event, a viewer gets an empty comment, by which it is known to be there.
const QUIET_TURNS_MAX: u32 = 60;

/// Which decisions a viewer wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    /// Those of this route; `-`: those of none.
    pub(crate) route: Option<String>,
    /// Those with one of these outcomes; empty: with any.
    pub(crate) outcomes: Vec<Outcome>,
    /// Those that took at least so long.
    pub(crate) min_duration: Duration,
    /// This share of them, drawn by chance.
    pub(crate) share: f64,
}

impl Filter {
    fn admits(&self, view: View<'_>) -> bool {
        (self.outcomes.is_empty() || self.outcomes.contains(&view.outcome()))
            && view.duration() >= self.min_duration
            && self.route.as_ref().is_none_or(|route| view.route().unwrap_or(b"-") == route.as_bytes())
    }
}

/// The viewers.
#[derive(Default)]
pub(super) struct Viewers {
    watching: Mutex<Vec<Viewer>>,
    lost: AtomicU64,
}

struct Viewer {
    filter: Filter,
    chunks: mpsc::Sender<Bytes>,
    /// Not told yet.
    lost: u64,
    quiet_turns: u32,
}

/// What one viewer is given at a turn.
#[derive(Default)]
struct Given {
    text: String,
    events: usize,
}

impl Viewers {
    /// A new one: its chunks of events; `None` if there are too many.
    pub(super) fn watch(&self, filter: Filter) -> Option<mpsc::Receiver<Bytes>> {
        let mut watching = self.locked();
        watching.retain(|viewer| !viewer.chunks.is_closed());
        if watching.len() >= VIEWERS_MAX {
            return None;
        }
        let (chunks, receiver) = mpsc::channel(CHUNKS_MAX);
        // The first chunk tells that what comes from now on is seen. There is room.
        let _ = chunks.try_send(Bytes::from_static(b": watching\n\n"));
        watching.push(Viewer { filter, chunks, lost: 0, quiet_turns: 0 });
        // Those of equal filters stand together.
        watching.sort_by(|one, other| one.filter.route.cmp(&other.filter.route));
        Some(receiver)
    }

    /// Ends all of them.
    pub(super) fn close(&self) {
        self.locked().clear();
    }

    /// Shows these rows. `missed` decisions before them nobody has seen; `ended` says when something was that the feed
    /// has at this time.
    pub(super) fn show(&self, rows: &[Arc<Row>], missed: u64, ended: impl Fn(Duration) -> Timestamp) {
        let mut watching = self.locked();
        watching.retain(|viewer| !viewer.chunks.is_closed());
        if watching.is_empty() {
            return;
        }
        let room = (EVENTS_A_TURN / watching.len()).max(EVENTS_MIN);
        let mut given: Vec<Given> = watching.iter().map(|_| Given::default()).collect();
        for view in rows.iter().flat_map(|row| View::all(&row.bytes)) {
            let mut event = None;
            let mut judged: Option<(&Filter, bool)> = None;
            for (viewer, given) in watching.iter_mut().zip(&mut given) {
                let admits = match judged {
                    Some((filter, admits)) if *filter == viewer.filter => admits,
                    _ => viewer.filter.admits(view),
                };
                judged = Some((&viewer.filter, admits));
                if !admits || (viewer.filter.share < 1.0 && rand::random::<f64>() >= viewer.filter.share) {
                    continue;
                }
                if given.events == room {
                    viewer.lost += 1;
                    continue;
                }
                given.events += 1;
                given.text.push_str(event.get_or_insert_with(|| event_of(view, ended(view.ended()))));
            }
        }
        for (viewer, given) in watching.iter_mut().zip(given) {
            viewer.lost += missed;
            self.lost.fetch_add(viewer.give(&given), Ordering::Relaxed);
        }
    }

    /// How many watch.
    pub(super) fn count(&self) -> u64 {
        self.locked().iter().filter(|viewer| !viewer.chunks.is_closed()).count() as u64
    }

    /// How many events viewers have lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Viewer>> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Viewer {
    /// Hands over what it is given. How many events it has lost for good by now, and is told of.
    fn give(&mut self, given: &Given) -> u64 {
        let lost = if self.lost > 0 { lost_event(self.lost) } else { String::new() };
        let text = lost + &given.text;
        self.quiet_turns = if text.is_empty() { self.quiet_turns + 1 } else { 0 };
        let chunk = match text {
            text if !text.is_empty() => Bytes::from(text),
            _ if self.quiet_turns > QUIET_TURNS_MAX => {
                self.quiet_turns = 0;
                Bytes::from_static(b":\n\n")
            }
            _ => return 0,
        };
        if self.chunks.try_send(chunk).is_ok() {
            return std::mem::take(&mut self.lost);
        }
        self.lost += given.events as u64;
        0
    }
}

fn event_of(view: View<'_>, ended: Timestamp) -> String {
    // Texts and numbers, of which JSON is always made.
    let shown = serde_json::to_string(&view.shown(ended)).unwrap_or_default();
    format!("data: {shown}\n\n")
}

fn lost_event(decisions: u64) -> String {
    format!("event: lost\ndata: {{\"decisions\":{decisions}}}\n\n")
}
