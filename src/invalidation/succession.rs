//! What becomes of a lone instance's log when another process takes its place.
//!
//! Two processes are two logs. From the hand-over on the new one's is the one that counts, and goes on from where this one
//! stands; this one serves nothing unasked any more, and whatever is still purged by it (a write under way, a call of the
//! admin API) goes to the new one, too.

use super::Invalidation;
use super::position::LogPosition;
use super::purge::{Depth, Purge, PurgeSource};
use super::record::{LogRecord, PurgePart, PurgeRecord};
use crate::scope::Scope;
use crate::stamp::Stamp;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How long a purge waits for the new process to apply it.
const HEARD_MAX: Duration = Duration::from_secs(1);

/// A purge for the new process, and the way to say that it has applied it.
pub(crate) type Passed = (Purge, oneshot::Sender<()>);

/// To whom the log was handed over, and where it stood.
#[derive(Debug)]
pub(super) struct Successor {
    at: Stamp,
    purges: mpsc::UnboundedSender<Passed>,
}

/// A purge as it is written for the new process.
pub(crate) fn written(purge: &Purge) -> HashMap<String, String> {
    let part = PurgePart::Last { scopes_total: purge.scopes.len() };
    let purge = purge.clone();
    let record = PurgeRecord { purge, by: String::new(), token: String::new(), idempotency: None, part };
    LogRecord::Purge(record).fields().into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// What [`written`] has written; what can't be understood counts as a purge of everything.
pub(crate) fn read(written: &HashMap<String, String>) -> Purge {
    match LogRecord::read(written) {
        LogRecord::Purge(record) => record.purge,
        LogRecord::Switch(_) | LogRecord::Mark { .. } | LogRecord::Epoch { .. } | LogRecord::Unreadable => {
            Purge { scopes: vec![Scope::All], depth: Depth::Hard, source: PurgeSource::Fleet }
        }
    }
}

impl Invalidation {
    /// Hands the log of a lone instance over, once: from now on its purges are passed on by `purges`. `None` if it is one
    /// of a fleet, whose log the new process reads itself.
    pub(crate) fn hand_over(&self, purges: mpsc::UnboundedSender<Passed>) -> Option<LogPosition> {
        if self.fleet.is_some() {
            return None;
        }
        // Under the lock under which purges are applied: each is in the position or passed on.
        let ledger = self.ledger.write().unwrap_or_else(PoisonError::into_inner);
        self.successor.store(Some(Arc::new(Successor { at: ledger.applied, purges })));
        self.mark_changed();
        drop(ledger);
        Some(self.position())
    }

    /// Goes on as if nothing had been handed over, since nobody has taken it.
    pub(crate) fn take_back(&self) {
        self.successor.store(None);
        self.mark_changed();
    }

    /// The highest stamp that what is stored here may carry in the process that comes after this one.
    pub(crate) fn applied_for_successor(&self) -> Stamp {
        self.successor.load().as_ref().map_or_else(|| self.applied(), |successor| successor.at)
    }

    /// Passes a purge on where the log was handed over, and waits until it is applied there. Where that process is gone or
    /// silent, it knows by itself that it may have missed something.
    pub(super) async fn pass_on(&self, purge: &Purge) {
        let Some(successor) = self.successor.load_full() else { return };
        let (heard, hearing) = oneshot::channel();
        if successor.purges.send((purge.clone(), heard)).is_ok() && timeout(HEARD_MAX, hearing).await.is_err() {
            tracing::warn!("the process that has taken over has not confirmed a purge in time");
        }
    }

    /// Validates from now on all that was fetched before, by this process or the one before it.
    pub(crate) fn doubt_the_past(&self) {
        let floor = self.applied().refined();
        self.raise_floor(floor);
        self.followers.tell(&Purge { scopes: vec![Scope::All], depth: Depth::Hard, source: PurgeSource::Fleet }, floor);
    }
}
