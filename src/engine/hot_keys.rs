//! The keys that are asked for most, with what it takes to ask for them again.
//!
//! A count-min sketch estimates in fixed memory how often a key was hit, and a small table keeps the requests of the
//! keys that were hit most. Once the sketch has seen [`PERIOD`] hits, all counts are halved, so that what was hot
//! yesterday makes room. The table's lock is only tried on a request's path: a hit that does not get it goes uncounted.
//! Of many hits only one in [`SAMPLED_OF`] is looked at: what is hottest among all is hottest among those.

use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::key::PrimaryKey;
use crate::plan::request::{CacheableRequest, Sharing};
use crate::rules::RuleSet;
use crate::rules::key_recipe::CookieRule;
use crate::rules::switch::SwitchMode;
use http::header::COOKIE;
use pingora_limits::estimator::Estimator;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Hits after which all counts are halved.
const PERIOD: u32 = 1 << 16;

/// So many hits are all looked at, so that an instance with few of them knows its hot keys too.
const COUNTED_ONE_BY_ONE: u32 = 1 << 12;

/// After that, one of so many is.
const SAMPLED_OF: u32 = 16;

/// The sketch: rows and counters in each. 64 KiB in all.
const SKETCH: (usize, usize) = (4, 2048);

/// A request with more in its headers and its body is not kept.
const BYTES_MAX: usize = 4096;

/// The hottest keys.
pub(super) struct HotKeys {
    sketch: Estimator,
    seen: AtomicU32,
    keys_max: usize,
    table: Mutex<HashMap<PrimaryKey, Hot>>,
}

struct Hot {
    request: Arc<CacheableRequest>,
    hits: isize,
}

impl HotKeys {
    /// None yet; at most `keys_max` at once.
    pub(super) fn new(keys_max: usize) -> Self {
        let sketch = Estimator::new(SKETCH.0, SKETCH.1);
        Self { sketch, seen: AtomicU32::new(0), keys_max, table: Mutex::default() }
    }

    /// Counts a hit.
    pub(super) fn note(&self, request: &CacheableRequest, entry: &Entry) {
        if self.keys_max == 0 {
            return;
        }
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        if seen >= COUNTED_ONE_BY_ONE && !seen.is_multiple_of(SAMPLED_OF) {
            return;
        }
        let key = request.representation_key(Some(entry.variant()));
        let hits = self.sketch.incr(key.fingerprint(), 1);
        let is_period_over = seen.is_multiple_of(PERIOD);
        let Ok(mut table) = self.table.try_lock() else { return };
        if is_period_over {
            self.sketch.reset();
            for hot in table.values_mut() {
                hot.hits /= 2;
            }
        }
        if let Some(hot) = table.get_mut(&key) {
            hot.hits = hot.hits.saturating_add(1);
            return;
        }
        // What was asked for once is not hot; and only what was comes as far as the copy below.
        if hits < 2 || !may_be_repeated(request) {
            return;
        }
        if table.len() >= self.keys_max {
            let coldest = table.iter().min_by_key(|(_, hot)| hot.hits).map(|(key, hot)| (key.clone(), hot.hits));
            match coldest {
                Some((coldest, least)) if least < hits => drop(table.remove(&coldest)),
                _ => return,
            }
        }
        table.insert(key, Hot { request: Arc::new(request.to_keep()), hits });
    }

    /// Requests for the hottest keys as these rules see them, hottest first, but for those of routes that are switched.
    pub(super) fn hottest_first(&self, rules: &Arc<RuleSet>, now: Timestamp) -> Vec<Arc<CacheableRequest>> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hot: Vec<_> = table.values().map(|hot| (hot.hits, Arc::clone(&hot.request))).collect();
        drop(table);
        hot.sort_by_key(|(hits, _)| std::cmp::Reverse(*hits));
        let in_force = hot.into_iter().filter_map(|(_, request)| request.under(rules, now));
        let is_left_alone =
            |request: &CacheableRequest| rules.switched(&request.route.name, || now) == SwitchMode::Normal;
        in_force.filter(|request| may_be_repeated(request) && is_left_alone(request)).collect()
    }
}

/// Whether a request may be made again in nobody's name: nothing of it is one client's own, and it is not large.
pub(super) fn may_be_repeated(request: &CacheableRequest) -> bool {
    let brings_cookies = request.headers.contains_key(COOKIE) && request.route.key.cookies == CookieRule::AsReceived;
    let header_bytes: usize = request.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let bytes = header_bytes + request.body.as_ref().map_or(0, |body| body.bytes.len());
    // A token is its client's, also where others get the same answer.
    let is_anyones = request.claimed.is_none() && matches!(request.sharing(), Sharing::Shared);
    is_anyones && !brings_cookies && bytes <= BYTES_MAX
}
