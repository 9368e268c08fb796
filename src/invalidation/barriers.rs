//! The highest purge stamp for each scope, and the floors under them.
//!
//! A barrier covers whatever is stamped below it: a response whose fetch began when stamp `s` was applied has not seen
//! the change that a purge of stamp `p > s` announces. Each scope keeps its highest hard and its highest soft stamp
//! and nothing else, so a purge costs the same however many responses it hits.
//!
//! Memory is bounded, and forgetting costs misses, never a stale answer. Over the bound a URL's or prefix's barrier becomes
//! one of its path's prefix, the oldest first; a tag or a route has no wider scope, so its stamp becomes a **floor** under
//! everything. There are two floors, so that forgetting a hard purge keeps it hard: what is stamped below the hard one is
//! purged; below the soft one it is unproven and must be validated.
//!
//! What clients' unsafe requests raise has a share of the memory to itself, so that they can't make the operators' and the
//! shop's purges be forgotten.
//!
//! URLs and prefixes are compared without their scheme: where TLS ends in front of Larder, the shop purges `https` URLs
//! that Larder keeps as `http`. A purge that hits too much costs a miss, one that hits nothing a broken promise.

use super::Standing;
use super::barrier_table::{Heights, Kind, Merges, Table, prefix_or_path};
use super::purge::{Depth, PurgeSource};
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::scope::{Membership, Scope, without_scheme};
use crate::stamp::Stamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The share of the memory that is for what clients' unsafe requests raise: one part in so many.
const CLIENTS_SHARE: usize = 4;

/// The purge that covers a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covering {
    /// How deep it went.
    pub depth: Depth,
    /// Its place in the log.
    pub stamp: Stamp,
    /// Which of its scopes it is, a URL without its scheme (`//shop/p`) since it covers both; `None` if only the height
    /// of the purge is remembered.
    pub scope: Option<Scope>,
}

/// Barriers as they are written down for the next process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenBarriers {
    floors: Heights,
    all: Heights,
    named: Vec<WrittenBarrier>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBarrier {
    kind: Kind,
    name: Arc<str>,
    heights: Heights,
    merges: Merges,
    by_clients: bool,
}

/// All barriers. Not synchronised: the owner holds it under a lock.
#[derive(Debug)]
pub struct Barriers {
    floors: Heights,
    all: Heights,
    operators: Table,
    clients: Table,
}

