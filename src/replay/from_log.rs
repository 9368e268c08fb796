//! Requests of access logs, in the order in which they began.

use super::known::Known;
use super::report::Report;
use super::{Compared, Happened, Named, Replay, Step};
use crate::clock::Timestamp;
use crate::plan::outcome::Outcome;
use crate::recorded::{Facts, Recorded};
use crate::scope::Depth;
use crate::semantics::reason::Reason;
use http::StatusCode;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// A log has requests in the order in which they ended. One that began this long before the newest is not waited for.
const REORDERED: Duration = Duration::from_secs(10);

/// So many requests wait for earlier ones at most.
const WAITING_MAX: usize = 100_000;

/// So many requests are decided at a time.
const AT_A_TIME: usize = 8_192;

/// A replay of logs.
pub(crate) struct LogReplay {
    replay: Replay,
    /// Those that are next.
    steps: Vec<Step>,
    /// The host of requests of which the log tells none.
    default_host: String,
    waiting: BinaryHeap<Reverse<Waiting>>,
    newest: Timestamp,
    counts: Counts,
}

/// What was found in the logs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Those that say no time: they count as made at the time of the one before.
    pub(crate) untimed: u64,
    /// Those that name no host.
    pub(crate) hostless: u64,
}

/// A request that waits for those that began before it.
struct Waiting {
    number: u64,
    known: Arc<Known>,
    happened: Happened,
}

impl Waiting {
    const fn place(&self) -> (Timestamp, u64) {
        (self.happened.at, self.number)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl LogReplay {
    /// One that begins with an empty cache.
    pub(crate) fn new(rules: Compared, default_host: String) -> Self {
        Self {
            replay: Replay::new(rules),
            steps: Vec::with_capacity(AT_A_TIME),
            default_host,
            waiting: BinaryHeap::new(),
            newest: Timestamp::EPOCH,
            counts: Counts::default(),
        }
    }

    /// The next request of a log.
    pub(crate) fn take(&mut self, recorded: &Recorded<'_>) {
        self.counts.requests += 1;
        self.counts.untimed += u64::from(recorded.at.is_none());
        self.counts.hostless += u64::from(recorded.host.is_none() && recorded.target.starts_with('/'));
        let host = recorded.host.as_deref().unwrap_or(&self.default_host);
        let known = self.replay.known(Named {
            method: recorded.method.as_bytes(),
            host: host.as_bytes(),
            target: recorded.target.as_bytes(),
        });
        let ended = recorded.at.unwrap_or(self.newest);
        self.newest = self.newest.max(ended);
        let happened = happened(recorded, ended.saturating_sub(recorded.took.unwrap_or_default()));
        if recorded.took.is_none() && self.waiting.is_empty() {
            self.then(Step { known, happened });
            return;
        }
        self.waiting.push(Reverse(Waiting { number: self.counts.requests, known, happened }));
        let due = self.newest.saturating_sub(REORDERED);
        while let Some(Reverse(first)) = self.waiting.peek()
            && (first.happened.at <= due || self.waiting.len() > WAITING_MAX)
        {
            self.next();
        }
    }

    fn next(&mut self) {
        if let Some(Reverse(Waiting { known, happened, .. })) = self.waiting.pop() {
            self.then(Step { known, happened });
        }
    }

    fn then(&mut self, step: Step) {
        self.steps.push(step);
        if self.steps.len() >= AT_A_TIME {
            self.decide();
        }
    }

    fn decide(&mut self) {
        self.replay.steps(&mut self.steps);
        self.steps.clear();
    }

    /// What it comes to.
    pub(crate) fn finish(mut self) -> (Report, Counts) {
        while !self.waiting.is_empty() {
            self.next();
        }
        self.decide();
        (self.replay.report(), self.counts)
    }
}

fn happened(recorded: &Recorded<'_>, at: Timestamp) -> Happened {
    let status = recorded.status.and_then(|status| StatusCode::from_u16(status).ok());
    let told = Happened { at, status, body_bytes: recorded.body_bytes, ..Happened::default() };
    let Some(Facts { outcome, reason, admission, upstream }) = &recorded.facts else {
        return told;
    };
    Happened {
        outcome: Outcome::ALL.into_iter().find(|known| known.label() == outcome),
        purged: reason.as_deref().and_then(purged),
        refused: admission.as_deref().and_then(refused),
        upstream: *upstream,
        ..told
    }
}

/// Whether a reason says that a purge took what was stored.
pub(crate) fn purged(reason: &str) -> Option<Depth> {
    if reason == Reason::Purged.label() {
        Some(Depth::Hard)
    } else if reason == Reason::SoftPurged.label() {
        Some(Depth::Soft)
    } else {
        None
    }
}

/// Reasons by their labels: of what passes through, every line has one.
static REFUSALS: LazyLock<HashMap<&str, Reason>> =
    LazyLock::new(|| Reason::ALL.iter().map(|reason| (reason.label(), *reason)).collect());

/// Why an answer was not stored, by the label that says what came of storing it.
fn refused(admission: &str) -> Option<Reason> {
    if matches!(admission, "stored" | "pending") {
        return None;
    }
    REFUSALS.get(admission).copied()
}
