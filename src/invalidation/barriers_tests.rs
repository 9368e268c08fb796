//! Barriers row by row, and against a model that keeps every purge and looks at each.

use super::super::barrier_table::BOOKKEEPING_BYTES;
use super::*;
use crate::scope::{RouteName, Tag, Tags};
use proptest::prelude::*;

const PLENTY: usize = 1 << 20;

struct Response {
    url: &'static str,
    path_start: usize,
    route: RouteName,
    tags: Vec<Tag>,
}

impl Response {
    fn membership(&self) -> Membership<'_> {
        Membership { url: self.url, path_start: self.path_start, route: &self.route, tags: Tags::Listed(&self.tags) }
    }
}

fn response(url: &'static str, route: &str, tags: &[&str]) -> Response {
    let path_start = url.match_indices('/').nth(2).unwrap().0;
    let tags = tags.iter().map(|tag| Tag::new(tag).unwrap()).collect();
    Response { url, path_start, route: RouteName::new(route), tags }
}

fn product() -> Response {
    response("http://shop/api/products/42?lang=de", "product", &["product:42", "catalog"])
}

fn route(name: &str) -> Scope {
    Scope::Route(RouteName::new(name))
}

fn tag(text: &str) -> Scope {
    Scope::Tag(Tag::new(text).unwrap())
}

fn url(text: &str) -> Scope {
    Scope::Url(text.into())
}

fn prefix(text: &str) -> Scope {
    Scope::Prefix(text.into())
}

#[test]
fn a_path_with_whatever_query_is_not_the_path_without_one() {
    let mut barriers = Barriers::new(PLENTY);
    barriers.raise(&prefix("http://shop/p?"), Stamp::local(1), Depth::Hard, PurgeSource::Admin);
    for (url, covered) in [
        ("http://shop/p?a", true),
        ("https://shop/p?", true),
        ("http://shop/p", false),
        ("http://shop/p/q?a", false),
        ("http://shop/pp?a", false),
        ("http://shop/q?a=/p?", false),
    ] {
        let standing = barriers.standing(Stamp::ZERO, &response(url, "r", &[]).membership());
        assert_eq!(standing == Standing::Purged, covered, "{url}");
    }
    barriers.expire(Stamp::local(2));
    assert!(barriers.is_empty());
}

#[test]
fn a_scope_covers_what_it_names_and_nothing_else() {
    let covers = |scope: Scope, expected: bool| {
        let mut barriers = Barriers::new(PLENTY);
        barriers.raise(&scope, Stamp::local(1), Depth::Hard, PurgeSource::Admin);
        let standing = barriers.standing(Stamp::ZERO, &product().membership());
        assert_eq!(standing == Standing::Purged, expected, "{scope:?}");
    };
    covers(Scope::All, true);
    covers(route("product"), true);
    covers(route("products"), false);
    covers(tag("catalog"), true);
    covers(prefix("http://shop/api/products/42?"), true);
    covers(prefix("/api/products/42?"), true);
    covers(prefix("/api/products/42?l"), true);
    covers(prefix("/api/products/4?"), false);
    covers(prefix("/api/products/42?lang=de?"), false);
    covers(tag("product:4"), false);
    covers(tag("product"), false);
    covers(url("http://shop/api/products/42?lang=de"), true);
    covers(url("/api/products/42?lang=de"), true);
    covers(url("/api/products/42"), false);
    covers(url("https://shop/api/products/42?lang=de"), true);
    covers(url("//shop/api/products/42?lang=de"), false);
    covers(url("http://other/api/products/42?lang=de"), false);
    covers(prefix("/"), true);
    covers(prefix("/api/products/"), true);
    covers(prefix("/api/products/42?lang=de"), true);
    covers(prefix("/api/products/42?lang=de&"), false);
    covers(prefix("http://shop/api"), true);
    covers(prefix("http://sho"), true);
    covers(prefix("https://shop/api"), true);
    covers(prefix("/products"), false);
    covers(prefix("//shop"), false);
    covers(prefix("shop/api"), false);
    // A tag, a route and a URL of the same text are different scopes.
    covers(tag("/api/products/42?lang=de"), false);
    covers(route("catalog"), false);
}