impl Barriers {
    /// No barriers, and room for `bytes_max` bytes of them.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let clients_bytes_max = bytes_max / CLIENTS_SHARE;
        Self {
            floors: Heights::default(),
            all: Heights::default(),
            operators: Table::new(bytes_max - clients_bytes_max),
            clients: Table::new(clients_bytes_max),
        }
    }

    /// Raises the barrier of `scope` to `stamp`, unless it is higher already.
    pub fn raise(&mut self, scope: &Scope, stamp: Stamp, depth: Depth, source: PurgeSource) {
        let (kind, name) = match scope {
            Scope::All => return self.all.raise(Heights::of(stamp, depth)),
            Scope::Route(route) => (Kind::Route, route.as_str()),
            Scope::Tag(tag) => (Kind::Tag, tag.as_str()),
            Scope::Url(url) => (Kind::Url, without_scheme(url)),
            Scope::Prefix(prefix) => prefix_or_path(without_scheme(prefix)),
        };
        let table = match source {
            PurgeSource::UnsafeRequest => &mut self.clients,
            PurgeSource::Admin | PurgeSource::Event | PurgeSource::Fleet => &mut self.operators,
        };
        let forgotten = table.raise(kind, name, Heights::of(stamp, depth));
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::ForgottenWithoutFloor) {
            return;
        }
        self.floors.raise(forgotten);
    }

    /// Forgets the barriers below `older_than`, raising the floors to the highest of them.
    pub fn expire(&mut self, older_than: Stamp) {
        for table in [&mut self.operators, &mut self.clients] {
            self.floors.raise(table.expire(older_than));
        }
    }

    /// Raises the soft floor: what purges there were below it is not known.
    ///
    /// It is not the hard one, although a hard purge may have been among them: that would take all that is stored from an
    /// instance whose Redis has lost its data, and with it what stands in while the origin fails too. To be asked of the
    /// origin is what is sure to be right.
    pub fn raise_floor(&mut self, floor: Stamp) {
        self.floors.raise(Heights::of(floor, Depth::Soft));
    }

    /// Raises the hard floor: hard purges below it were forgotten.
    pub fn raise_hard_floor(&mut self, floor: Stamp) {
        self.floors.raise(Heights::of(floor, Depth::Hard));
    }

    /// The height of the last hard purge that is remembered by no scope of its own: of everything, or forgotten.
    #[must_use]
    pub fn hard_floor(&self) -> Stamp {
        let mut heights = self.floors;
        heights.raise(self.all);
        heights.hard()
    }

    /// What the barriers make of a response whose fetch began at `stamp`. Twice, for clients and for all others, one hash
    /// look-up for each of its scopes, and two for each distinct length of the prefixes present.
    #[must_use]
    pub fn standing(&self, stamp: Stamp, membership: &Membership<'_>) -> Standing {
        let forgotten = match self.floors.standing(stamp) {
            Standing::SoftPurged => Standing::Unproven,
            standing => standing,
        };
        let url = without_scheme(membership.url);
        let tables = [&self.operators, &self.clients].into_iter().filter(|table| !table.is_empty());
        let named = tables.map(|table| table.standing(stamp, url, membership));
        named.fold(forgotten.max(self.all.standing(stamp)), Standing::max)
    }

    /// The purge that covers a response whose fetch began at `stamp`: the deepest, of those one whose scope is
    /// remembered, of those the last.
    #[must_use]
    pub fn covering(&self, stamp: Stamp, membership: &Membership<'_>) -> Option<Covering> {
        let covering = |scope: Option<Scope>, heights: Heights| {
            heights.covering(stamp).map(|(depth, stamp)| Covering { depth, stamp, scope })
        };
        let url = without_scheme(membership.url);
        let named = [&self.operators, &self.clients].into_iter().flat_map(|table| table.over(url, membership));
        named
            .filter_map(|(kind, name, heights)| covering(Some(kind.scope(name)?), heights))
            .chain(covering(Some(Scope::All), self.all))
            .chain(covering(None, self.floors))
            .max_by_key(|covering| (covering.depth, covering.scope.is_some(), covering.stamp))
    }

    /// All of them, to be written down.
    pub(super) fn written(&self) -> WrittenBarriers {
        let of = |table: &Table, by_clients| {
            let write = move |(kind, name, heights, merges): (Kind, &Arc<str>, Heights, _)| WrittenBarrier {
                kind,
                name: Arc::clone(name),
                heights,
                merges,
                by_clients,
            };
            table.iter().map(write).collect::<Vec<_>>()
        };
        let mut named = of(&self.operators, false);
        named.extend(of(&self.clients, true));
        WrittenBarriers { floors: self.floors, all: self.all, named }
    }

    /// Raises each of those to where it was when they were written down.
    pub(super) fn raise_written(&mut self, written: &WrittenBarriers) {
        self.floors.raise(written.floors);
        self.all.raise(written.all);
        for WrittenBarrier { kind, name, heights, merges, by_clients } in &written.named {
            let table = if *by_clients { &mut self.clients } else { &mut self.operators };
            let forgotten = table.raise_merged(*kind, name, *heights, *merges);
            self.floors.raise(forgotten);
        }
    }

    /// The stamp below which everything counts as purged or unproven.
    #[must_use]
    pub fn floor(&self) -> Stamp {
        self.floors.highest()
    }

    /// How many barriers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operators.len() + self.clients.len()
    }

    /// Whether there is no barrier.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
#[path = "barriers_tests.rs"]
mod tests;
