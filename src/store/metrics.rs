//! The metrics of the tiers.

use super::memory::MemoryTier;
use super::redis::RedisTier;
use super::write_behind::WriteBehind;
use crate::metric::{Measured, Metric, Samples};

/// The label of the tier in this process.
pub(crate) const MEMORY: &str = "memory";

const REDIS: &str = "redis";

/// Look-ups in a tier by cacheable requests that were answered.
pub(crate) const LOOKUPS: Metric = Metric::counter(
    "larder_cache_lookups_total",
    &["tier", "result"],
    "Look-ups in a tier by cacheable requests that were answered.",
);
/// Responses stored in a tier.
pub(crate) const ENTRIES: Metric = Metric::gauge("larder_cache_entries", &["tier"], "Responses stored in a tier.");
/// Bytes charged to a tier: heads, bodies, keys, tags, bookkeeping.
pub(crate) const BYTES: Metric =
    Metric::gauge("larder_cache_bytes", &["tier"], "Bytes charged to a tier: heads, bodies, keys, tags, bookkeeping.");
/// The most bytes that a tier may be charged.
pub(crate) const BYTES_MAX: Metric =
    Metric::gauge("larder_cache_bytes_max", &["tier"], "The most bytes that a tier may be charged: `memory.size`.");
/// Responses that left a tier.
pub(crate) const EVICTIONS: Metric =
    Metric::counter("larder_cache_evictions_total", &["tier", "reason"], "Responses that left a tier.");
const REDIS_WRITES: Metric =
    Metric::counter("larder_redis_writes_total", &["result"], "Responses offered to the shared tier.");

/// The metrics of the tiers.
pub(crate) const METRICS: &[&Metric] = &[&LOOKUPS, &ENTRIES, &BYTES, &BYTES_MAX, &EVICTIONS, &REDIS_WRITES];

impl Measured for MemoryTier {
    fn sample(&self, samples: &mut Samples) {
        let usage = self.usage();
        samples.number(&ENTRIES, &[MEMORY], usage.entries);
        samples.number(&BYTES, &[MEMORY], usage.bytes);
        samples.number(&BYTES_MAX, &[MEMORY], usage.size_bytes);
        let evictions = [
            ("capacity", usage.evicted_capacity),
            ("replaced", usage.evicted_replaced),
            ("removed", usage.evicted_removed),
        ];
        samples.numbers(&EVICTIONS, &[MEMORY], evictions);
    }
}

impl Measured for RedisTier {
    fn sample(&self, samples: &mut Samples) {
        let usage = self.usage();
        samples.numbers(&LOOKUPS, &[REDIS], usage.lookups);
        samples.numbers(&REDIS_WRITES, &[], usage.writes);
    }
}

impl Measured for WriteBehind {
    fn sample(&self, samples: &mut Samples) {
        samples.number(&REDIS_WRITES, &["dropped"], self.dropped());
    }
}
