//! What a purge would take, without purging: exact for what is in this instance's memory at that moment.

use super::Engine;
use crate::entry::Entry;
use crate::invalidation::Standing;
use crate::invalidation::barriers::Barriers;
use crate::invalidation::purge::{Depth, Purge};
use crate::plan::request::CacheableRequest;
use crate::scope::Membership;
use crate::semantics::target::Target;
use crate::stamp::Stamp;

/// The barriers of one purge alone are never merged: what it would take is known exactly.
const BARRIER_BYTES_MAX: usize = usize::MAX;

/// What a purge would take of this instance's memory.
#[derive(Debug, Default)]
pub(crate) struct PurgePreview {
    /// Stored responses that it would make stale or unusable, and that no purge covers yet.
    pub(crate) entries: u64,
    /// What they are charged, in bytes.
    pub(crate) bytes: u64,
    /// Those of them that are fresh now: the next request for each would go to the origin, and would not have.
    pub(crate) fresh: u64,
    /// Those among the keys that are asked for most, hottest first.
    pub(crate) hot: Vec<HotEntry>,
}

/// One that is asked for often.
#[derive(Debug)]
pub(crate) struct HotEntry {
    /// The URL as keyed.
    pub(crate) url: String,
    /// The route that decides now.
    pub(crate) route: String,
}

/// One purge, to be asked what it covers.
struct Candidate {
    barriers: Barriers,
    depth: Depth,
}

impl Candidate {
    fn new(purge: &Purge) -> Self {
        let mut barriers = Barriers::new(BARRIER_BYTES_MAX);
        for scope in &purge.scopes {
            barriers.raise(scope, Stamp::LAST, purge.depth, purge.source);
        }
        Self { barriers, depth: purge.depth }
    }

    fn covers(&self, membership: &Membership<'_>) -> bool {
        self.barriers.standing(Stamp::ZERO, membership) != Standing::Clear
    }

    /// Whether what has this standing would be worse off afterwards.
    fn changes(&self, standing: Standing) -> bool {
        match self.depth {
            Depth::Hard => standing != Standing::Purged,
            Depth::Soft => matches!(standing, Standing::Clear | Standing::Unproven),
        }
    }
}

impl Engine {
    /// What a purge would take if it were asked for now. Looks at everything in memory: to be called off the path of
    /// requests.
    pub(crate) fn preview(&self, purge: &Purge) -> PurgePreview {
        let candidate = Candidate::new(purge);
        let mut preview = PurgePreview::default();
        for (_, variants) in self.memory().keyed() {
            for entry in variants.entries().iter().filter(|entry| self.would_take(&candidate, entry)) {
                preview.entries += 1;
                preview.bytes += entry.weight_bytes() as u64;
                preview.fresh += u64::from(self.is_fresh(entry));
            }
        }
        let is_taken = |request: &CacheableRequest| {
            let variants = self.memory().peek(&request.key);
            let entry = variants.as_ref().and_then(|variants| request.select(variants));
            entry.is_some_and(|entry| self.would_take(&candidate, entry))
        };
        let hot =
            self.hot_keys.hottest_first(&self.rules(), self.now()).into_iter().filter(|request| is_taken(request));
        preview.hot = hot
            .map(|request| HotEntry { url: request.target.url().to_owned(), route: request.route.name.to_string() })
            .collect();
        preview
    }

    /// Whether a purge that takes more than `hot` hot keys has them fetched again by Larder itself.
    pub(crate) const fn refreshes_after(&self, hot: usize) -> bool {
        hot > self.refresh.after_purge
    }

    fn would_take(&self, candidate: &Candidate, entry: &Entry) -> bool {
        let covers = |membership: &Membership<'_>| candidate.covers(membership);
        let is_covered = covers(&entry.membership())
            || self.by_other_rules(entry, covers).is_some_and(|others| others.contains(&true));
        is_covered && candidate.changes(self.standing_by_all(entry))
    }

    /// Whether a stored response is fresh under the rules in force, and no purge covers it.
    fn is_fresh(&self, entry: &Entry) -> bool {
        let filed = Target::parse_absolute(entry.membership().url).ok();
        // By the route that stored it, if that still stores what is there; else by what does now.
        let mut routes = filed.map_or_else(Vec::new, |target| self.rules().caching_routes(&target));
        let stored_by = routes.iter().position(|route| route.name == *entry.membership().route).unwrap_or(0);
        if routes.is_empty() {
            return false;
        }
        let route = routes.swap_remove(stored_by);
        let lifetime = route.lifetime.lifetime(&entry.policy(), entry.stored_at().as_millis());
        entry.spent(&lifetime, self.now()) < lifetime.fresh_for && self.standing_by_all(entry) == Standing::Clear
    }
}
