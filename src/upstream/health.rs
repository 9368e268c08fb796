//! Whether one server is worth asking, judged by what became of the requests that it got.
//!
//! It is due to be taken out after a number of failures within a while: in a row, or no fewer than its other answers,
//! so that neither one bad URL nor chance among many requests takes a good server out. A server that is out is left
//! alone for a while. Then, once it takes connections, one request at a time tries it, until one is answered.

use super::options::EjectOptions;
use super::recent::Recent;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const FAILURES: usize = 0;
const ANSWERS: usize = 1;

/// What is known of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// It answers, as far as is known.
    Up,
    /// It has been taken out, or would be if there were another.
    Down,
}

/// What a failure comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is one among too few.
    Kept,
    /// The server is to be taken out, if there is another.
    Due,
}

/// What an answer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recovery {
    /// It was in, or what was answered had been asked before it went out.
    None,
    /// The server had been taken out, and is back.
    Back,
}

/// The health of one server. `now` is the time since the pool began. The mutex covers a few additions.
#[derive(Debug)]
pub(super) struct Health {
    /// The same as `record.out`, for those who only ask.
    is_out: AtomicBool,
    record: Mutex<FailureHistory>,
}

#[derive(Debug)]
struct FailureHistory {
    options: EjectOptions,
    recent: Recent<2>,
    failures_in_a_row: u32,
    out: Option<Out>,
}

#[derive(Debug, Clone, Copy)]
struct Out {
    /// What was asked before that says nothing of how it is now.
    since: Duration,
    until: Duration,
    reach: Reach,
}

/// Whether a server that is out takes connections again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Unknown,
    Reached,
}

impl Health {
    pub(super) fn new(options: EjectOptions) -> Self {
        let record = FailureHistory { options, recent: Recent::new(options.within), failures_in_a_row: 0, out: None };
        Self { is_out: AtomicBool::new(false), record: Mutex::new(record) }
    }

    /// From now on these options hold. What came before is forgotten but for whether it is out.
    pub(super) fn judge_by(&self, options: EjectOptions) {
        let mut record = self.record();
        let out = record.out;
        *record = FailureHistory { options, recent: Recent::new(options.within), failures_in_a_row: 0, out };
    }

    fn record(&self) -> MutexGuard<'_, FailureHistory> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_out(&self) -> bool {
        self.is_out.load(Ordering::Relaxed)
    }

    pub(super) fn state(&self) -> ServerState {
        let is_failing = || {
            let record = self.record();
            record.failures_in_a_row >= record.options.failures
        };
        if self.is_out() || is_failing() { ServerState::Down } else { ServerState::Up }
    }

    /// Whether a request may be sent there now: the server is in, or on trial and nothing is trying it.
    pub(super) fn admits(&self, now: Duration) -> bool {
        !self.is_out() || self.record().out.is_none_or(|out| now >= out.until && out.reach == Reach::Reached)
    }

    /// A request is sent there. Where the server is on trial, that is the one try.
    pub(super) fn begin(&self, now: Duration) {
        if !self.is_out() {
            return;
        }
        let mut record = self.record();
        let pause = record.options.pause;
        if let Some(out) = &mut record.out
            && now >= out.until
            && out.reach == Reach::Reached
        {
            out.until = now.saturating_add(pause);
        }
    }

    /// Whether it is time to see whether the server takes connections again.
    pub(super) fn wants_probe(&self, now: Duration) -> bool {
        self.is_out() && self.record().out.is_some_and(|out| out.reach == Reach::Unknown && now >= out.until)
    }

    /// What a probe came to.
    pub(super) fn probed(&self, now: Duration, reach: Reach) {
        let mut record = self.record();
        let pause = record.options.pause;
        if let Some(out) = &mut record.out {
            match reach {
                Reach::Reached => out.reach = reach,
                Reach::Unknown => out.until = now.saturating_add(pause),
            }
        }
    }

    /// An answer came to what was asked at `asked`.
    pub(super) fn answered(&self, now: Duration, asked: Duration) -> Recovery {
        let mut record = self.record();
        record.recent.add(ANSWERS, now);
        record.failures_in_a_row = 0;
        match record.out {
            Some(out) if asked >= out.since => {
                record.out = None;
                self.is_out.store(false, Ordering::Relaxed);
                Recovery::Back
            }
            _ => Recovery::None,
        }
    }

    /// A request failed.
    pub(super) fn failed(&self, now: Duration) -> Verdict {
        let mut record = self.record();
        record.recent.add(FAILURES, now);
        record.failures_in_a_row = record.failures_in_a_row.saturating_add(1);
        if record.out.is_some() {
            record.out = Some(record.out(now));
            return Verdict::Kept;
        }
        let [failures, answers] = record.recent.counts(now);
        let enough = record.options.failures;
        let is_pattern = record.failures_in_a_row >= enough || failures >= answers;
        if failures >= enough && is_pattern { Verdict::Due } else { Verdict::Kept }
    }

    /// Takes the server out.
    pub(super) fn take_out(&self, now: Duration) {
        let mut record = self.record();
        record.out = Some(record.out(now));
        self.is_out.store(true, Ordering::Relaxed);
    }
}

