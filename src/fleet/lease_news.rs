//! How the holders of leases report to the others what their fetches came to: by a stream, which one task per instance
//! reads.
//!
//! `waiting` is locked briefly and never across an await.

use super::link::Link;
use super::streams::{self, EntryId, StreamEntry};
use crate::coalesce::fetch_lease::LeaseOutcome;
use redis::Cmd;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::SetOnce;
use tokio::time::sleep;

/// How long one read waits.
const READ_WAIT: Duration = Duration::from_secs(5);

/// How much longer the command for it may take.
const READ_MARGIN: Duration = Duration::from_secs(1);

/// The pause after the stream could not be read.
const RETRY: Duration = Duration::from_millis(500);

/// So many of the last entries stay in the stream.
const ENTRIES_MAX: usize = 1_000;

/// News of leases, and who waits for it.
pub(super) struct LeaseNews {
    link: Arc<dyn Link>,
    stream: String,
    waiting: Mutex<HashMap<String, Arc<SetOnce<LeaseOutcome>>>>,
}

const fn label(outcome: LeaseOutcome) -> &'static str {
    match outcome {
        LeaseOutcome::Stored => "stored",
        LeaseOutcome::NotShareable => "alone",
        LeaseOutcome::Nothing => "nothing",
    }
}

/// What a label means; a label of another version of this program: that there is no answer.
fn parse(written: Option<&str>) -> LeaseOutcome {
    let is = |outcome: &LeaseOutcome| written.is_some_and(|written| written == label(*outcome));
    [LeaseOutcome::Stored, LeaseOutcome::NotShareable].into_iter().find(is).unwrap_or(LeaseOutcome::Nothing)
}

/// The command that reports what the fetch under the lease of this name came to.
pub(super) fn tell(stream: &str, name: &str, outcome: LeaseOutcome) -> Cmd {
    let fields = [("fetch", name.to_owned()), ("word", label(outcome).to_owned())];
    streams::append(stream, None::<EntryId>, Some(ENTRIES_MAX), &fields)
}

impl LeaseNews {
    /// `link` is for reading `stream` alone: it blocks.
    pub(super) fn new(link: Arc<dyn Link>, stream: String) -> Self {
        Self { link, stream, waiting: Mutex::default() }
    }

    /// Passes news on to those who wait for it. Never ends.
    pub(super) async fn listen(&self) {
        let mut last = "$".to_owned();
        loop {
            let command = streams::read_after(&self.stream, &last, ENTRIES_MAX, READ_WAIT);
            let reply = self.link.call(&command, READ_WAIT + READ_MARGIN).await;
            let Ok(entries) = reply.and_then(streams::read) else {
                // It may be another Redis, with lower ids.
                "$".clone_into(&mut last);
                sleep(RETRY).await;
                continue;
            };
            for entry in entries {
                self.pass_on(&entry);
                last = entry.id.to_string();
            }
        }
    }

    fn pass_on(&self, entry: &StreamEntry) {
        let Some(name) = entry.field("fetch") else { return };
        let Some(waiting) = self.waiting().remove(name) else { return };
        // It was taken out of the table, so nobody else sets it.
        let _ = waiting.set(parse(entry.field("word")));
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Arc<SetOnce<LeaseOutcome>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that waits for what the fetch under this lease comes to.
    pub(super) fn listener<'a>(&'a self, name: &'a str) -> Listener<'a> {
        let mut waiting = self.waiting();
        let outcome = Arc::clone(waiting.entry(name.to_owned()).or_default());
        Listener { news: self, name, outcome }
    }
}

/// One that waits. Forgotten when it is dropped.
pub(super) struct Listener<'a> {
    news: &'a LeaseNews,
    name: &'a str,
    outcome: Arc<SetOnce<LeaseOutcome>>,
}

impl Listener<'_> {
    /// Waits for it; without end if none comes.
    pub(super) async fn outcome(&self) -> LeaseOutcome {
        *self.outcome.wait().await
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        let mut waiting = self.news.waiting();
        // The table has one, and this listener another.
        if waiting.get(self.name).is_some_and(|held| Arc::ptr_eq(held, &self.outcome) && Arc::strong_count(held) == 2) {
            waiting.remove(self.name);
        }
    }
}
