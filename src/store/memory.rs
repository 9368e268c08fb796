//! The in-process tier, on `quick_cache`.
//!
//! Objects: one value per primary key, an immutable [`Variants`] in the table's own slot; entries live as long as anyone
//! holds them, so an eviction never cuts off a delivery under way. Locks: `quick_cache`'s own, per shard (a look-up takes
//! it shared), and one of a row of writer locks per change, so that two writers of one key don't lose each other's
//! variant; neither is held across an await.
//!
//! Bound: every key weighs what it and its entries hold; what the tier's own table holds is taken off the capacity as
//! the table grows. The table never shrinks, so it is measured instead of charged to the keys of the moment.

use super::carried::Carried;
use crate::entry::variants::Variants;
use crate::entry::{ALLOCATION_OVERHEAD_BYTES, ARC_HEADER_BYTES, Entry};
use crate::in_flight::InFlight;
use crate::key::PrimaryKey;
use crate::scope::Scope;
use ahash::RandomState;
use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How large the tier may grow.
#[derive(Debug, Clone, Copy)]
pub struct MemoryOptions {
    /// Everything charged: heads, bodies, keys, tags, bookkeeping.
    pub size_bytes: u64,
    /// The most variants kept under one primary key; the oldest goes first.
    pub variants_per_key_max: usize,
}

/// What became of an entry offered to a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is stored.
    Stored,
    /// It is larger than the tier can hold. What it would have taken the place of is gone all the same: it is older.
    TooLarge,
    /// What it was to take the place of is there no more: evicted, removed or replaced meanwhile.
    Gone,
}

/// How full the tier is, and what has left it since it was made. Counts are of entries, not of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Entries stored.
    pub entries: u64,
    /// Keys under which they are stored.
    pub keys: u64,
    /// Everything charged, the tier's own table included, in bytes; not what the filter of scopes takes, whose size is fixed
    /// and taken off the capacity.
    pub bytes: u64,
    /// The bound on `bytes`.
    pub size_bytes: u64,
    /// Evicted to make room.
    pub evicted_capacity: u64,
    /// Replaced by a newer response, or pushed out by a newer variant.
    pub evicted_replaced: u64,
    /// Removed on request.
    pub evicted_removed: u64,
}

/// The in-process tier.
pub struct MemoryTier {
    cache: Cache<PrimaryKey, Variants, ByWeight, RandomState, Bookkeeper>,
    writers: Box<[Mutex<()>]>,
    hasher: RandomState,
    counts: Arc<Counts>,
    carried: Arc<Carried>,
    table_charged: AtomicU64,
    options: MemoryOptions,
    in_flight: Arc<InFlight>,
}

/// A shard is at least this large, so that it can hold any entry worth holding: the bound is shared out evenly.
const SHARD_BYTES_MIN: u64 = 32 << 20;
const SHARDS_MAX: u64 = 64;
const WRITER_LOCKS: usize = 64;
/// Bodies under way may hold this share of the tier's size besides: a quarter.
pub(crate) const IN_FLIGHT_SHARE: u64 = 4;
/// A slot of the cache's table: the key, the value, its state, two links.
const SLOT_BYTES: u64 = 48;
/// The guess at the mean weight of a key: it sizes the memory of keys lately evicted.
const KEY_BYTES_TYPICAL: u64 = 4096;
/// The steps, as a share of the whole, in which the table's growth is taken off the capacity.
const TABLE_STEPS: u64 = 256;
/// `quick_cache` refuses what is heavier than its hot share of a shard, 97 %; this stays below it.
const ENTRY_SHARE_PERCENT: u64 = 96;

impl MemoryTier {
    /// An empty tier, with the usual bound on what bodies under way hold besides.
    #[must_use]
    pub fn new(options: MemoryOptions) -> Self {
        Self::beside(InFlight::new(options.size_bytes / IN_FLIGHT_SHARE), options)
    }

