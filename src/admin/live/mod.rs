//! `GET /live`: what the dashboard shows, as server-sent events: the points of its charts so far, then a snapshot a second.
//!
//! Once a second the counters are read, so that whoever opens the dashboard sees what came before. A snapshot is made once for all
//! who watch, and only while somebody does. A viewer that reads slowly gets the newest snapshot next, and never those
//! between: what waits for it is one snapshot, shared with all others.

mod recent;
mod snapshot;

use super::AdminState;
use super::answer::events;
use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::stream::{Stream, StreamExt as _, once, unfold};
use recent::Point;
use snapshot::Snapshots;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

/// How long from one snapshot to the next.
const PERIOD: Duration = Duration::from_secs(1);

/// So many points of the charts are kept: five minutes.
const POINTS_MAX: usize = 300;

/// So many may watch at once.
const VIEWERS_MAX: usize = 200;

/// How long a stream lasts. The browser asks again at once, and then shows whether it is still let in.
const STREAM_LASTS: Duration = Duration::from_mins(1);

/// What all viewers see.
#[derive(Debug, Default)]
pub(super) struct Live {
    shown: watch::Sender<Shown>,
    points: Mutex<VecDeque<Point>>,
}

/// What there is to see.
#[derive(Debug, Default)]
enum Shown {
    /// No snapshot yet.
    #[default]
    Nothing,
    /// The newest, as an event.
    Snapshot(Bytes),
    /// This process ends.
    End,
}

impl Live {
    /// Reads the counters every second, and makes a snapshot of them if somebody watches.
    pub(super) async fn run(&self, state: AdminState) -> Infallible {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut snapshots = Snapshots::default();
        loop {
            ticks.tick().await;
            let counted = snapshots.count(&state);
            self.keep(counted.point());
            if self.shown.receiver_count() > 0 {
                let snapshot = snapshots.snapshot(counted, &state).await;
                self.show(Shown::Snapshot(event("snapshot", &snapshot)));
            }
        }
    }

    /// Ends every stream, now and from now on.
    pub(super) fn end(&self) {
        self.show(Shown::End);
    }

    fn show(&self, next: Shown) {
        self.shown.send_if_modified(|shown| {
            let goes_on = !matches!(shown, Shown::End);
            if goes_on {
                *shown = next;
            }
            goes_on
        });
    }

    fn keep(&self, point: Point) {
        let mut points = self.lock();
        if points.len() == POINTS_MAX {
            points.pop_front();
        }
        points.push_back(point);
    }

    /// A stream of events for one more viewer; `None` if there are enough.
    fn watch(&self) -> Option<impl Stream<Item = Bytes> + use<>> {
        let mut viewer = self.shown.subscribe();
        if self.shown.receiver_count() > VIEWERS_MAX {
            return None;
        }
        // What is shown may be of a time when somebody else watched. The end is one for everybody.
        if matches!(*viewer.borrow_and_update(), Shown::End) {
            viewer.mark_changed();
        }
        let points = event("points", &*self.lock());
        Some(once(async { points }).chain(snapshots(viewer, Instant::now() + STREAM_LASTS)))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Point>> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event with a value as JSON in one line.
fn event(name: &str, value: &impl serde::Serialize) -> Bytes {
    let data = serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "an event could not be written");
        "null".to_owned()
    });
    Bytes::from(format!("retry: 250\nevent: {name}\ndata: {data}\n\n"))
}

pub(super) async fn show(Extension(live): Extension<Arc<Live>>) -> Result<Response, Problem> {
    let viewer = live.watch().ok_or_else(|| {
        let detail = format!("{VIEWERS_MAX} viewers watch already, which is as many as may");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })?;
    Ok(events(viewer))
}

/// The snapshots from now on that the viewer takes in time, until this moment.
fn snapshots(viewer: watch::Receiver<Shown>, until: Instant) -> impl Stream<Item = Bytes> {
    unfold(viewer, move |mut viewer| async move {
        loop {
            viewer.changed().await.ok()?;
            if Instant::now() >= until {
                return None;
            }
            let event = match &*viewer.borrow_and_update() {
                Shown::Nothing => continue,
                Shown::Snapshot(event) => event.clone(),
                Shown::End => return None,
            };
            return Some((event, viewer));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(number: usize) -> Shown {
        Shown::Snapshot(Bytes::from(number.to_string()))
    }

    #[tokio::test]
    async fn a_slow_viewer_gets_the_newest_snapshot_and_none_between() {
        let live = Live::default();
        let mut viewer = Box::pin(snapshots(live.shown.subscribe(), Instant::now() + STREAM_LASTS));
        (0..1_000).for_each(|number| live.show(shown(number)));
        assert_eq!(viewer.next().await, Some(Bytes::from("999")));
        live.show(shown(1_000));
        assert_eq!(viewer.next().await, Some(Bytes::from("1000")));
        live.end();
        live.show(shown(1_001));
        assert_eq!(viewer.next().await, None);
        let mut late = Box::pin(live.watch().unwrap());
        assert!(late.next().await.is_some_and(|points| points.starts_with(b"retry: 250\nevent: points\ndata: []")));
        assert_eq!(late.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_after_a_minute_however_few_snapshots_its_viewer_took() {
        for taken in [1, 59] {
            let live = Live::default();
            let mut viewer = Box::pin(snapshots(live.shown.subscribe(), Instant::now() + STREAM_LASTS));
            for number in 0..taken {
                tokio::time::advance(PERIOD).await;
                live.show(shown(number));
                assert!(viewer.next().await.is_some(), "{number}");
            }
            tokio::time::advance(STREAM_LASTS).await;
            live.show(shown(taken));
            assert_eq!(viewer.next().await, None);
        }
    }

    #[test]
    fn points_are_kept_for_five_minutes() {
        let live = Live::default();
        (0..POINTS_MAX + 7).for_each(|_| live.keep(Point::default()));
        assert_eq!(live.lock().len(), POINTS_MAX);
    }
}
