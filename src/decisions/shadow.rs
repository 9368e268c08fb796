//! Other rules on live traffic: each decision is also made by them, in a cache that holds no bodies, and nothing is done.

use super::kept::Row;
use super::view::View;
use crate::clock::Timestamp;
use crate::replay::from_log::purged;
use crate::replay::report::Report;
use crate::replay::{Bounds, Compared, Happened, Named, Replay};
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// So much is kept of each set of rules while an instance runs: some tens of megabytes at most.
const BOUNDS: Bounds = Bounds { responses: 50_000, requests: 20_000 };

/// Rules that judge what comes.
pub(super) struct Shadow {
    replay: Replay,
    since: Timestamp,
    judged: u64,
    missed: u64,
    cut: u64,
}

/// What they came to so far.
#[derive(Debug, Clone)]
pub(crate) struct Shadowed {
    /// Since when they judge.
    pub(crate) since: Timestamp,
    /// Decisions that were judged.
    pub(crate) judged: u64,
    /// Decisions that were not seen: there were too many at a time.
    pub(crate) missed: u64,
    /// Decisions that could not be judged: not all of the request's URL was kept.
    pub(crate) cut: u64,
    /// Stored responses that were forgotten for want of room, by the rules in force and by the others.
    pub(crate) forgotten: u64,
    /// How the rules compare.
    pub(crate) report: Report,
}

impl Shadow {
    /// These rules, from now on.
    pub(super) fn new(rules: Compared, now: Timestamp) -> Self {
        Self { replay: Replay::bounded(rules, BOUNDS), since: now, judged: 0, missed: 0, cut: 0 }
    }

    /// Judges these. `missed` decisions before them were not kept; `wall` tells what time it was so long after the feed's
    /// begin.
    pub(super) fn judge(&mut self, rows: &[Arc<Row>], missed: u64, wall: impl Fn(Duration) -> Timestamp) {
        self.missed += missed;
        let mut views: Vec<_> = rows.iter().flat_map(|row| View::all(&row.bytes)).collect();
        // Rows of several workers, in the order in which they ended.
        views.sort_by_key(|view| view.ended().saturating_sub(view.duration()));
        for view in views {
            if view.is_cut() {
                self.cut += 1;
                continue;
            }
            self.judged += 1;
            let named = Named { method: view.method(), host: view.host(), target: view.target() };
            let known = self.replay.known(named);
            self.replay.step(&known, happened(view, wall(view.ended()).saturating_sub(view.duration())));
        }
    }

    /// What they came to so far.
    pub(super) fn so_far(&self) -> Shadowed {
        let Self { replay, since, judged, missed, cut } = self;
        let (report, forgotten) = (replay.report(), replay.forgotten());
        Shadowed { since: *since, judged: *judged, missed: *missed, cut: *cut, forgotten, report }
    }
}

fn happened(view: View<'_>, at: Timestamp) -> Happened {
    Happened {
        at,
        status: view.status().and_then(|status| StatusCode::from_u16(status).ok()),
        body_bytes: Some(view.body_bytes()),
        outcome: Some(view.outcome()),
        purged: purged(view.reason()),
        refused: view.refused_for(),
        upstream: view.upstream(),
    }
}
