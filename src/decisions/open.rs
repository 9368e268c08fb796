//! Records that lack their end: whether the answer was stored, which is mostly known in a moment.

use super::record::{admission, at};
use crate::engine::storing::Storing;
use std::time::{Duration, Instant};

/// How long a record waits for its end.
const OPEN_MAX: Duration = Duration::from_secs(30);

/// How many wait at most, of one worker; what comes then is kept as pending at once.
const WAITING_MAX: usize = 1024;

/// One of them.
struct Waiting {
    record: Vec<u8>,
    storing: Storing,
    since: Instant,
}

/// The records of one worker that lack their end.
#[derive(Default)]
pub(super) struct Open(Vec<Waiting>);

impl Open {
    /// Whether one more can wait.
    pub(super) const fn has_room(&self) -> bool {
        self.0.len() < WAITING_MAX
    }

    /// Keeps a record until its end is known.
    pub(super) fn wait(&mut self, record: Vec<u8>, storing: Storing, since: Instant) {
        self.0.push(Waiting { record, storing, since });
    }

    /// Takes the records out whose end is known by now, or is waited for no longer.
    pub(super) fn take_ended(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let has_ended = |waiting: &mut Waiting| {
            waiting.storing.known().is_some() || now.saturating_duration_since(waiting.since) >= OPEN_MAX
        };
        let ended = self.0.extract_if(.., has_ended).map(|Waiting { mut record, storing, .. }| {
            let (admission, why) = admission(Some(&storing));
            if let Some(said) = record.get_mut(at::ADMISSION) {
                *said = admission as u8;
            }
            if let Some(said) = record.get_mut(at::ADMISSION_REASON) {
                *said = why;
            }
            record
        });
        ended.collect()
    }
}
