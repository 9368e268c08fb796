//! The connections of one endpoint: those that wait to be used, and what each of them is known by.

use super::http1::{Http1, Sight};
use super::http2::{Line, Lines, Slot};
use super::keeping::{Keeping, Trust};
use super::open::Open;
use super::outgoing::Need;
use super::session::Session;
use crate::alarm::Alarm;
use rustls::pki_types::ServerName;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;

/// One connection. Dropped, it closes.
pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) usage: Usage,
    /// The name that the server has proved, over TLS. It is used for requests that ask for that name only.
    proved: Option<ServerName<'static>>,
    /// How long it may wait, where the server has said so.
    kept_for: Option<Duration>,
    /// Rings where the server is silent for too long, whatever the request.
    pub(super) alarm: Alarm,
    /// One of HTTP/1.1 that carries requests counts as open.
    _open: Option<Open>,
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
        Self { session, usage, proved, kept_for: None, alarm: Alarm::new(), _open: None }
    }

    /// Lets it count as open.
    pub(super) fn counted(self, open: Option<Open>) -> Self {
        Self { _open: open, ..self }
    }

    /// The server says how long it keeps it.
    pub(super) const fn keep_for(&mut self, kept_for: Duration) {
        self.kept_for = Some(kept_for);
    }

    /// The session, where it is one of HTTP/1.1: only those wait here.
    pub(super) fn http1(&mut self) -> Option<&mut Http1> {
        match &mut self.session {
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

/// Has those that wait looked at as soon as one of them shows something: its end, as a rule.
struct Watch {
    connections: Weak<Connections>,
    /// Whether a look is on its way.
    is_due: AtomicBool,
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        if let Ok(runtime) = Handle::try_current()
            && !self.is_due.swap(true, Ordering::AcqRel)
        {
            runtime.spawn(async move {
                self.is_due.store(false, Ordering::Release);
                if let Some(connections) = self.connections.upgrade() {
                    connections.forget_closed();
                }
            });
        }
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
    watch: Waker,
}

impl Connections {
    pub(super) fn new(idle_timeout: Duration, idle_max: usize) -> Arc<Self> {
        Arc::new_cyclic(|connections| Self {
            unused: Mutex::default(),
            lines: Lines::default(),
            are_http1: AtomicBool::new(false),
            keeping: Keeping::default(),
            idle_timeout,
            idle_max,
            watch: Arc::new(Watch { connections: Weak::clone(connections), is_due: AtomicBool::new(false) }).into(),
        })
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

    /// Shares a connection of HTTP/2, with one place on it taken; `None` if the server allows no request.
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

    /// Whether a connection shows its end, or something that nobody asked for. Later that will wake the watch.
    fn is_spent(&self, connection: &mut Connection) -> bool {
        let mut context = Context::from_waker(&self.watch);
        connection.http1().is_none_or(|session| session.poll_sight(&mut context) == Sight::Spent)
    }

    /// One that fits what a request needs, to a server that has proved this name.
    pub(super) fn take(&self, need: Need, name: Option<&ServerName<'static>>, now: Instant) -> Option<Connection> {
        let mut closed = Vec::new();
        let mut unused = self.unused();
        let found = loop {
            let last = unused.iter().rposition(|unused| unused.connection.proved.as_ref() == name);
            let Some(at) = last else { break None };
            let Some(mut last) = unused.remove(at) else { break None };
            let waited = now.saturating_duration_since(last.since);
            if self.is_expired(&last, now) {
                closed.push(last);
                continue;
            }
            if need == Need::SureToBeOpen && self.keeping.trust(waited, now) == Trust::NotShown {
                // Those before it have waited longer.
                unused.insert(at, last);
                break None;
            }
            if self.is_spent(&mut last.connection) {
                self.keeping.closed(waited, now);
                closed.push(last);
                continue;
            }
            last.connection.usage = Usage::Used(waited);
            break Some(last.connection);
        };
        drop(unused);
        // To close them need not happen under the lock.
        drop(closed);
        found
    }

    /// Keeps a connection that is ready for another request.
    pub(super) fn keep(&self, mut connection: Connection) {
        if self.idle_max == 0 || self.is_spent(&mut connection) {
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
        // Those that have been closed are gone already.
        if let Some(longest) = unused.iter().map(|unused| now.saturating_duration_since(unused.since)).max() {
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
        let mut closed = Vec::new();
        for mut waiting in std::mem::take(&mut *unused) {
            if self.is_spent(&mut waiting.connection) {
                self.keeping.closed(now.saturating_duration_since(waiting.since), now);
                closed.push(waiting);
            } else {
                unused.push_back(waiting);
            }
        }
        drop(unused);
        drop(closed);
        self.lines.drop_expired(self.idle_timeout, now);
    }
}
