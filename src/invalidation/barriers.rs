//! The highest purge stamp for each scope, and the floor under them.
//!
//! A barrier covers whatever is stamped below it: a response whose fetch began when stamp `s` was applied has not seen
//! the change that a purge of stamp `p > s` announces. Each scope keeps its highest hard and its highest soft stamp
//! and nothing else, so a purge costs the same however many responses it hits.
//!
//! Memory is bounded. Over the bound the oldest barriers are forgotten and the **floor** rises to the highest stamp
//! forgotten: whatever is stamped below the floor is unproven and must be validated. Forgetting costs misses, never a stale answer; it
//! goes one barrier at a time, so that the origin is not asked for everything at once.
//!
//! URLs and prefixes are compared without their scheme: where TLS ends in front of Larder, the shop purges `https` URLs
//! that Larder keeps as `http`. A purge that hits too much costs a miss, one that hits nothing a broken promise.

use super::Standing;
use super::purge::Depth;
use crate::scope::{Membership, Scope};
use crate::stamp::Stamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What a barrier is charged besides its text: table slot, age index, both with their slack.
const BOOKKEEPING_BYTES: usize = 200;

/// The highest stamps of one scope; [`Stamp::ZERO`] where there was no such purge.
#[derive(Debug, Clone, Copy, Default)]
struct Heights {
    hard: Stamp,
    soft: Stamp,
}

impl Heights {
    fn raise(&mut self, stamp: Stamp, depth: Depth) {
        let height = match depth {
            Depth::Hard => &mut self.hard,
            Depth::Soft => &mut self.soft,
        };
        *height = stamp.max(*height);
    }

    fn highest(self) -> Stamp {
        self.hard.max(self.soft)
    }

    fn standing(self, stamp: Stamp) -> Standing {
        if stamp < self.hard {
            Standing::Purged
        } else if stamp < self.soft {
            Standing::SoftPurged
        } else {
            Standing::Clear
        }
    }
}

/// The scopes that name something; each has a table of its own, so that a look-up needs no owned key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Route,
    Tag,
    Url,
    Prefix,
    /// A prefix that ends where the query begins.
    Path,
}

/// The standard library's hash is seeded at random for each table: names come from clients too.
type Table = HashMap<Arc<str>, Heights>;

/// All barriers. Not synchronised: the owner holds it under a lock.
#[derive(Debug)]
pub struct Barriers {
    floor: Stamp,
    all: Heights,
    routes: Table,
    tags: Table,
    urls: Table,
    prefixes: Table,
    /// Prefixes that end where the query begins, without their `?`: writes make many of them, of all lengths.
    paths: Table,
    /// How many prefixes there are of each length in bytes: only these lengths are looked up.
    prefix_lengths: BTreeMap<usize, usize>,
    /// Every barrier but `all`, lowest first, by the higher of its two stamps.
    ages: BTreeSet<(Stamp, Kind, Arc<str>)>,
    bytes: usize,
    bytes_max: usize,
}

impl Barriers {
    /// No barriers, and room for `bytes_max` bytes of them.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            floor: Stamp::ZERO,
            all: Heights::default(),
            routes: Table::new(),
            tags: Table::new(),
            urls: Table::new(),
            prefixes: Table::new(),
            paths: Table::new(),
            prefix_lengths: BTreeMap::new(),
            ages: BTreeSet::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Raises the barrier of `scope` to `stamp`, unless it is higher already.
    pub fn raise(&mut self, scope: &Scope, stamp: Stamp, depth: Depth) {
        let (kind, name) = match scope {
            Scope::All => return self.all.raise(stamp, depth),
            Scope::Route(route) => (Kind::Route, route.as_str()),
            Scope::Tag(tag) => (Kind::Tag, tag.as_str()),
            Scope::Url(url) => (Kind::Url, without_scheme(url)),
            Scope::Prefix(prefix) => prefix_or_path(without_scheme(prefix)),
        };
        self.raise_named(kind, name, stamp, depth);
        while self.bytes > self.bytes_max {
            self.forget_oldest();
        }
    }

    /// Forgets the barriers below `older_than`, raising the floor to the highest of them.
    pub fn expire(&mut self, older_than: Stamp) {
        while self.ages.first().is_some_and(|(stamp, ..)| *stamp < older_than) {
            self.forget_oldest();
        }
    }

