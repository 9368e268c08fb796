//! The tier that all instances share: one hash per primary key in Redis, one field per variant.
//!
//! Stateless but for counts: what is stored lives in Redis, each value a record of [`super::codec`]. A look-up is one
//! command with the deadline of a request's path; writes take longer and are made off that path, by
//! [`super::write_behind`]. A value carries its stamp, and its reader judges it by its own barriers.

use super::codec::{self, CodecError};
use super::memory::Admission;
use super::tier::{Lookup, Tier};
use crate::clock::Clock;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::fleet::link::{Link, LinkError, LinkFailure};
use crate::fleet::options::FleetOptions;
use crate::key::PrimaryKey;
use redis::{cmd, from_redis_value};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a write may take: nobody waits for it.
const WRITE_DEADLINE: Duration = Duration::from_secs(1);

/// The most variants of one key. A key with more is dropped whole: it varies by something that nobody meant.
pub(super) const VARIANTS_MAX: usize = 16;

/// A stored body inflates to at most so many times what the largest value may be.
const INFLATION_MAX: u64 = 64;

/// The tier in Redis.
pub struct RedisTier {
    lookups: Arc<dyn Link>,
    writes: Arc<dyn Link>,
    options: FleetOptions,
    clock: Arc<dyn Clock>,
    counts: Counts,
}

/// What look-ups found and what became of writes, since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisTierUsage {
    /// By result: `hit`, `miss`, `unavailable`, and why values could not be read.
    pub lookups: Vec<(&'static str, u64)>,
    /// By result: `stored`, `failed`, `too-large`.
    pub writes: Vec<(&'static str, u64)>,
}

#[derive(Debug, Default)]
struct Counts {
    hit: AtomicU64,
    miss: AtomicU64,
    unavailable: AtomicU64,
    unreadable: [AtomicU64; CodecError::ALL.len()],
    stored: AtomicU64,
    failed: AtomicU64,
    too_large: AtomicU64,
}

impl RedisTier {
    /// A tier that reads over `lookups`, for which requests wait, and writes over `writes`.
    #[must_use]
    pub fn new(
        lookups: Arc<dyn Link>,
        writes: Arc<dyn Link>,
        options: FleetOptions,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self { lookups, writes, options, clock, counts: Counts::default() })
    }

    /// What it has done.
    #[must_use]
    pub fn usage(&self) -> RedisTierUsage {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &self.counts;
        let found = [("hit", &counts.hit), ("miss", &counts.miss), ("unavailable", &counts.unavailable)];
        let unreadable = CodecError::ALL.iter().zip(&counts.unreadable).map(|(why, count)| (why.label(), count));
        let writes = [("stored", &counts.stored), ("failed", &counts.failed), ("too-large", &counts.too_large)];
        RedisTierUsage {
            lookups: found.into_iter().chain(unreadable).map(|(label, count)| (label, read(count))).collect(),
            writes: writes.map(|(label, count)| (label, read(count))).to_vec(),
        }
    }

    /// What is stored under a key, and why some of it can't be read.
    async fn read(&self, key: &PrimaryKey) -> (Lookup, Vec<CodecError>) {
        let mut get = cmd("HGETALL");
        get.arg(self.options.names.entry(key.fingerprint()));
        let deadline = self.options.timeout;
        #[cfg(test)]
        let deadline = if deliberate_fault::is_on(Fault::NoDeadline) { Duration::from_secs(30) } else { deadline };
        let reply = self.lookups.call(&get, deadline).await;
        let values = reply.and_then(|reply| {
            from_redis_value::<HashMap<Vec<u8>, Vec<u8>>>(reply).map_err(|_| LinkError::of(LinkFailure::Unexpected))
        });
        match values {
            Ok(values) => self.decode(key, values),
            // Another type under the key: nothing of ours is there.
            Err(error) if error.failure == LinkFailure::Refused => (Lookup::Absent, Vec::new()),
            Err(_) => (Lookup::Unavailable, Vec::new()),
        }
    }

    fn decode(&self, key: &PrimaryKey, values: HashMap<Vec<u8>, Vec<u8>>) -> (Lookup, Vec<CodecError>) {
        let body_bytes_max = (self.options.value_bytes_max as u64).saturating_mul(INFLATION_MAX);
        let now = self.clock.now();
        let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
        for value in values.into_values().take(VARIANTS_MAX) {
            match codec::decode(key, &value, now, body_bytes_max) {
                Ok(entry) => entries.push(Arc::new(entry)),
                Err(why) => unreadable.push(why),
            }
        }
        if entries.is_empty() {
            return (Lookup::Absent, unreadable);
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.stored_at()));
        (Lookup::Found(Variants::of(entries)), unreadable)
    }

    async fn write(&self, key: &PrimaryKey, field: &[u8], value: &[u8], keep_for: Duration) -> Result<(), LinkError> {
        let name = self.options.names.entry(key.fingerprint());
        let mut set = cmd("HSET");
        set.arg(&name).arg(field).arg(value);
        if let Err(error) = self.writes.call(&set, WRITE_DEADLINE).await {
            if error.code() == Some("WRONGTYPE") {
                self.delete(&name).await?;
            }
            return Err(error);
        }
        let millis = u64::try_from(keep_for.as_millis()).unwrap_or(u64::MAX).clamp(1, i64::MAX as u64 / 2);
        // Whichever variant lives longest decides for the key: NX for the first, GT for the others.
        for condition in ["NX", "GT"] {
            let mut expire = cmd("PEXPIRE");
            expire.arg(&name).arg(millis).arg(condition);
            self.writes.call(&expire, WRITE_DEADLINE).await?;
        }
        let mut length = cmd("HLEN");
        length.arg(&name);
        let variants: usize = from_redis_value(self.writes.call(&length, WRITE_DEADLINE).await?).unwrap_or(0);
        if variants > VARIANTS_MAX {
            self.delete(&name).await?;
        }
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), LinkError> {
        let mut del = cmd("DEL");
        del.arg(name);
        self.writes.call(&del, WRITE_DEADLINE).await.map(drop)
    }
}

