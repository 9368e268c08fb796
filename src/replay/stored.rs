//! What is stored at a moment of a replay, and what is on its way there.

use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::key::PrimaryKey;
use crate::scope::Depth;
use ahash::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The store of one set of rules.
pub(super) struct Stored {
    /// How many responses it holds at most. Over it, what would end first is forgotten.
    most: usize,
    forgotten: u64,
    slots: HashMap<PrimaryKey, Slot, RandomState>,
    /// What is to happen, by its time and a number that makes it unique.
    due: BTreeMap<(Timestamp, u64), (PrimaryKey, Due)>,
    numbers: u64,
    memory: Memory,
}

/// What happens to a key.
#[derive(Clone, Copy)]
enum Due {
    /// A fetch is done.
    Fetched,
    /// What is stored is of no use any more.
    Ended,
}

/// What is known under a key.
#[derive(Default)]
pub(super) struct Slot {
    current: Option<Current>,
    coming: Option<Coming>,
    /// How long the origin took for it last.
    pub(super) upstream: Option<Duration>,
    /// The size of its body, as far as is known.
    pub(super) body_bytes: Option<u64>,
}

/// What a look-up finds.
struct Current {
    variants: Variants,
    route: usize,
    bytes: u64,
    /// When it ends.
    end: (Timestamp, u64),
    is_soft_purged: bool,
}

/// A fetch under way.
struct Coming {
    number: u64,
    answer: Option<ToStore>,
}

/// What is to be stored.
pub(super) struct ToStore {
    pub(super) entry: Arc<Entry>,
    pub(super) route: usize,
    pub(super) bytes: u64,
    /// From when on it is of no use.
    pub(super) ends_at: Timestamp,
}

/// What a fetch that is under way will bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnderWay {
    /// There is none.
    Nothing,
    /// What is stored, and others may share.
    Shared,
    /// What is for one request alone.
    Alone,
}

/// The bytes that are stored, now and at most.
#[derive(Default)]
struct Memory {
    now: u64,
    peak: u64,
    by_route: Vec<(u64, u64)>,
}

impl Memory {
    fn add(&mut self, route: usize, bytes: u64) {
        if self.by_route.len() <= route {
            self.by_route.resize(route + 1, (0, 0));
        }
        self.now += bytes;
        self.peak = self.peak.max(self.now);
        let (now, peak) = &mut self.by_route[route];
        *now += bytes;
        *peak = (*peak).max(*now);
    }

    fn remove(&mut self, route: usize, bytes: u64) {
        self.now -= bytes;
        self.by_route[route].0 -= bytes;
    }
}

impl Slot {
    /// What a look-up finds.
    pub(super) fn current(&self) -> Option<&Variants> {
        self.current.as_ref().map(|current| &current.variants)
    }

    /// Whether it counts as purged softly.
    pub(super) fn is_soft_purged(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.is_soft_purged)
    }

    /// What is on its way.
    pub(super) const fn under_way(&self) -> UnderWay {
        match &self.coming {
            None => UnderWay::Nothing,
            Some(Coming { answer: None, .. }) => UnderWay::Alone,
            Some(Coming { answer: Some(_), .. }) => UnderWay::Shared,
        }
    }
}

impl Stored {
    /// An empty one, with room for so many responses.
    pub(super) fn new(most: usize) -> Self {
        let (slots, due) = (HashMap::default(), BTreeMap::new());
        Self { most, forgotten: 0, slots, due, numbers: 0, memory: Memory::default() }
    }

    /// How many were forgotten for want of room.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What is known under a key now. Time does not run back.
    pub(super) fn slot(&mut self, key: &PrimaryKey, now: Timestamp) -> &mut Slot {
        while let Some(first) = self.due.first_entry().filter(|first| first.key().0 <= now) {
            let (at, (key, due)) = first.remove_entry();
            match due {
                Due::Fetched => self.fetched(&key, at.1),
                Due::Ended => self.ended(&key, at),
            }
        }
        if self.slots.len() >= self.most && !self.slots.contains_key(key) {
            self.make_room();
        }
        self.slots.entry(key.clone()).or_default()
    }

    fn make_room(&mut self) {
        while self.slots.len() >= self.most
            && let Some((at, (key, due))) = self.due.pop_first()
        {
            match due {
                Due::Fetched => {
                    let Some(slot) = self.slots.get_mut(&key) else { continue };
                    slot.coming.take_if(|coming| coming.number == at.1);
                    if slot.current.is_none() && slot.coming.is_none() {
                        self.slots.remove(&key);
                    }
                }
                Due::Ended => {
                    self.ended(&key, at);
                    self.forgotten += 1;
                }
            }
        }
    }

    /// A fetch for a key has begun. One that brings nothing to store does not stand in the way of one that does.
    pub(super) fn fetch(&mut self, key: &PrimaryKey, ready_at: Timestamp, answer: Option<ToStore>) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        if answer.is_none() && slot.coming.is_some() {
            return;
        }
        self.numbers += 1;
        slot.coming = Some(Coming { number: self.numbers, answer });
        self.due.insert((ready_at, self.numbers), (key.clone(), Due::Fetched));
    }

    fn fetched(&mut self, key: &PrimaryKey, number: u64) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        let Some(coming) = slot.coming.take_if(|coming| coming.number == number) else { return };
        let Some(ToStore { entry, route, bytes, ends_at }) = coming.answer else {
            if slot.current.is_none() {
                self.slots.remove(key);
            }
            return;
        };
        self.numbers += 1;
        let end = (ends_at, self.numbers);
        let current = Current { variants: Variants::of(vec![entry]), route, bytes, end, is_soft_purged: false };
        let before = slot.current.replace(current);
        self.forget(before.as_ref());
        self.memory.add(route, bytes);
        self.due.insert(end, (key.clone(), Due::Ended));
    }

    fn ended(&mut self, key: &PrimaryKey, end: (Timestamp, u64)) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        let ended = slot.current.take_if(|current| current.end == end);
        if slot.current.is_none() && slot.coming.is_none() {
            self.slots.remove(key);
        }
        self.forget(ended.as_ref());
    }

    /// A purge has taken what is stored under a key.
    pub(super) fn purge(&mut self, key: &PrimaryKey, depth: Depth) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        match (depth, &mut slot.current) {
            (Depth::Soft, Some(current)) => current.is_soft_purged = true,
            (Depth::Hard, current) => {
                let purged = current.take();
                self.forget(purged.as_ref());
            }
            (Depth::Soft, None) => {}
        }
    }

    fn forget(&mut self, current: Option<&Current>) {
        if let Some(Current { route, bytes, end, .. }) = current {
            self.memory.remove(*route, *bytes);
            self.due.remove(end);
        }
    }

    /// The most that was stored at one time, of a route or of all, in bytes.
    pub(super) fn peak_bytes(&self, route: Option<usize>) -> u64 {
        match route {
            None => self.memory.peak,
            Some(route) => self.memory.by_route.get(route).map_or(0, |(_, peak)| *peak),
        }
    }
}