impl FailureHistory {
    fn out(&self, now: Duration) -> Out {
        Out { since: now, until: now.saturating_add(self.options.pause), reach: Reach::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: EjectOptions =
        EjectOptions { failures: 3, within: Duration::from_secs(10), pause: Duration::from_secs(5) };

    /// What the last of these comes to: `+` an answer, `-` a failure, a second apart.
    fn verdict(events: &str) -> Verdict {
        let health = Health::new(OPTIONS);
        let mut verdict = Verdict::Kept;
        for (second, event) in events.bytes().enumerate() {
            let now = Duration::from_secs(second as u64);
            match event {
                b'-' => verdict = health.failed(now),
                b'+' => {
                    health.answered(now, now);
                    verdict = Verdict::Kept;
                }
                _ => {}
            }
        }
        verdict
    }

    #[test]
    fn a_server_is_due_after_failures_in_a_row_or_where_it_fails_as_often_as_it_answers() {
        let rows = [
            ("--", Verdict::Kept),
            ("---", Verdict::Due),
            ("++++++---", Verdict::Due),
            ("++++--+-", Verdict::Kept),
            ("+-+-+-", Verdict::Due),
            ("-    -    -", Verdict::Kept),
        ];
        for (events, expected) in rows {
            assert_eq!(verdict(events), expected, "{events}");
        }
    }

    #[test]
    fn a_server_that_is_out_comes_back_once_it_is_reached_and_a_request_is_answered() {
        let health = Health::new(OPTIONS);
        let at = Duration::from_secs;
        health.take_out(at(1));
        assert_eq!((health.admits(at(4)), health.wants_probe(at(4))), (false, false), "it is left alone");
        assert_eq!((health.admits(at(6)), health.wants_probe(at(6))), (false, true), "a probe goes first");
        health.probed(at(6), Reach::Unknown);
        assert_eq!((health.admits(at(7)), health.wants_probe(at(7))), (false, false), "not reached");
        health.probed(at(11), Reach::Reached);
        assert_eq!(health.answered(at(11), at(0)), Recovery::None, "that had been asked before");
        assert!(health.admits(at(11)));
        health.begin(at(11));
        assert!(!health.admits(at(11)), "another request is trying");
        assert_eq!(health.failed(at(12)), Verdict::Kept);
        assert_eq!((health.admits(at(16)), health.wants_probe(at(17))), (false, true), "it is out for another while");
        health.probed(at(17), Reach::Reached);
        assert!(health.admits(at(17)));
        assert_eq!((health.state(), health.answered(at(18), at(17))), (ServerState::Down, Recovery::Back));
        assert_eq!(health.state(), ServerState::Up);
        assert!(health.admits(at(18)) && health.admits(at(18)));
    }
}