    /// An empty tier. What leaves it while somebody reads it is charged to `in_flight`.
    #[must_use]
    pub fn beside(in_flight: Arc<InFlight>, options: MemoryOptions) -> Self {
        let shards = (options.size_bytes / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX);
        let shards = if shards.is_power_of_two() { shards } else { shards.next_power_of_two() / 2 };
        let keys = usize::try_from(options.size_bytes / KEY_BYTES_TYPICAL).unwrap_or(usize::MAX);
        let settings = OptionsBuilder::new()
            .shards(usize::try_from(shards).unwrap_or(1))
            .estimated_items_capacity(keys)
            .weight_capacity(options.size_bytes)
            .build()
            .expect("both capacities are set");
        let counts = Arc::new(Counts::default());
        let carried = Arc::new(Carried::beside(options.size_bytes));
        let lifecycle = Bookkeeper { counts: Arc::clone(&counts), carried: Arc::clone(&carried) };
        let tier = Self {
            cache: Cache::with_options(settings, ByWeight, RandomState::new(), lifecycle),
            writers: (0..WRITER_LOCKS).map(|_| Mutex::new(())).collect(),
            hasher: RandomState::new(),
            counts,
            carried,
            table_charged: AtomicU64::new(0),
            options,
            in_flight,
        };
        tier.charge_table();
        tier
    }

    /// What bodies under way hold besides the tier.
    #[must_use]
    pub const fn in_flight(&self) -> &Arc<InFlight> {
        &self.in_flight
    }

    /// Whether anything stored may carry this; where not, a purge of it finds nothing here.
    #[must_use]
    pub fn may_hold(&self, scope: &Scope) -> bool {
        self.counts.entries.load(Ordering::Relaxed) > 0 && self.carried.may_hold(scope)
    }

    /// What is stored under a key. Counts as a use.
    #[must_use]
    pub fn lookup(&self, key: &PrimaryKey) -> Option<Variants> {
        self.cache.get(key)
    }

    /// What is stored under a key, without counting as a use.
    #[must_use]
    pub fn peek(&self, key: &PrimaryKey) -> Option<Variants> {
        self.cache.peek(key)
    }

    /// What is stored under the first `keys_max` keys, in no order, without counting as a use. Each step locks briefly.
    pub fn scan(&self, keys_max: usize) -> impl Iterator<Item = Variants> {
        self.keyed().take(keys_max).map(|(_, variants)| variants)
    }

    /// Everything that is stored, as [`Self::scan`].
    pub(crate) fn keyed(&self) -> impl Iterator<Item = (PrimaryKey, Variants)> {
        self.cache.iter()
    }

    /// Stores an entry of an earlier process where nothing of its variant is stored, which is newer, and where it takes no
    /// newer one's place.
    pub(crate) fn admit_earlier(&self, key: &PrimaryKey, entry: Arc<Entry>) -> Admission {
        let _writing = self.writer(key);
        let present = self.cache.peek(key);
        let empty = Variants::default();
        let before = present.as_ref().unwrap_or(&empty);
        let Some(changed) = before.with_earlier(entry) else { return Admission::Gone };
        let fits = changed.entries().len() <= self.options.variants_per_key_max.max(1);
        if !fits || changed.weight_bytes() > self.room(key) {
            return Admission::TooLarge;
        }
        self.put(key, present.as_ref(), changed);
        Admission::Stored
    }

    /// Stores an entry in place of those of the same variant key. One that is too large still removes those.
    pub fn admit(&self, key: &PrimaryKey, entry: Arc<Entry>) -> Admission {
        let _writing = self.writer(key);
        let present = self.cache.peek(key);
        let empty = Variants::default();
        let before = present.as_ref().unwrap_or(&empty);
        let room = self.room(key);
        if entry.weight_bytes() > room {
            self.put(key, present.as_ref(), before.without_variant(entry.variant()));
            return Admission::TooLarge;
        }
        let changed = before.with(entry, self.options.variants_per_key_max.max(1)).within(room);
        self.put(key, present.as_ref(), changed);
        Admission::Stored
    }

