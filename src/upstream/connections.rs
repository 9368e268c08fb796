//! The connections of one endpoint: those that wait to be used, and what each of them is known by.

use super::keeping::{Keeping, Trust};
use super::outgoing::Need;
use super::session::Session;
use super::socket::Sight;
use rustls::pki_types::ServerName;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// One connection. Dropped, it closes.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) usage: Usage,
    /// The name that the server has proved, over TLS. It is used for requests that ask for that name only.
    proved: Option<ServerName<'static>>,
    /// How long it may wait, where the server has said so.
    kept_for: Option<Duration>,
}

/// Whether a connection has carried an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    New,
    /// It has, and has then waited so long.
    Used(Duration),
}

impl Connection {
    pub(super) const fn new(session: Session, proved: Option<ServerName<'static>>) -> Self {
        Self { session, usage: Usage::New, proved, kept_for: None }
    }

    /// The server says how long it keeps it.
    pub(super) const fn keep_for(&mut self, kept_for: Duration) {
        self.kept_for = Some(kept_for);
    }
}

/// A connection that waits to be used.
struct Unused {
    connection: Connection,
    since: Instant,
}

/// All that wait, and what they have shown of their server.
///
/// The mutex is never held across an await.
pub(super) struct Connections {
    /// The one that was used last is at the back, and is used next: the others may grow old and be closed.
    unused: Mutex<VecDeque<Unused>>,
    pub(super) keeping: Keeping,
    idle_timeout: Duration,
    idle_max: usize,
}

impl Connections {
    pub(super) fn new(idle_timeout: Duration, idle_max: usize) -> Self {
        Self { unused: Mutex::default(), keeping: Keeping::default(), idle_timeout, idle_max }
    }

    fn unused(&self) -> MutexGuard<'_, VecDeque<Unused>> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn idle(&self) -> usize {
        self.unused().len()
    }

    fn is_expired(&self, unused: &Unused, now: Instant) -> bool {
        let kept_for = unused.connection.kept_for.map_or(self.idle_timeout, |said| said.min(self.idle_timeout));
        now.saturating_duration_since(unused.since) >= kept_for
    }

    /// One that fits what a request needs, to a server that has proved this name.
    pub(super) fn take(&self, need: Need, name: Option<&ServerName<'static>>) -> Option<Connection> {
        let now = Instant::now();
        let mut closed = Vec::new();
        let mut unused = self.unused();
        let found = loop {
            let last = unused.iter().rposition(|unused| unused.connection.proved.as_ref() == name);
            let Some(at) = last else { break None };
            let Some(mut last) = unused.remove(at) else { break None };
            let waited = now.saturating_duration_since(last.since);
            if !last.connection.session.is_ready() || self.is_expired(&last, now) {
                closed.push(last);
                continue;
            }
            if need == Need::SureToBeOpen {
                if self.keeping.trust(waited, now) == Trust::NotShown {
                    // Those before it have waited longer.
                    unused.insert(at, last);
                    break None;
                }
                if last.connection.session.look() == Sight::Spent {
                    self.keeping.closed(waited, now);
                    closed.push(last);
                    continue;
                }
            }
            last.connection.usage = Usage::Used(waited);
            break Some(last.connection);
        };
        drop(unused);
        // Their tasks are woken by the drop, which need not happen under the lock.
        drop(closed);
        found
    }

    /// Keeps a connection that is ready for another request.
    pub(super) fn keep(&self, connection: Connection) {
        if self.idle_max == 0 || connection.session.is_closed() {
            return;
        }
        let mut unused = self.unused();
        unused.push_back(Unused { connection, since: Instant::now() });
        let oldest = if unused.len() > self.idle_max { unused.pop_front() } else { None };
        drop(unused);
        drop(oldest);
    }

    /// Closes the connections that have waited too long.
    pub(super) fn drop_expired(&self) {
        let now = Instant::now();
        let mut unused = self.unused();
        let open = unused.iter().filter(|unused| !unused.connection.session.is_closed());
        if let Some(longest) = open.map(|unused| now.saturating_duration_since(unused.since)).max() {
            self.keeping.kept(longest);
        }
        let (expired, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut *unused).into_iter().partition(|unused| self.is_expired(unused, now));
        *unused = kept;
        drop(unused);
        drop(expired);
    }

    /// Forgets the connections that the server has closed, and remembers how long they had waited.
    pub(super) fn forget_closed(&self) {
        let now = Instant::now();
        let mut unused = self.unused();
        unused.retain(|unused| {
            let is_closed = unused.connection.session.is_closed();
            if is_closed {
                self.keeping.closed(now.saturating_duration_since(unused.since), now);
            }
            !is_closed
        });
    }
}
