//! The connections of one endpoint: those that wait to be used, and what each of them is known by.

use super::http1::Http1;
use super::http2::{Line, Lines, Slot};
use super::keeping::{Keeping, Trust};
use super::outgoing::Need;
use super::session::Session;
use super::socket::Sight;
use rustls::pki_types::ServerName;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
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
    pub(super) const fn new(session: Session, usage: Usage, proved: Option<ServerName<'static>>) -> Self {
        Self { session, usage, proved, kept_for: None }
    }

    /// The server says how long it keeps it.
    pub(super) const fn keep_for(&mut self, kept_for: Duration) {
        self.kept_for = Some(kept_for);
    }
}

impl Connection {
    fn http1(&self) -> Option<&Http1> {
        match &self.session {
            Session::Http1(session) => Some(session),
            Session::Http2(_) => None,
        }
    }
}

/// A connection of HTTP/1.1 that waits to be used.
struct Unused {
    connection: Connection,
    since: Instant,
}

impl Unused {
    fn is_closed(&self) -> bool {
        self.connection.http1().is_none_or(Http1::is_closed)
    }
}

/// All that wait, and what they have shown of their server.
///
/// The mutex is never held across an await.
pub(super) struct Connections {
    /// The one that was used last is at the back, and is used next: the others may grow old and be closed.
    unused: Mutex<VecDeque<Unused>>,
    /// Those of HTTP/2.
    pub(super) lines: Lines,
    /// Whether the server has chosen HTTP/1.1 where it could choose.
    are_http1: AtomicBool,
    pub(super) keeping: Keeping,
    idle_timeout: Duration,
    idle_max: usize,
}

impl Connections {
    pub(super) fn new(idle_timeout: Duration, idle_max: usize) -> Self {
        Self {
            unused: Mutex::default(),
            lines: Lines::default(),
            are_http1: AtomicBool::new(false),
            keeping: Keeping::default(),
            idle_timeout,
            idle_max,
        }
    }

    fn unused(&self) -> MutexGuard<'_, VecDeque<Unused>> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn idle(&self) -> usize {
        self.unused().len() + self.lines.idle()
    }

    /// Whether the server chooses HTTP/1.1.
    pub(super) fn are_http1(&self) -> bool {
        self.are_http1.load(Ordering::Relaxed)
    }

    /// What it has chosen.
    pub(super) fn note(&self, is_http2: bool) {
        self.are_http1.store(!is_http2, Ordering::Relaxed);
    }

    /// A place on a connection of HTTP/2 to a server that has proved this name.
    pub(super) fn place(
        &self,
        name: Option<&ServerName<'static>>,
        opened_after: Option<Instant>,
    ) -> Option<Connection> {
        Some(Self::on(self.lines.take(name, opened_after)?, name))
    }

    /// Shares a connection of HTTP/2, with one place on it taken; none where the server allows no request.
    pub(super) fn add(&self, line: Line, name: Option<&ServerName<'static>>) -> Option<Connection> {
        Some(Self::on(self.lines.add(line)?, name))
    }

    fn on(slot: Slot, name: Option<&ServerName<'static>>) -> Connection {
        let usage = if slot.marks_used() { Usage::Used(Duration::ZERO) } else { Usage::New };
        Connection::new(Session::Http2(slot), usage, name.cloned())
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
            if !last.connection.http1().is_some_and(Http1::is_ready) || self.is_expired(&last, now) {
                closed.push(last);
                continue;
            }
            if need == Need::SureToBeOpen {
                if self.keeping.trust(waited, now) == Trust::NotShown {
                    // Those before it have waited longer.
                    unused.insert(at, last);
                    break None;
                }
                if last.connection.http1().map(Http1::look) == Some(Sight::Spent) {
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
        if self.idle_max == 0 || connection.http1().is_none_or(Http1::is_closed) {
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
        let open = unused.iter().filter(|unused| !unused.is_closed());
        if let Some(longest) = open.map(|unused| now.saturating_duration_since(unused.since)).max() {
            self.keeping.kept(longest);
        }
        let (expired, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut *unused).into_iter().partition(|unused| self.is_expired(unused, now));
        *unused = kept;
        drop(unused);
        drop(expired);
        self.lines.drop_expired(self.idle_timeout, now);
    }

    /// Forgets the connections that the server has closed, and remembers how long they had waited.
    pub(super) fn forget_closed(&self) {
        let now = Instant::now();
        let mut unused = self.unused();
        unused.retain(|unused| {
            let is_closed = unused.is_closed();
            if is_closed {
                self.keeping.closed(now.saturating_duration_since(unused.since), now);
            }
            !is_closed
        });
        drop(unused);
        self.lines.drop_expired(self.idle_timeout, now);
    }
}
