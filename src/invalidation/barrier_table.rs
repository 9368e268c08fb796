//! The barriers of scopes that name something, in bounded memory.
//!
//! Over the bound, either paths or labels (tags and routes) make room, whichever take more of it. Of paths, the one merged
//! least often goes into its parent prefix, and of those the oldest: so a folder of URLs becomes one prefix before
//! that becomes part of a wider one, and its height rises one URL at a time. Of labels, the oldest is forgotten.

use super::Standing;
use super::purge::Depth;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::scope::{Membership, RouteName, Scope, Tag};
use crate::stamp::Stamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What a barrier is charged besides its text: table slot, age index, both with their slack.
pub(super) const BOOKKEEPING_BYTES: usize = 200;

/// The highest stamps of one scope; [`Stamp::ZERO`] where there was no such purge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heights {
    hard: Stamp,
    soft: Stamp,
}

impl Heights {
    /// Those of one purge.
    pub(super) fn of(stamp: Stamp, depth: Depth) -> Self {
        match depth {
            Depth::Hard => Self { hard: stamp, soft: Stamp::ZERO },
            Depth::Soft => Self { hard: Stamp::ZERO, soft: stamp },
        }
    }

    /// Raises each to that of `other`, unless it is higher already.
    pub(super) fn raise(&mut self, other: Self) {
        self.hard = self.hard.max(other.hard);
        self.soft = self.soft.max(other.soft);
    }

    /// That of hard purges.
    pub(super) const fn hard(self) -> Stamp {
        self.hard
    }

    /// The higher one.
    pub(super) fn highest(self) -> Stamp {
        self.hard.max(self.soft)
    }

    /// The deepest purge that covers a response of this stamp in their scope, and its stamp.
    pub(super) fn covering(self, stamp: Stamp) -> Option<(Depth, Stamp)> {
        let purges = [(Depth::Hard, self.hard), (Depth::Soft, self.soft)];
        purges.into_iter().find(|(_, purged)| stamp < *purged)
    }

    /// What they make of a response of this stamp in their scope.
    pub(super) fn standing(self, stamp: Stamp) -> Standing {
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::HardAfterSoftIsSoft) && stamp < self.soft {
            return Standing::SoftPurged;
        }
        if stamp < self.hard {
            Standing::Purged
        } else if stamp < self.soft {
            Standing::SoftPurged
        } else {
            Standing::Clear
        }
    }
}

/// The kinds of scopes; each has a map of its own, so that a look-up needs no owned key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// The name of a route.
    Route,
    /// A tag.
    Tag,
    /// A URL without its scheme.
    Url,
    /// The beginning of one.
    Prefix,
    /// A prefix that ends where the query begins, without its `?`.
    Path,
}

impl Kind {
    /// The scope of this kind and name; a URL begins with `//` where it has an authority. None for what is no tag.
    pub(super) fn scope(self, name: &str) -> Option<Scope> {
        let url = name.strip_prefix(':').unwrap_or(name);
        Some(match self {
            Self::Route => Scope::Route(RouteName::new(name)),
            Self::Tag => Scope::Tag(Tag::new(name).ok()?),
            Self::Url => Scope::Url(url.into()),
            Self::Prefix => Scope::Prefix(url.into()),
            Self::Path => Scope::Prefix(format!("{url}?").into()),
        })
    }
}

/// How many merges a barrier has been through; what can't be merged any more has the highest.
pub(super) type Merges = u8;

/// The standard library's hash is seeded at random for each map: names come from clients too.
type Map = HashMap<Arc<str>, (Heights, Merges)>;

/// Barriers in the order in which they make room.
type Order = BTreeSet<(Merges, Stamp, Kind, Arc<str>)>;