#[async_trait::async_trait]
impl Tier for RedisTier {
    async fn lookup(&self, key: &PrimaryKey) -> Lookup {
        let (lookup, unreadable) = self.read(key).await;
        for why in unreadable {
            self.counts.unreadable[why as usize].fetch_add(1, Ordering::Relaxed);
        }
        let count = match lookup {
            Lookup::Found(_) => &self.counts.hit,
            Lookup::Absent => &self.counts.miss,
            Lookup::Unavailable => &self.counts.unavailable,
        };
        count.fetch_add(1, Ordering::Relaxed);
        lookup
    }

    async fn peek(&self, key: &PrimaryKey) -> Lookup {
        self.read(key).await.0
    }

    async fn admit(&self, key: &PrimaryKey, entry: Arc<Entry>, keep_for: Duration) -> Admission {
        let Some(value) = codec::encode(key, &entry) else { return Admission::Gone };
        if value.len() > self.options.value_bytes_max {
            self.counts.too_large.fetch_add(1, Ordering::Relaxed);
            // What it would have taken the place of is older.
            self.discard(key, &entry).await;
            return Admission::TooLarge;
        }
        let field = field_of(&entry);
        let mut written = self.write(key, &field, &value, keep_for).await;
        // A connection that lay idle may have ended meanwhile, after a failover for one: once more, on a new one.
        if written.as_ref().is_err_and(|error| error.failure == LinkFailure::Away) {
            written = self.write(key, &field, &value, keep_for).await;
        }
        let (count, admission) = match written {
            Ok(()) => (&self.counts.stored, Admission::Stored),
            Err(error) => {
                tracing::debug!(%error, "a response could not be written to the shared tier");
                (&self.counts.failed, Admission::Gone)
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        admission
    }

    async fn discard(&self, key: &PrimaryKey, entry: &Entry) {
        let mut del = cmd("HDEL");
        del.arg(self.options.names.entry(key.fingerprint())).arg(field_of(entry));
        if let Err(error) = self.writes.call(&del, WRITE_DEADLINE).await {
            tracing::debug!(%error, "a response could not be dropped from the shared tier");
        }
    }
}

/// The name of a variant among those of its key: names and values, each with its length.
fn field_of(entry: &Entry) -> Vec<u8> {
    let mut field = Vec::new();
    for (name, value) in &entry.variant().0 {
        for part in [name.as_str().as_bytes(), value] {
            field.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            field.extend_from_slice(part);
        }
    }
    field
}

#[cfg(test)]
#[path = "redis_tests.rs"]
mod tests;