#[test]
fn the_deeper_purge_decides_whatever_the_order() {
    let check = |purges: &[(u64, Depth)], stamp: u64, expected: Standing| {
        let mut barriers = Barriers::new(PLENTY);
        for (at, depth) in purges {
            barriers.raise(&tag("catalog"), Stamp::local(*at), *depth, PurgeSource::Admin);
        }
        assert_eq!(barriers.standing(Stamp::local(stamp), &product().membership()), expected, "{purges:?} {stamp}");
    };
    check(&[], 0, Standing::Clear);
    check(&[(1, Depth::Hard), (2, Depth::Soft)], 0, Standing::Purged);
    check(&[(1, Depth::Hard), (2, Depth::Soft)], 1, Standing::SoftPurged);
    check(&[(1, Depth::Hard), (2, Depth::Soft)], 2, Standing::Clear);
    check(&[(1, Depth::Soft), (2, Depth::Hard)], 0, Standing::Purged);
    check(&[(1, Depth::Soft), (2, Depth::Hard)], 1, Standing::Purged);
    check(&[(2, Depth::Hard), (1, Depth::Hard)], 1, Standing::Purged);
}

/// Room for so many short barriers besides the share of clients.
fn room(count: usize) -> usize {
    count * (BOOKKEEPING_BYTES + 8) * CLIENTS_SHARE / (CLIENTS_SHARE - 1)
}

#[test]
fn over_the_bound_the_oldest_urls_become_their_folders_prefix_one_by_one() {
    let mut barriers = Barriers::new(room(3));
    for (at, name) in [(1, "/f/a"), (2, "/f/b"), (3, "/f/c"), (4, "/f/d")] {
        barriers.raise(&url(name), Stamp::local(at), Depth::Hard, PurgeSource::Admin);
    }
    let standing = |path: &'static str, stamp| {
        let response = response(path, "f", &[]);
        barriers.standing(Stamp::local(stamp), &response.membership())
    };
    // The two oldest have made room, and what they covered they cover still; the others cover themselves alone.
    assert_eq!(barriers.floor(), Stamp::ZERO);
    assert_eq!(standing("http://s/f/a", 0), Standing::Purged);
    assert_eq!(standing("http://s/f/b", 1), Standing::Purged);
    assert_eq!(standing("http://s/f/b", 2), Standing::Clear);
    assert_eq!(standing("http://s/f/d", 3), Standing::Purged);
    assert_eq!(standing("http://s/f/e", 2), Standing::Clear);
    assert_eq!(standing("http://s/g", 0), Standing::Clear);
}

#[test]
fn a_forgotten_tag_raises_the_floor_of_its_depth() {
    for (depth, expected) in [(Depth::Hard, Standing::Purged), (Depth::Soft, Standing::Unproven)] {
        let mut barriers = Barriers::new(room(3));
        for (at, name) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
            barriers.raise(&tag(name), Stamp::local(at), depth, PurgeSource::Admin);
        }
        assert_eq!((barriers.len(), barriers.floor()), (3, Stamp::local(1)));
        assert_eq!(barriers.standing(Stamp::ZERO, &product().membership()), expected);
        assert_eq!(barriers.standing(Stamp::local(1), &product().membership()), Standing::Clear);
        barriers.expire(Stamp::local(4));
        assert_eq!((barriers.len(), barriers.floor()), (1, Stamp::local(3)));
        assert_eq!(barriers.standing(Stamp::local(2), &product().membership()), expected);
        assert_eq!(barriers.standing(Stamp::local(3), &product().membership()), Standing::Clear);
    }
}

#[test]
fn what_clients_raise_forgets_no_purge_of_an_operators() {
    let mut barriers = Barriers::new(room(20));
    barriers.raise(&tag("product:42"), Stamp::local(1), Depth::Hard, PurgeSource::Admin);
    barriers.raise(&url("http://shop/a/b"), Stamp::local(1), Depth::Hard, PurgeSource::Event);
    for at in 2..2_000 {
        let scope = url(&format!("http://shop/search?q={at}"));
        barriers.raise(&scope, Stamp::local(at), Depth::Hard, PurgeSource::UnsafeRequest);
    }
    assert_eq!(barriers.floor(), Stamp::ZERO);
    assert_eq!(barriers.standing(Stamp::ZERO, &product().membership()), Standing::Purged);
    assert_eq!(barriers.standing(Stamp::local(1), &product().membership()), Standing::Clear);
    // Nor do they widen one: what lies beside a purged URL stays.
    let purged = response("http://shop/a/b", "a", &[]);
    assert_eq!(barriers.standing(Stamp::ZERO, &purged.membership()), Standing::Purged);
    let beside = response("http://shop/a/c", "a", &[]);
    assert_eq!(barriers.standing(Stamp::ZERO, &beside.membership()), Standing::Clear);
    // What they wrote to is covered by its path, and nothing else is.
    let search = response("http://shop/search?q=7", "search", &[]);
    assert_eq!(barriers.standing(Stamp::local(2), &search.membership()), Standing::Purged);
    let elsewhere = response("http://shop/searches", "search", &[]);
    assert_eq!(barriers.standing(Stamp::ZERO, &elsewhere.membership()), Standing::Clear);
}