/// See the module.
#[derive(Debug)]
pub(super) struct Table {
    routes: Map,
    tags: Map,
    urls: Map,
    prefixes: Map,
    /// Prefixes that end where the query begins: writes make many of them, of all lengths, so they are looked up whole.
    with_any_query: Map,
    /// How many prefixes there are of each length in bytes: only these lengths are looked up.
    prefix_lengths: BTreeMap<usize, usize>,
    paths: Ordered,
    labels: Ordered,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Ordered {
    order: Order,
    bytes: usize,
}

impl Table {
    /// Empty, with room for so many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            routes: Map::new(),
            tags: Map::new(),
            urls: Map::new(),
            prefixes: Map::new(),
            with_any_query: Map::new(),
            prefix_lengths: BTreeMap::new(),
            paths: Ordered::default(),
            labels: Ordered::default(),
            bytes_max,
        }
    }

    /// Raises a barrier, and makes room where it is needed. Returns what was forgotten for it.
    pub(super) fn raise(&mut self, kind: Kind, name: &str, heights: Heights) -> Heights {
        self.raise_merged(kind, name, heights, 0)
    }

    /// As [`Self::raise`], for one that has been through so many merges.
    pub(super) fn raise_merged(&mut self, kind: Kind, name: &str, heights: Heights, merges: Merges) -> Heights {
        self.put(kind, name, heights, merges);
        let mut forgotten = Heights::default();
        while self.bytes() > self.bytes_max {
            let (kind, name, heights, merges) = self.take_first();
            match parent(kind, &name) {
                Some((wider, parent)) => self.put(wider, parent, heights, merges.saturating_add(1)),
                None => forgotten.raise(heights),
            }
        }
        forgotten
    }

    /// Forgets the barriers below `older_than`, and returns how high they stood.
    pub(super) fn expire(&mut self, older_than: Stamp) -> Heights {
        let mut forgotten = Heights::default();
        for is_path in [true, false] {
            let mut at_least = 0;
            loop {
                let order = if is_path { &self.paths.order } else { &self.labels.order };
                let from = (at_least, Stamp::ZERO, Kind::Route, Arc::from(""));
                let Some((merges, stamp, kind, name)) = order.range(from..).next().cloned() else { break };
                if stamp < older_than {
                    at_least = merges;
                    forgotten.raise(self.remove(kind, &name).0);
                } else if merges < Merges::MAX {
                    at_least = merges + 1;
                } else {
                    break;
                }
            }
        }
        forgotten
    }

    /// What the barriers make of a response whose URL is this without its scheme.
    pub(super) fn standing(&self, stamp: Stamp, url: &str, membership: &Membership<'_>) -> Standing {
        self.over(url, membership).map(|(_, _, heights)| heights.standing(stamp)).max().unwrap_or(Standing::Clear)
    }

    /// The barriers of a response whose URL is this without its scheme, by kind and name.
    pub(super) fn over<'a>(
        &'a self,
        url: &'a str,
        membership: &Membership<'a>,
    ) -> impl Iterator<Item = (Kind, &'a str, Heights)> {
        let path = membership.url.get(membership.path_start..).unwrap_or_default();
        let named = |kind: Kind, name: &str| {
            let (name, (heights, _)) = self.map(kind).get_key_value(name)?;
            Some((kind, &**name, *heights))
        };
        let tags = membership.tags.iter().map(move |tag| named(Kind::Tag, tag));
        let prefixes = self
            .prefix_lengths
            .range(..=url.len())
            .flat_map(move |(&length, _)| [url.get(..length), path.get(..length)])
            .flatten()
            .map(move |prefix| named(Kind::Prefix, prefix));
        let with_any_query = [url, path].map(|text| text.split_once('?').and_then(|(path, _)| named(Kind::Path, path)));
        [named(Kind::Route, membership.route.as_str()), named(Kind::Url, url), named(Kind::Url, path)]
            .into_iter()
            .chain(with_any_query)
            .chain(tags)
            .chain(prefixes)
            .flatten()
    }

    /// Every barrier: its kind, its name, how high it stands, and how many merges it has been through.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Kind, &Arc<str>, Heights, Merges)> {
        [Kind::Route, Kind::Tag, Kind::Url, Kind::Prefix, Kind::Path].into_iter().flat_map(|kind| {
            self.map(kind).iter().map(move |(name, (heights, merges))| (kind, name, *heights, *merges))
        })
    }

    /// How many barriers there are.
    pub(super) fn len(&self) -> usize {
        self.paths.order.len() + self.labels.order.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn bytes(&self) -> usize {
        self.paths.bytes + self.labels.bytes
    }

    /// Takes out the barrier that makes room first.
    fn take_first(&mut self) -> (Kind, Arc<str>, Heights, Merges) {
        let by_size = if self.paths.bytes >= self.labels.bytes {
            [&self.paths, &self.labels]
        } else {
            [&self.labels, &self.paths]
        };
        // Where paths are nothing but the root, which can't be merged, labels go first.
        let mergeable =
            by_size.into_iter().filter_map(|ordered| ordered.order.first()).min_by_key(|first| first.0 == Merges::MAX);
        let (_, _, kind, name) = mergeable.cloned().expect("what takes bytes has a first barrier");
        let (heights, merges) = self.remove(kind, &name);
        (kind, name, heights, merges)
    }

    /// Raises a barrier that has been through so many merges.
    fn put(&mut self, kind: Kind, name: &str, heights: Heights, merges: Merges) {
        let (name, (before, earlier)) = match self.map(kind).get_key_value(name) {
            Some((name, _)) => {
                let name = Arc::clone(name);
                let before = self.remove(kind, &name);
                (name, before)
            }
            None => (Arc::from(name), (Heights::default(), 0)),
        };
        let mut after = before;
        after.raise(heights);
        let is_root = kind == Kind::Prefix && parent(kind, &name).is_none();
        let merges = if is_root { Merges::MAX } else { merges.max(earlier).min(Merges::MAX - 1) };
        self.map_mut(kind).insert(Arc::clone(&name), (after, merges));
        if kind == Kind::Prefix {
            *self.prefix_lengths.entry(name.len()).or_default() += 1;
        }
        let ordered = self.ordered(kind);
        ordered.bytes += name.len() + BOOKKEEPING_BYTES;
        ordered.order.insert((merges, after.highest(), kind, name));
    }

    fn remove(&mut self, kind: Kind, name: &Arc<str>) -> (Heights, Merges) {
        let Some((heights, merges)) = self.map_mut(kind).remove(name) else { return Default::default() };
        let ordered = self.ordered(kind);
        ordered.order.remove(&(merges, heights.highest(), kind, Arc::clone(name)));
        ordered.bytes = ordered.bytes.saturating_sub(name.len() + BOOKKEEPING_BYTES);
        if kind == Kind::Prefix
            && let Some(count) = self.prefix_lengths.get_mut(&name.len())
        {
            *count -= 1;
            if *count == 0 {
                self.prefix_lengths.remove(&name.len());
            }
        }
        (heights, merges)
    }

    fn ordered(&mut self, kind: Kind) -> &mut Ordered {
        match kind {
            Kind::Route | Kind::Tag => &mut self.labels,
            Kind::Url | Kind::Prefix | Kind::Path => &mut self.paths,
        }
    }

    fn map(&self, kind: Kind) -> &Map {
        match kind {
            Kind::Route => &self.routes,
            Kind::Tag => &self.tags,
            Kind::Url => &self.urls,
            Kind::Prefix => &self.prefixes,
            Kind::Path => &self.with_any_query,
        }
    }

    fn map_mut(&mut self, kind: Kind) -> &mut Map {
        match kind {
            Kind::Route => &mut self.routes,
            Kind::Tag => &mut self.tags,
            Kind::Url => &mut self.urls,
            Kind::Prefix => &mut self.prefixes,
            Kind::Path => &mut self.with_any_query,
        }
    }
}

