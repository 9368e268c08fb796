//! The connections of one endpoint.

use super::line::Line;
use super::slot::Slot;
use rustls::pki_types::ServerName;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// All that are open, the one that is filled first in front: the others may grow old and be closed.
///
/// The mutex is never held across an await.
#[derive(Default)]
pub(in crate::upstream) struct Lines {
    open: Mutex<Vec<Arc<Line>>>,
    /// Held while one is opened: whoever comes meanwhile waits for it rather than to open another.
    opening: tokio::sync::Mutex<()>,
}

/// The right to open a connection.
pub(in crate::upstream) type Turn<'a> = tokio::sync::MutexGuard<'a, ()>;

impl Lines {
    fn open(&self) -> MutexGuard<'_, Vec<Arc<Line>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place on one of them whose server has proved this name, and that was opened after a moment, where one is given.
    pub(in crate::upstream) fn take(
        &self,
        name: Option<&ServerName<'static>>,
        opened_after: Option<Instant>,
    ) -> Option<Slot> {
        let is_fit = |line: &&Arc<Line>| {
            line.proved.as_ref() == name && opened_after.is_none_or(|moment| line.was_opened_after(moment))
        };
        self.open().iter().filter(is_fit).find_map(Slot::on)
    }

    /// Waits until nobody else opens one.
    pub(in crate::upstream) async fn turn(&self) -> Turn<'_> {
        self.opening.lock().await
    }

    /// Adds one, and takes a place on it.
    pub(in crate::upstream) fn add(&self, line: Line) -> Option<Slot> {
        let line = Arc::new(line);
        let slot = Slot::on(&line);
        self.open().push(line);
        slot
    }

    /// How many have nothing under way.
    pub(in crate::upstream) fn idle(&self) -> usize {
        self.open().iter().filter(|line| line.under_way() == 0).count()
    }

    /// Closes those that have had nothing under way for so long, and forgets those that take no more requests.
    pub(in crate::upstream) fn drop_expired(&self, idle_timeout: Duration, now: Instant) {
        let is_over =
            |line: &Arc<Line>| line.is_closed() || line.unused_for(now).is_some_and(|unused| unused >= idle_timeout);
        let mut open = self.open();
        let (over, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut *open).into_iter().partition(is_over);
        *open = kept;
        drop(open);
        // What drops them wakes their drivers, which need not happen under the lock.
        drop(over);
    }
}
