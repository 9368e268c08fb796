//! Room for connections: so many at once, and where there is none, that of the one which has been idle longest.

use super::conversation::Conversation;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// What has had nothing under way for less than this may be about to send something: it is not idle.
const IDLE_AT_LEAST: Duration = Duration::from_secs(1);
/// How long an idle connection may take to end once its place was given away.
pub(super) const LEAVING_MAX: Duration = Duration::from_secs(2);
/// How often it is looked whether one has become idle, while none is.
const LOOKED_EVERY: Duration = Duration::from_millis(100);
/// How many of those that have been idle longest are noted when all are looked through.
const NOTED_MAX: usize = 64;
/// How often the log says that there is no room.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// The places of one listener, and who has them.
#[derive(Debug)]
pub(super) struct Room {
    connections_max: AtomicUsize,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    connections: HashMap<u64, Arc<Conversation>>,
    /// How many of them have lost their place and are about to end.
    leaving: usize,
    next_id: u64,
    /// Connections by when something last happened on them, the earliest last. As long as nothing has happened since,
    /// they are those that have been idle longest: whatever else there is was busy, or idle since later.
    idle: Vec<(Instant, Arc<Conversation>)>,
    told_at: HashMap<&'static str, Instant>,
}

/// A place in use.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    id: u64,
}

impl Room {
    /// Room for so many.
    pub(super) fn new(connections_max: usize) -> Self {
        let connections_max = AtomicUsize::new(connections_max.max(1));
        Self { connections_max, taken: Mutex::default(), freed: Notify::new() }
    }

    /// Room for so many from now on. Where there are more, idle ones end as new ones come.
    pub(super) fn resize(&self, connections_max: usize) {
        self.connections_max.store(connections_max.max(1), Ordering::Relaxed);
    }

    /// A place for a new connection. Where all are taken, it gets that of the connection that has been idle longest, which
    /// is asked to end; if none is idle, this waits, and the observers are notified.
    pub(super) async fn enter(self: &Arc<Self>, conversation: &Arc<Conversation>) -> Place {
        let mut is_told = false;
        loop {
            let freed = self.freed.notified();
            if let Some(id) = self.taken().take(conversation, self.connections_max.load(Ordering::Relaxed)) {
                return Place { room: Arc::clone(self), id };
            }
            if !is_told {
                is_told = true;
                self.taken().tell("no connection is idle, so new ones wait");
                conversation.observers.iter().for_each(|observer| observer.full());
            }
            let _ = timeout(LOOKED_EVERY, freed).await;
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn take(&mut self, conversation: &Arc<Conversation>, connections_max: usize) -> Option<u64> {
        // Where there is room for fewer than there was, each new connection takes the places of two.
        let mut wanted = (self.connections.len() - self.leaving + 1).saturating_sub(connections_max).min(2);
        let mut displaced = 0;
        while wanted > 0 {
            // Those that leave have their sockets still, so there may not be many of them.
            let may_leave = self.leaving <= connections_max / 8;
            let Some(idle) = may_leave.then(|| self.idle_longest(Instant::now())).flatten() else { break };
            idle.end.give();
            self.leaving += 1;
            displaced += 1;
            wanted -= 1;
        }
        if displaced > 0 {
            self.tell("the connections that have been idle longest make room for new ones");
        } else if wanted > 0 {
            return None;
        }
        self.next_id += 1;
        self.connections.insert(self.next_id, Arc::clone(conversation));
        Some(self.next_id)
    }

    /// The connection that has been idle longest.
    fn idle_longest(&mut self, now: Instant) -> Option<Arc<Conversation>> {
        self.next_noted().or_else(|| {
            let is_idle = |(since, conversation): &(Instant, Arc<Conversation>)| {
                now.saturating_duration_since(*since) >= IDLE_AT_LEAST && conversation.may_make_room()
            };
            let connections = self.connections.values().map(|known| (known.last_event(), Arc::clone(known)));
            self.idle = connections.filter(is_idle).collect();
            self.idle.sort_unstable_by_key(|(since, _)| std::cmp::Reverse(*since));
            self.idle.drain(..self.idle.len().saturating_sub(NOTED_MAX));
            self.next_noted()
        })
    }

    fn next_noted(&mut self) -> Option<Arc<Conversation>> {
        let is_idle_still = |(since, conversation): &(Instant, Arc<Conversation>)| {
            conversation.may_make_room() && conversation.last_event() == *since
        };
        std::iter::from_fn(|| self.idle.pop()).find(is_idle_still).map(|(_, conversation)| conversation)
    }

    fn tell(&mut self, what: &'static str) {
        let now = Instant::now();
        if self.told_at.get(what).is_none_or(|told_at| now.saturating_duration_since(*told_at) >= TOLD_EVERY) {
            self.told_at.insert(what, now);
            tracing::warn!(connections = self.connections.len(), "limits.connections is reached: {what}");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        let gone = taken.connections.remove(&self.id);
        taken.leaving -= usize::from(gone.is_some_and(|conversation| conversation.end.is_given()));
        self.room.freed.notify_one();
    }
}