    /// Raises the floor: what purges there were below it is not known.
    pub fn raise_floor(&mut self, floor: Stamp) {
        self.floor = floor.max(self.floor);
    }

    /// What the barriers make of a response whose fetch began at `stamp`. One hash look-up for each of its scopes,
    /// and two for each distinct length of the prefixes present.
    #[must_use]
    pub fn standing(&self, stamp: Stamp, membership: &Membership<'_>) -> Standing {
        let forgotten = if stamp < self.floor { Standing::Unproven } else { Standing::Clear };
        let url = without_scheme(membership.url);
        let path = membership.url.get(membership.path_start..).unwrap_or_default();
        let tags = membership.tags.iter().map(|tag| self.tags.get(tag));
        let prefixes = self
            .prefix_lengths
            .range(..=url.len())
            .flat_map(|(&length, _)| [url.get(..length), path.get(..length)])
            .flatten()
            .map(|prefix| self.prefixes.get(prefix));
        let with_any_query = [url, path].map(|text| text.split_once('?').and_then(|(path, _)| self.paths.get(path)));
        [self.routes.get(membership.route.as_str()), self.urls.get(url), self.urls.get(path)]
            .into_iter()
            .chain(with_any_query)
            .chain(tags)
            .chain(prefixes)
            .flatten()
            .chain([&self.all])
            .map(|heights| heights.standing(stamp))
            .max()
            .map_or(forgotten, |standing| standing.max(forgotten))
    }

    /// The stamp below which everything counts as unproven.
    #[must_use]
    pub fn floor(&self) -> Stamp {
        self.floor
    }

    /// How many barriers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ages.len()
    }

    /// Whether there is no barrier.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ages.is_empty()
    }

    fn raise_named(&mut self, kind: Kind, name: &str, stamp: Stamp, depth: Depth) {
        let table = self.table(kind);
        if let Some((name, heights)) = table.get_key_value(name) {
            let (name, before) = (Arc::clone(name), *heights);
            let mut after = before;
            after.raise(stamp, depth);
            table.insert(Arc::clone(&name), after);
            self.ages.remove(&(before.highest(), kind, Arc::clone(&name)));
            self.ages.insert((after.highest(), kind, name));
            return;
        }
        let name: Arc<str> = name.into();
        let mut heights = Heights::default();
        heights.raise(stamp, depth);
        table.insert(Arc::clone(&name), heights);
        self.bytes += name.len() + BOOKKEEPING_BYTES;
        if kind == Kind::Prefix {
            *self.prefix_lengths.entry(name.len()).or_default() += 1;
        }
        self.ages.insert((heights.highest(), kind, name));
    }

    fn forget_oldest(&mut self) {
        let Some((stamp, kind, name)) = self.ages.pop_first() else { return };
        self.floor = stamp.max(self.floor);
        self.table(kind).remove(&name);
        self.bytes = self.bytes.saturating_sub(name.len() + BOOKKEEPING_BYTES);
        if kind == Kind::Prefix
            && let Some(count) = self.prefix_lengths.get_mut(&name.len())
        {
            *count -= 1;
            if *count == 0 {
                self.prefix_lengths.remove(&name.len());
            }
        }
    }

    fn table(&mut self, kind: Kind) -> &mut Table {
        match kind {
            Kind::Route => &mut self.routes,
            Kind::Tag => &mut self.tags,
            Kind::Url => &mut self.urls,
            Kind::Prefix => &mut self.prefixes,
            Kind::Path => &mut self.paths,
        }
    }
}

/// What is looked up as a whole rather than by its length, where a prefix is that.
fn prefix_or_path(prefix: &str) -> (Kind, &str) {
    match prefix.split_once('?') {
        Some((path, "")) => (Kind::Path, path),
        _ => (Kind::Prefix, prefix),
    }
}

/// `://authority/path` of an absolute URL, and what begins with `/` as it is: the two can't be taken for each other.
fn without_scheme(url: &str) -> &str {
    if url.starts_with('/') {
        return url;
    }
    url.find("://").and_then(|scheme_bytes| url.get(scheme_bytes..)).unwrap_or(url)
}

#[cfg(test)]
#[path = "barriers_tests.rs"]
mod tests;