    /// Puts `newer` in place of `older` and of those of its own variant key, if `older` is still there.
    pub fn replace(&self, key: &PrimaryKey, older: &Arc<Entry>, newer: Arc<Entry>) -> Admission {
        let _writing = self.writer(key);
        let present = self.cache.peek(key);
        let room = self.room(key);
        let (admission, changed) = match &present {
            None => (Admission::Gone, None),
            Some(before) if newer.weight_bytes() > room => (Admission::TooLarge, before.without(older)),
            Some(before) => (Admission::Stored, before.replacing(older, newer)),
        };
        let Some(changed) = changed else { return Admission::Gone };
        self.put(key, present.as_ref(), changed.within(room));
        admission
    }

    /// Whether a key may hold so many bytes more than it does.
    #[must_use]
    pub(crate) fn has_room_beside(&self, key: &PrimaryKey, more_bytes: usize) -> bool {
        let held = self.peek(key).map_or(0, |variants| variants.weight_bytes());
        held.saturating_add(more_bytes) <= self.room(key)
    }

    /// Puts the same response with other codings beside it in the place of `older`, if that is still there and there is room.
    pub(crate) fn put_same(&self, key: &PrimaryKey, older: &Arc<Entry>, same: Arc<Entry>) -> Admission {
        let _writing = self.writer(key);
        let present = self.cache.peek(key);
        let Some(changed) = present.as_ref().and_then(|before| before.with_same(older, same)) else {
            return Admission::Gone;
        };
        if changed.weight_bytes() > self.room(key) {
            return Admission::TooLarge;
        }
        self.insert_or_remove(key, present.as_ref(), changed);
        self.charge_table();
        Admission::Stored
    }

    /// Drops one entry, if it is still there.
    pub fn discard(&self, key: &PrimaryKey, entry: &Arc<Entry>) {
        let _writing = self.writer(key);
        let present = self.cache.peek(key);
        if let Some(rest) = present.as_ref().and_then(|before| before.without(entry)) {
            self.counts.removed.fetch_add(1, Ordering::Relaxed);
            self.insert_or_remove(key, present.as_ref(), rest);
        }
    }

    /// How full the tier is.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            entries: self.counts.entries.load(Ordering::Relaxed),
            keys: self.cache.len() as u64,
            bytes: self.cache.weight().saturating_add(self.table_bytes()),
            size_bytes: self.options.size_bytes,
            evicted_capacity: self.counts.capacity.load(Ordering::Relaxed),
            evicted_replaced: self.counts.replaced.load(Ordering::Relaxed),
            evicted_removed: self.counts.removed.load(Ordering::Relaxed),
        }
    }

    /// The most that the variants of a key may weigh, in bytes.
    fn room(&self, key: &PrimaryKey) -> usize {
        let key_bytes_max = self.cache.shard_capacity() / 100 * ENTRY_SHARE_PERCENT;
        let beside = key_weight_bytes(key);
        usize::try_from(key_bytes_max).unwrap_or(usize::MAX).saturating_sub(beside)
    }

    fn writer(&self, key: &PrimaryKey) -> MutexGuard<'_, ()> {
        // The remainder lies within the row; a poisoned lock guards no data.
        let place = usize::try_from(self.hasher.hash_one(key) % WRITER_LOCKS as u64).unwrap_or(0);
        self.writers[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `changed`, made from `before`, in its place.
    fn put(&self, key: &PrimaryKey, before: Option<&Variants>, changed: Variants) {
        let gone = before.map_or(0, |before| left(before, &changed));
        self.counts.replaced.fetch_add(gone, Ordering::Relaxed);
        self.insert_or_remove(key, before, changed);
        self.charge_table();
    }

    fn insert_or_remove(&self, key: &PrimaryKey, before: Option<&Variants>, changed: Variants) {
        let mut request = Leaving { replaced: before.cloned(), gone: Vec::new() };
        if changed.entries().is_empty() {
            if let Some((_, gone)) = self.cache.remove(key) {
                self.counts.leave(&gone, &self.carried);
                self.linger(&gone, &changed);
            }
            return;
        }
        let stays = changed.clone();
        // Counted before it can be evicted, so that the count never falls below zero.
        self.counts.enter(&changed, &self.carried);
        self.cache.insert_with_lifecycle(key.clone(), changed, &mut request);
        for gone in &request.gone {
            self.linger(gone, &stays);
        }
    }

    /// Charges what somebody still reads of what has left the tier, but for what `stays` in it.
    fn linger(&self, gone: &Variants, stays: &Variants) {
        let is_kept = |body: &Bytes| {
            let mut kept = stays.entries().iter().flat_map(|entry| entry.shared_bodies());
            !gone.is_same(stays) && kept.any(|kept| kept.as_ptr() == body.as_ptr())
        };
        for body in gone.entries().iter().flat_map(|entry| entry.shared_bodies()).filter(|body| !is_kept(body)) {
            self.in_flight.linger(body);
        }
    }

    /// What the cache's own table holds, in bytes. A shard's row of slots grows by doubling: its length is reported,
    /// its capacity is the next power of two.
    fn table_bytes(&self) -> u64 {
        let used = self.cache.memory_used();
        let shards = self.cache.num_shards() as u64;
        let slots_per_shard = (used.entries as u64 / SLOT_BYTES).div_ceil(shards);
        // Shards differ a little in length, so one may have doubled before the mean shows it.
        let capacity = (slots_per_shard + slots_per_shard / 16).next_power_of_two();
        capacity * shards * SLOT_BYTES + used.map as u64
    }

    /// Takes the table off the capacity, in steps, where it has grown.
    fn charge_table(&self) {
        let step = (self.options.size_bytes / TABLE_STEPS).max(1);
        let due = (self.table_bytes() / step + 1) * step;
        if self.table_charged.fetch_max(due, Ordering::Relaxed) < due {
            self.cache.set_capacity(self.options.size_bytes.saturating_sub(due + self.carried.bytes()));
        }
    }
}