#[test]
fn many_hosts_and_paths_take_no_more_than_their_room() {
    let mut barriers = Barriers::new(room(10));
    for at in 1..500 {
        let scope = url(&format!("http://host-{at}/a/{at}/b?c={at}"));
        barriers.raise(&scope, Stamp::local(at), Depth::Hard, PurgeSource::UnsafeRequest);
        let written = response("http://host-1/a/1/b?c=1", "a", &[]);
        assert_eq!(barriers.standing(Stamp::ZERO, &written.membership()), Standing::Purged);
    }
    assert!(barriers.len() <= 10 && barriers.floor() == Stamp::ZERO, "{} {}", barriers.len(), barriers.floor());
}

fn responses() -> Vec<Response> {
    vec![
        response("http://a/", "home", &[]),
        response("http://a/x/1", "x", &["x", "x:1"]),
        response("http://a/x/1?q=2", "x", &["x", "x:1"]),
        response("http://b/x/1", "x", &["x", "b"]),
        response("http://b/\u{e9}t\u{e9}", "home", &["b"]),
    ]
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let text = prop::sample::select(vec![
        "/",
        "/x",
        "/x/1",
        "/x/1?q=2",
        "/\u{e9}",
        "http://a",
        "http://a/x/1",
        "http://b/",
        "home",
        "x",
        "x:1",
        "b",
    ]);
    (0_u8..5, text).prop_map(|(kind, text)| match kind {
        0 => Scope::All,
        1 => route(text),
        2 => tag(text),
        3 => url(text),
        _ => prefix(text),
    })
}

fn names(scope: &Scope, response: &Response) -> bool {
    let path = &response.url[response.path_start..];
    let tls = response.url.replace("http:", "https:");
    match scope {
        Scope::All => true,
        Scope::Route(route) => *route == response.route,
        Scope::Tag(tag) => response.tags.contains(tag),
        Scope::Url(url) => [response.url, path, &*tls].contains(&&**url),
        Scope::Prefix(prefix) => [response.url, path, &*tls].iter().any(|url| url.starts_with(&**prefix)),
    }
}

type History = Vec<(Scope, Depth)>;

/// The nth purge has stamp n + 1.
fn model(history: &History, stamp: u64, response: &Response) -> Standing {
    let later = history.iter().skip(usize::try_from(stamp).unwrap());
    later
        .filter(|(scope, _)| names(scope, response))
        .map(|(_, depth)| match depth {
            Depth::Hard => Standing::Purged,
            Depth::Soft => Standing::SoftPurged,
        })
        .max()
        .unwrap_or(Standing::Clear)
}

fn any_history() -> impl Strategy<Value = History> {
    prop::collection::vec((any_scope(), prop::sample::select(vec![Depth::Hard, Depth::Soft])), 0..40)
}

fn raised(history: &History, bytes_max: usize) -> Barriers {
    let mut barriers = Barriers::new(bytes_max);
    for (n, (scope, depth)) in history.iter().enumerate() {
        barriers.raise(scope, Stamp::local(n as u64 + 1), *depth, PurgeSource::Admin);
    }
    barriers
}

proptest! {
    #[test]
    fn barriers_judge_as_a_list_of_all_purges_would(history in any_history()) {
        let barriers = raised(&history, PLENTY);
        for stamp in 0..=history.len() as u64 {
            for response in responses() {
                let found = barriers.standing(Stamp::local(stamp), &response.membership());
                prop_assert_eq!(found, model(&history, stamp, &response), "{} at {}", response.url, stamp);
            }
        }
    }

    #[test]
    fn forgetting_only_ever_purges_more(history in any_history(), room in 0_usize..6, expired in 0_u64..40) {
        let mut barriers = raised(&history, room * (BOOKKEEPING_BYTES + 4));
        barriers.expire(Stamp::local(expired));
        for stamp in 0..=history.len() as u64 {
            for response in responses() {
                let found = barriers.standing(Stamp::local(stamp), &response.membership());
                let expected = model(&history, stamp, &response);
                // What a hard purge covers stays purged; what a soft one covers is stale, unproven or purged.
                prop_assert!(found >= expected, "{found:?} where {expected:?} was, {} at {stamp}", response.url);
            }
        }
    }
}
