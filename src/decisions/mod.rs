//! The feed of decisions: what was decided of each request, for those who watch, ask afterwards, and count.
//!
//! A worker writes a decision into a lane of its own ([`lanes`]), a few dozen nanoseconds' work; full lanes become rows
//! of the last decisions ([`kept`]). Everything else is done away from requests, every quarter of a second: viewers are
//! shown what is new ([`viewers`]), and it is counted ([`tally`]). If more decisions are made in that time than are kept,
//! the oldest are not looked at, and how many those are is counted.

mod kept;
mod lanes;
mod open;
mod record;

pub(crate) mod view;
pub(crate) mod viewers;

pub(crate) mod windows;

pub(crate) mod standing;

pub(crate) mod by_route;

mod names;
mod savings;

pub(crate) mod shadow;

mod tally;

pub(crate) mod top;

use crate::clock::{Clock, Timestamp};
use crate::engine::Engine;
use crate::metric::{Measured, Metric, Samples};
use crate::proxy::observer::{Finished, Observer, PlainHit};
use crate::replay::Compared;
use bytes::Bytes;
use kept::{Kept, Row};
use lanes::Lanes;
use shadow::{Shadow, Shadowed};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tally::Tally;
use tokio::sync::mpsc;
use top::{Top, Wanted};
use view::{Shown, View};
use viewers::{Filter, Viewers};
use windows::Window;

/// How often decisions are looked at.
const TURN: Duration = Duration::from_millis(250);

const VIEWERS: Metric = Metric::gauge("larder_decision_viewers", &[], "Who watches decisions as they come.");

const LOST: Metric = Metric::counter(
    "larder_decision_events_lost_total",
    &[],
    "Decisions that viewers were not shown: they read too slowly, or there were too many.",
);

/// The metrics of the feed.
pub(crate) const METRICS: &[&Metric] = &[&VIEWERS, &LOST, &savings::SAVED];

/// The feed of decisions.
pub struct Decisions {
    clock: Arc<dyn Clock>,
    /// Whose decisions they are.
    engine: Arc<Engine>,
    since: Instant,
    started_at: Timestamp,
    lanes: Lanes,
    kept: Kept,
    reader: Mutex<Reader>,
    viewers: Viewers,
}

/// How far decisions have been looked at.
#[derive(Default)]
struct Reader {
    next: u64,
    tally: Tally,
    /// Other rules that judge what comes.
    shadow: Option<Shadow>,
}

impl Decisions {
    /// A feed without decisions.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, engine: Arc<Engine>) -> Arc<Self> {
        let (since, started_at) = (Instant::now(), clock.now());
        Arc::new(Self {
            clock,
            engine,
            since,
            started_at,
            lanes: Lanes::new(since),
            kept: Kept::default(),
            reader: Mutex::default(),
            viewers: Viewers::default(),
        })
    }

    /// Looks at decisions as they come, until it is dropped.
    pub async fn run(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TURN).await;
            let feed = Arc::clone(&self);
            // A turn may take a millisecond or two, for which no request should wait.
            let turn = tokio::task::spawn_blocking(move || feed.look()).await;
            // One that panics ends this task, which is counted and begun again.
            if let Some(panic) = turn.err().and_then(|error| error.try_into_panic().ok()) {
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Looks at the decisions made since the last time.
    pub(crate) fn look(&self) {
        self.look_as(&mut self.reader());
    }

    fn look_as(&self, reader: &mut Reader) {
        self.lanes.flush(Instant::now(), &self.kept);
        let (rows, missed, next) = self.kept.since(reader.next);
        reader.next = next;
        self.viewers.show(&rows, missed, self.wall());
        reader.tally.count(&rows, missed, &self.engine.rules(), self.clock.now());
        if let Some(shadow) = &mut reader.shadow {
            shadow.judge(&rows, missed, self.wall());
        }
    }

    /// What stands out in a window.
    pub(crate) fn top(&self, window: Window, wanted: &Wanted) -> Top {
        let now = self.clock.now();
        let mut reader = self.reader();
        self.look_as(&mut reader);
        let (counts, from) = reader.tally.read(window, now);
        Top::of(&counts, wanted, now.since(from.max(self.started_at)))
    }

    /// How much time of the origin has been saved since the start, by route.
    pub(crate) fn saved(&self) -> BTreeMap<String, Duration> {
        let mut reader = self.reader();
        self.look_as(&mut reader);
        reader.tally.savings.by_route()
    }

    /// Has decisions judged by other rules from now on, in place of those that judged before.
    pub(crate) fn shadow_by(&self, rules: Compared) -> Shadowed {
        let mut reader = self.reader();
        // What was decided before is not judged.
        self.look_as(&mut reader);
        let shadow = Shadow::new(rules, self.clock.now());
        let begun = shadow.so_far();
        reader.shadow = Some(shadow);
        begun
    }

    /// What other rules came to so far; `None` if none judge.
    pub(crate) fn shadowed(&self) -> Option<Shadowed> {
        let mut reader = self.reader();
        self.look_as(&mut reader);
        reader.shadow.as_ref().map(Shadow::so_far)
    }

    /// Ends that; what they came to.
    pub(crate) fn end_shadow(&self) -> Option<Shadowed> {
        let mut reader = self.reader();
        self.look_as(&mut reader);
        reader.shadow.take().map(|shadow| shadow.so_far())
    }

    /// Watches decisions from now on: chunks of server-sent events. `None` where too many watch.
    pub(crate) fn watch(&self, filter: Filter) -> Option<mpsc::Receiver<Bytes>> {
        // What was decided before is not shown.
        self.look();
        self.viewers.watch(filter)
    }

    /// Ends all watching.
    pub(crate) fn close(&self) {
        self.viewers.close();
    }

    /// The decision about the request with this id, if it is one of the last: what is made of it, and why in a sentence.
    pub(crate) fn find<T>(&self, id: &str, read: impl FnOnce(Shown<'_>, &'static str) -> T) -> Option<T> {
        self.lanes.flush(Instant::now(), &self.kept);
        let (rows, ..) = self.kept.since(0);
        let of_row = |row: &Arc<Row>| View::all(&row.bytes).any(|view| view.has_id(id));
        let row = rows.iter().rev().find(|row| of_row(row))?;
        let view = View::all(&row.bytes).filter(|view| view.has_id(id)).last()?;
        Some(read(view.shown(self.wall()(view.ended())), view.explanation()))
    }

    /// Tells what time it was so long after the feed's begin, as the clock goes now.
    fn wall(&self) -> impl Fn(Duration) -> Timestamp + use<> {
        let (now, elapsed) = (self.clock.now(), self.since.elapsed());
        move |ended| now.saturating_sub(elapsed.saturating_sub(ended))
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Decisions {
    fn finished(&self, finished: &Finished) {
        self.lanes.write(finished, &self.kept);
    }

    fn plain_hit(&self, hit: &PlainHit<'_>) {
        self.lanes.write_hit(hit, &self.kept);
    }
}

impl Measured for Decisions {
    fn sample(&self, samples: &mut Samples) {
        samples.number(&VIEWERS, &[], self.viewers.count());
        samples.number(&LOST, &[], self.viewers.lost());
        let mut reader = self.reader();
        self.look_as(&mut reader);
        reader.tally.savings.sample(samples);
    }
}

#[cfg(test)]
#[path = "decisions_tests.rs"]
mod tests;