/// What is looked up as a whole rather than by its length, where a prefix is that.
pub(super) fn prefix_or_path(prefix: &str) -> (Kind, &str) {
    match prefix.split_once('?') {
        Some((path, "")) => (Kind::Path, path),
        _ => (Kind::Prefix, prefix),
    }
}

/// The next wider scope of a URL or prefix without scheme: its path with any query, then folder by folder, the authority,
/// and at last `/`, which is everything. None for that, and for what is no path.
fn parent(kind: Kind, name: &str) -> Option<(Kind, &str)> {
    const EVERYTHING: (Kind, &str) = (Kind::Prefix, "/");
    if matches!(kind, Kind::Route | Kind::Tag) || (kind, name) == EVERYTHING {
        return None;
    }
    let path_start = match name.strip_prefix("://") {
        Some(rest) => match rest.find('/') {
            Some(at) => at + "://".len(),
            None => return Some(EVERYTHING),
        },
        None => 0,
    };
    let path = name.get(path_start..)?;
    if let Some(at) = path.find('?') {
        return name.get(..path_start + at).map(|path| (Kind::Path, path));
    }
    // A folder's own URL is within the folder; a prefix is not within itself.
    let within = if kind == Kind::Prefix { path.get(..path.len().saturating_sub(1))? } else { path };
    match within.rfind('/') {
        Some(at) => name.get(..=path_start + at).map(|folder| (Kind::Prefix, folder)),
        None => Some(EVERYTHING),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_widens_step_by_step_until_it_is_everything() {
        for (name, expected) in [
            ("/a/b?x=1&y", &["/a/b?", "/a/", "/"][..]),
            ("/a/b/", &["/a/b/", "/a/", "/"]),
            ("/a", &["/"]),
            ("/", &["/"]),
            ("/?x", &["/?", "/"]),
            ("://shop/a/b?x/y", &["://shop/a/b?", "://shop/a/", "://shop/", "/"]),
            ("://shop", &["/"]),
            ("/\u{e9}/\u{e9}?\u{e9}", &["/\u{e9}/\u{e9}?", "/\u{e9}/", "/"]),
        ] {
            let mut widened = Vec::new();
            let mut next = parent(Kind::Url, name);
            while let Some((kind, wider)) = next {
                assert!(name.starts_with(wider) || wider == "/", "{wider} covers {name}");
                widened.push(if kind == Kind::Path { format!("{wider}?") } else { wider.to_owned() });
                next = parent(kind, wider);
            }
            assert_eq!(widened, expected, "{name}");
        }
    }
}
