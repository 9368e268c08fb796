//! Which scopes the stored responses carry, roughly: a counting Bloom filter of fixed size.
//!
//! It answers whether a purge may find anything, in the same time however much is stored. "No" is sure. "Yes" may be wrong:
//! scopes share counters, a counter that is full stays so, and a prefix is asked for by the folder that it ends in.
//! Entries are counted as they come and go; a hit does not touch it.

use crate::scope::{Membership, Scope, without_scheme};
use ahash::RandomState;
use std::hash::Hash;
use std::sync::atomic::{AtomicU8, Ordering};

/// How many counters one scope has.
const COUNTERS_PER_SCOPE: u64 = 3;

/// The folders of a path that are counted: deeper ones count as the last of them.
const FOLDERS_MAX: usize = 8;

/// The part of a tier's memory that its filter takes, one in so many, and the most that it takes, in bytes.
const SHARE: u64 = 128;
const BYTES_MAX: u64 = 4 << 20;

/// What is counted of a response.
#[derive(Hash)]
enum Item<'a> {
    Route(&'a str),
    Tag(&'a str),
    /// Without its scheme, with or without its authority; so the others too.
    Url(&'a str),
    /// Up to a slash of its path.
    Folder(&'a str),
    /// A URL that has a query, up to that.
    BeforeQuery(&'a str),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Carried {
    counters: Box<[AtomicU8]>,
    hasher: RandomState,
}

impl Carried {
    /// For a tier of this size.
    pub(super) fn beside(tier_bytes: u64) -> Self {
        let bytes = usize::try_from((tier_bytes / SHARE).clamp(1, BYTES_MAX)).unwrap_or(1);
        Self { counters: (0..bytes).map(|_| AtomicU8::new(0)).collect(), hasher: RandomState::new() }
    }

    /// What it takes, in bytes.
    pub(super) const fn bytes(&self) -> u64 {
        self.counters.len() as u64
    }

    /// Counts a response that is stored.
    pub(super) fn add(&self, membership: &Membership<'_>) {
        self.change(membership, |count| (count < u8::MAX).then(|| count + 1));
    }

    /// Counts one less, that was stored.
    pub(super) fn remove(&self, membership: &Membership<'_>) {
        self.change(membership, |count| (1..u8::MAX).contains(&count).then(|| count - 1));
    }

    /// Whether a response that is stored may carry this.
    pub(super) fn may_hold(&self, scope: &Scope) -> bool {
        match scope {
            Scope::All => true,
            Scope::Route(route) => self.has(&Item::Route(route.as_str())),
            Scope::Tag(tag) => self.has(&Item::Tag(tag.as_str())),
            Scope::Url(url) => self.has(&Item::Url(without_scheme(url))),
            Scope::Prefix(prefix) => {
                let prefix = without_scheme(prefix);
                if let Some(before_query) = prefix.strip_suffix('?') {
                    return self.has(&Item::BeforeQuery(before_query));
                }
                // An authority that is not whole may be any.
                folders(prefix).last().is_none_or(|folder| self.has(&Item::Folder(folder)))
            }
        }
    }

    fn has(&self, item: &Item<'_>) -> bool {
        self.places(item).all(|place| self.counters[place].load(Ordering::Relaxed) > 0)
    }

    fn change(&self, membership: &Membership<'_>, change: impl Fn(u8) -> Option<u8>) {
        let url = without_scheme(membership.url);
        let path = membership.url.get(membership.path_start..).unwrap_or_default();
        let urls = [url, path].into_iter().flat_map(|url| {
            let before_query = url.split_once('?').map(|(before, _)| Item::BeforeQuery(before));
            folders(url).map(Item::Folder).chain([Item::Url(url)]).chain(before_query)
        });
        let labels = membership.tags.iter().map(Item::Tag).chain([Item::Route(membership.route.as_str())]);
        for place in urls.chain(labels).flat_map(|item| self.places(&item)) {
            // Relaxed: nothing else is read by what is counted here.
            let _ = self.counters[place].fetch_update(Ordering::Relaxed, Ordering::Relaxed, &change);
        }
    }

    /// The places of an item's counters, by double hashing.
    fn places(&self, item: &Item<'_>) -> impl Iterator<Item = usize> + use<> {
        let (hash, count) = (self.hasher.hash_one(item), self.counters.len() as u64);
        let (first, step) = (hash, hash.rotate_left(32) | 1);
        (0..COUNTERS_PER_SCOPE)
            .map(move |nth| usize::try_from(first.wrapping_add(nth.wrapping_mul(step)) % count).unwrap_or(0))
    }
}

/// The folders above a URL or prefix without scheme: `/`, `/a/`, `/a/b/`, with the authority where there is one.
fn folders(url: &str) -> impl Iterator<Item = &str> {
    let path_start = if url.starts_with("://") { "://".len() } else { 0 };
    let path = url.split('?').next().unwrap_or_default();
    path.char_indices()
        .filter(move |(at, char)| *at >= path_start && *char == '/')
        .take(FOLDERS_MAX)
        .filter_map(|(at, _)| url.get(..=at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::{RouteName, Tag, Tags};

    fn with<T>(url: &str, tag: &str, act: impl FnOnce(&Membership<'_>) -> T) -> T {
        let (route, tags) = (RouteName::new("product"), [Tag::new(tag).unwrap()]);
        let path_start = url.find("://").and_then(|at| Some(url[at + 3..].find('/')? + at + 3)).unwrap();
        act(&Membership { url, path_start, route: &route, tags: Tags::Listed(&tags) })
    }

    fn scopes() -> (Vec<Scope>, Vec<Scope>) {
        let tag = |text| Scope::Tag(Tag::new(text).unwrap());
        let carried = [
            Scope::All,
            Scope::Route(RouteName::new("product")),
            tag("red shoes"),
            Scope::Url("/a/b/c?x=/1".into()),
            Scope::Url("https://shop/a/b/c?x=/1".into()),
            Scope::Prefix("/".into()),
            Scope::Prefix("/a/b".into()),
            Scope::Prefix("/a/b/c?".into()),
            Scope::Prefix("/a/b/c?x=/".into()),
            Scope::Prefix("http://shop/a/b/".into()),
            Scope::Prefix("http://sh".into()),
        ];
        let others = [
            Scope::Route(RouteName::new("list")),
            tag("red shoe"),
            Scope::Url("/a/b/c".into()),
            Scope::Url("http://other/a/b/c?x=/1".into()),
            Scope::Prefix("/b/".into()),
            Scope::Prefix("/a/b/c/".into()),
            Scope::Prefix("/a/b?".into()),
            Scope::Prefix("http://other/a/".into()),
        ];
        (carried.to_vec(), others.to_vec())
    }

    #[test]
    fn what_a_stored_response_carries_may_match_until_it_goes() {
        let filter = Carried::beside(64 << 20);
        let (carried, others) = scopes();
        let url = "http://shop/a/b/c?x=/1";
        for _ in 0..2 {
            with(url, "red shoes", |membership| filter.add(membership));
        }
        with(url, "red shoes", |membership| filter.remove(membership));
        for scope in &carried {
            assert!(filter.may_hold(scope), "{scope:?}");
        }
        for scope in &others {
            assert!(!filter.may_hold(scope), "{scope:?}");
        }
        with(url, "red shoes", |membership| filter.remove(membership));
        assert!(carried.iter().all(|scope| !filter.may_hold(scope) || matches!(scope, Scope::All | Scope::Prefix(_))));
        assert!(!filter.may_hold(&Scope::Prefix("/".into())));
    }

    #[test]
    fn a_full_filter_says_maybe_and_never_no_of_what_is_stored() {
        let filter = Carried::beside(1);
        let stored: Vec<String> = (0..300).map(|number| format!("http://shop/{number}")).collect();
        for url in &stored {
            with(url, url, |membership| filter.add(membership));
        }
        for url in &stored[1..] {
            with(url, url, |membership| filter.remove(membership));
        }
        assert!(filter.may_hold(&Scope::Url("/0".into())));
    }
}