/// How many entries of `before` are not in `after`.
fn left(before: &Variants, after: &Variants) -> u64 {
    let stays = |entry: &&Arc<Entry>| after.entries().iter().any(|other| Arc::ptr_eq(entry, other));
    before.entries().iter().filter(|entry| !stays(entry)).count() as u64
}

/// What a key holds besides its variants, in bytes.
fn key_weight_bytes(key: &PrimaryKey) -> usize {
    key.as_bytes().len() + ARC_HEADER_BYTES + ALLOCATION_OVERHEAD_BYTES
}

/// The weight of one key with all it holds.
#[derive(Debug, Clone)]
struct ByWeight;

impl Weighter<PrimaryKey, Variants> for ByWeight {
    fn weight(&self, key: &PrimaryKey, variants: &Variants) -> u64 {
        (key_weight_bytes(key) + variants.weight_bytes()) as u64
    }
}

#[derive(Debug, Default)]
struct Counts {
    entries: AtomicU64,
    capacity: AtomicU64,
    replaced: AtomicU64,
    removed: AtomicU64,
}

impl Counts {
    /// Counts what is put into the cache.
    fn enter(&self, variants: &Variants, carried: &Carried) {
        self.entries.fetch_add(variants.entries().len() as u64, Ordering::Relaxed);
        variants.entries().iter().for_each(|entry| carried.add(&entry.membership()));
    }

    /// Counts what has left the cache.
    fn leave(&self, variants: &Variants, carried: &Carried) {
        self.entries.fetch_sub(variants.entries().len() as u64, Ordering::Relaxed);
        variants.entries().iter().for_each(|entry| carried.remove(&entry.membership()));
    }
}

/// Keeps the counts as values leave the cache.
#[derive(Debug, Clone)]
struct Bookkeeper {
    counts: Arc<Counts>,
    carried: Arc<Carried>,
}

/// What leaves the cache in the course of one change; dropped after the shard's lock.
#[derive(Default)]
struct Leaving {
    /// The value that the change takes the place of: no eviction.
    replaced: Option<Variants>,
    gone: Vec<Variants>,
}

impl Lifecycle<PrimaryKey, Variants> for Bookkeeper {
    type RequestState = Leaving;

    fn on_evict(&self, request: &mut Leaving, _: PrimaryKey, variants: Variants) {
        let entries = variants.entries().len() as u64;
        self.counts.leave(&variants, &self.carried);
        if !request.replaced.as_ref().is_some_and(|replaced| replaced.is_same(&variants)) {
            self.counts.capacity.fetch_add(entries, Ordering::Relaxed);
        }
        request.gone.push(variants);
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
