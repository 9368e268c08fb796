//! Sites that are made up, and what is learned of them.

use super::exchange::{Asked, Exchange, Factor, Head, PassedOver, Standing, Value};
use super::judge::Wanted;
use super::notebook::{Notebook, Room};
use super::proposal::Proposal;
use super::verdict::Proposed;
use ahash::RandomState;
use http::{HeaderMap, HeaderValue};
use std::time::Duration;

mod swinging;

/// One request to a made-up site.
#[derive(Debug, Clone)]
struct Visit {
    client: u64,
    url: String,
    /// Lines of the request, such as `cookie: a=1; b=2`.
    fields: Vec<String>,
    second: u64,
}

fn visit(client: u64, second: u64, url: impl Into<String>) -> Visit {
    Visit { client, url: url.into(), fields: Vec::new(), second }
}

impl Visit {
    fn with(mut self, field: impl Into<String>) -> Self {
        self.fields.push(field.into());
        self
    }
}

/// What a made-up site answers: a text, and fields.
type Said = (String, &'static [(&'static str, &'static str)]);

fn hashes() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

fn headers<'l>(lines: impl Iterator<Item = (&'l str, &'l str)>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        let name: http::HeaderName = name.parse().expect("a name");
        map.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    map
}

/// What there is to note of a visit.
fn exchange(visit: &Visit, (text, fields): &Said) -> Result<Exchange, PassedOver> {
    let (path, query) =
        visit.url.split_once('?').map_or((visit.url.as_str(), None), |(path, query)| (path, Some(query)));
    let lines = visit.fields.iter().map(|line| line.split_once(": ").expect("a field has a name"));
    let at = Duration::from_secs(visit.second);
    let asked = Asked::of(("shop.test", path, query), &headers(lines), (visit.client, at), &hashes())?;
    let head = Head::of(200, &headers(fields.iter().copied()), &hashes());
    let digest = hashes().hash_one((head.said, text));
    Ok(Exchange { asked, head, ended: at, digest })
}

/// What is proposed after these visits to a site.
fn learn(visits: &[Visit], site: impl Fn(&Visit) -> Said) -> Proposal {
    let mut notebook = Notebook::with(Room::default());
    for visit in visits {
        notebook.note(exchange(visit, &site(visit)).expect("it is short"));
    }
    let watched = Duration::from_secs(visits.iter().map(|visit| visit.second).max().unwrap_or_default());
    Proposal::of(&notebook, Wanted { clients: 3, answers: 20, watched })
}

/// The paths that are proposed, and those that are left out with the reasons.
fn paths(proposal: &Proposal) -> (Vec<String>, Vec<(String, String)>) {
    let shown = proposal.to_json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| shown[name].as_array().cloned().unwrap_or_default();
    let routes = list("routes").iter().map(|route| text(&route["path"])).collect();
    let left_out = list("left_out").iter().map(|route| (text(&route["path"]), text(&route["reason"]))).collect();
    (routes, left_out)
}

/// Five clients go round these URLs, one a second.
fn rounds(urls: &[&str], visits: u64) -> Vec<Visit> {
    (0..visits).map(|n| visit(n % 5, n, urls[usize::try_from(n).expect("few") % urls.len()])).collect()
}

const OPEN: &[(&str, &str)] = &[];

#[test]
fn what_is_the_same_for_all_is_proposed_and_its_file_is_valid() {
    let proposal =
        learn(&rounds(&["/products/1", "/products/2", "/categories"], 120), |visit| (visit.url.clone(), OPEN));
    assert_eq!(paths(&proposal).0, ["/categories", "/products/{id}"]);
    let text = proposal.to_toml();
    toml::from_str::<toml::Table>(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(text.contains("cookies = []") && text.contains("ttl = \"1m\""), "{text}");
    assert!(text.lines().all(|line| line.len() <= 120), "{text}");
}

#[test]
fn what_differs_by_who_asks_is_left_out_whatever_tells_them_apart() {
    let by_address = |visit: &Visit| (format!("{} for {}", visit.url, visit.client), OPEN);
    let by_field = |visit: &Visit| (format!("{} for {:?}", visit.url, visit.fields), OPEN);
    let by_chance = |visit: &Visit| (format!("{}", hashes().hash_one(visit.second) % 3), OPEN);
    let token = |n: u64| format!("cookie: session=0123456789abcdef{n}");
    let signed_in = |field: &dyn Fn(u64) -> String| -> Vec<Visit> {
        rounds(&["/me"], 120).into_iter().map(|visit| visit.clone().with(field(visit.client))).collect()
    };
    for (what, visits, site) in [
        ("the address", rounds(&["/me"], 120), &by_address as &dyn Fn(&Visit) -> Said),
        ("chance", rounds(&["/me"], 120), &by_chance),
        ("a session", signed_in(&token), &by_field),
        ("a short session", signed_in(&|n| format!("cookie: user={n}")), &by_field),
        ("Authorization", signed_in(&|n| format!("authorization: Basic {n}")), &by_field),
        ("an API key", signed_in(&|n| format!("x-api-key: {n}")), &by_field),
        ("User-Agent", signed_in(&|n| format!("user-agent: browser {n}")), &by_field),
    ] {
        let proposal = learn(&visits, site);
        assert_eq!(paths(&proposal).0, Vec::<String>::new(), "{what}: {}", proposal.to_toml());
    }
}

#[test]
fn one_visitor_in_thirty_with_a_price_of_their_own_is_enough() {
    let vip = |visit: &Visit| (if visit.client == 29 { "yours" } else { "ours" }.to_owned(), OPEN);
    let visits: Vec<Visit> = (0..600).map(|n| visit(n % 30, n, format!("/products/{}", n % 7))).collect();
    let proposal = learn(&visits, vip);
    assert_eq!(paths(&proposal).0, Vec::<String>::new(), "{}", proposal.to_toml());
    // Where each product is asked for twice only, nothing comes back.
    let visits: Vec<Visit> = (0..600).map(|n| visit(n % 30, n, format!("/products/{}", n / 2))).collect();
    let proposal = learn(&visits, vip);
    assert_eq!(paths(&proposal).0, Vec::<String>::new(), "{}", proposal.to_toml());
}

#[test]
fn who_has_signed_in_is_passed_by_and_all_others_share() {
    let site = |visit: &Visit| {
        let session = visit.fields.iter().find(|field| field.contains("sessionid"));
        (session.map_or_else(|| "for everyone".to_owned(), |session| format!("for {session}")), OPEN)
    };
    let visits: Vec<Visit> = rounds(&["/catalogue/shoes"], 200)
        .into_iter()
        .enumerate()
        .map(|(n, visit)| match n % 10 {
            0 | 3 | 7 => {
                let client = visit.client;
                visit.with(format!("cookie: sessionid=0123456789abcdef{client}; theme=dark"))
            }
            1 | 2 => visit.with("cookie: theme=dark"),
            _ => visit,
        })
        .collect();
    let proposal = learn(&visits, site);
    let text = proposal.to_toml();
    assert_eq!(paths(&proposal).0, ["/catalogue/shoes"], "{text}");
    assert!(text.contains("bypass = { cookies = [\"sessionid\"] }"), "{text}");
    assert!(text.contains("cookies = []"), "{text}");
    toml::from_str::<toml::Table>(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
}

#[test]
fn a_choice_that_many_share_is_keyed() {
    let by = |name: &'static str| {
        move |visit: &Visit| {
            (visit.fields.iter().filter(|field| field.contains(name)).cloned().collect::<String>(), OPEN)
        }
    };
    for (choice, site, expected) in [
        ("cookie: currency=", &by("currency") as &dyn Fn(&Visit) -> Said, "cookies = [\"currency\"]"),
        ("accept-language: ", &by("language"), "headers = [\"accept-language\"]"),
    ] {
        let values = ["EUR", "GBP"];
        let visits: Vec<Visit> = (0..400)
            .map(|n| visit(n % 7, n, "/prices").with(format!("{choice}{}", values[usize::from(n % 3 == 0)])))
            .collect();
        let proposal = learn(&visits, site);
        let text = proposal.to_toml();
        assert_eq!(paths(&proposal).0, ["/prices"], "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_cookie_of_which_nothing_is_known_is_passed_by() {
    // Those who have it ask for what nobody else asks for.
    let visits: Vec<Visit> = (0..400)
        .map(|n| match n % 4 {
            0 => visit(n % 7, n, format!("/products/{n}")).with(format!("cookie: basket=0123456789abcdef{n}")),
            _ => visit(n % 7, n, "/products/1"),
        })
        .collect();
    let proposal = learn(&visits, |visit| (visit.url.clone(), OPEN));
    let text = proposal.to_toml();
    assert!(text.contains("bypass = { cookies = [\"basket\"] }"), "{text}");
}

#[test]
fn parameters_that_change_nothing_are_dropped_and_all_others_count() {
    let site = |visit: &Visit| {
        let query = visit.url.split_once('?').map_or("", |(_, query)| query);
        let counts: Vec<&str> =
            query.split('&').filter(|it| it.starts_with("page=") || it.starts_with("sort=")).collect();
        (counts.join("&"), OPEN)
    };
    let visits: Vec<Visit> = (0..600)
        .map(|n| {
            let (page, sort) = (n / 7 % 3, if n % 11 == 0 { "&sort=price" } else { "" });
            // Both of the campaign's parameters always change together.
            visit(n % 7, n, format!("/list?page={page}{sort}&utm_source=s{}&utm_medium=m{}&_={n}", n % 5, n % 5))
        })
        .collect();
    let proposal = learn(&visits, site);
    let text = proposal.to_toml();
    assert!(text.contains("query = { deny = [\"_\", \"utm_medium\", \"utm_source\"] }"), "{text}");
    // One value more might change it.
    let few: Vec<Visit> = (0..200).map(|n| visit(n % 7, n, format!("/list?page={}", n % 2))).collect();
    let text = learn(&few, |_| ("always the same".to_owned(), OPEN)).to_toml();
    assert!(text.contains("path = \"/list\"") && !text.contains("deny"), "{text}");
}

#[test]
fn what_the_origin_calls_personal_or_sets_a_cookie_with_is_left_out() {
    for (field, reason) in [
        (&[("cache-control", "private, max-age=60")][..], "kept-by-origin"),
        (&[("cache-control", "no-store")], "kept-by-origin"),
        (&[("cache-control", "max-age=0")], "kept-by-origin"),
        (&[("set-cookie", "session=1")], "sets-cookie"),
        (&[("vary", "*")], "varies-by-all"),
    ] {
        // One answer in fifty is enough.
        let proposal = learn(&rounds(&["/a"], 100), |visit| {
            ("same".to_owned(), if visit.second % 50 == 7 { field } else { OPEN })
        });
        assert_eq!(paths(&proposal), (vec![], vec![("/a".to_owned(), reason.to_owned())]), "{field:?}");
    }
}

#[test]
fn what_changes_is_kept_for_as_long_as_it_holds() {
    let visits = rounds(&["/stock"], 602);
    let changing = |period: u64| learn(&visits, move |visit| ((visit.second / period).to_string(), OPEN));
    let ttl = |proposal: &Proposal| proposal.to_json()["routes"][0]["ttl_secs"].as_u64();
    assert_eq!(ttl(&changing(10_000)), Some(600));
    let some = ttl(&changing(211)).expect("it is proposed");
    assert!((1..60).contains(&some), "{some}");
    for period in [1, 3] {
        assert_eq!(paths(&changing(period)).1, [("/stock".to_owned(), "changes-too-often".to_owned())], "{period}");
    }
}

#[test]
fn too_little_evidence_is_no_evidence_and_nothing_of_one_visitor_is_shown() {
    let one_client: Vec<Visit> = (0..100).map(|n| visit(1, n, "/secret-of-alice")).collect();
    let proposal = learn(&one_client, |_| ("same".to_owned(), OPEN));
    assert!(!proposal.to_toml().contains("alice"), "{}", proposal.to_toml());
    assert_eq!(paths(&proposal).0, Vec::<String>::new());
    let few = learn(&rounds(&["/a"], 19), |_| ("same".to_owned(), OPEN));
    assert_eq!(paths(&few).1, [("/a".to_owned(), "too-few-answers".to_owned())]);
    let once: Vec<Visit> = (0..100).map(|n| visit(n % 5, n, format!("/products/{n}"))).collect();
    let once = learn(&once, |visit| (visit.url.clone(), OPEN));
    assert_eq!(paths(&once).1, [("/products/{id}".to_owned(), "not-compared".to_owned())]);
    // Names of one visitor's own are not shown either.
    let own: Vec<Visit> = rounds(&["/a"], 100)
        .into_iter()
        .map(|visit| if visit.client == 1 { visit.with("cookie: alices-own=1") } else { visit })
        .collect();
    let text = learn(&own, |_| ("same".to_owned(), OPEN)).to_toml();
    assert!(!text.contains("alice") && text.contains("path = \"/a\""), "{text}");
}

#[test]
fn what_is_left_out_beside_a_route_that_would_match_it_is_excepted() {
    let site = |visit: &Visit| match visit.url.as_str() {
        "/users/me" => (format!("you are {}", visit.client), OPEN),
        url => (url.to_owned(), OPEN),
    };
    let proposal = learn(&rounds(&["/users/1", "/users/me", "/users/2", "/health"], 200), site);
    let text = proposal.to_toml();
    let excepted = text.find("path = \"/users/me\"\ncache = false").unwrap_or_else(|| panic!("{text}"));
    assert!(excepted < text.find("path = \"/users/{id}\"").expect("it is proposed"), "{text}");
    assert!(!text.contains("path = \"/health\""), "{text}");
}

#[test]
fn endless_made_up_urls_find_an_end_and_that_is_said() {
    let room = Room { pages: 100, looks: 200, looks_of_page: 10, pages_of_client: 60, clients: 8, names: 8 };
    let mut notebook = Notebook::with(room);
    let said = (String::new(), OPEN);
    for n in 0..10_000 {
        let made_up = visit(n % 3, n, format!("/{n}?p{n}={n}")).with(format!("cookie: c{n}={n}"));
        notebook.note(exchange(&made_up, &said).expect("it is short"));
        notebook.note(exchange(&visit(n % 3, n, "/products/1"), &said).expect("it is short"));
    }
    assert!(notebook.pages.len() <= 100 && notebook.pages.iter().map(|page| page.looks.len()).sum::<usize>() <= 200);
    let proposal = Proposal::of(&notebook, Wanted { clients: 3, answers: 5, watched: Duration::from_mins(1) });
    assert!(proposal.to_toml().contains("A bound was reached"), "{}", proposal.to_toml());
}

#[test]
fn long_requests_are_passed_over() {
    let long = "x".repeat(1_000);
    for visit in [
        visit(1, 0, format!("/{long}")),
        visit(1, 0, format!("/?{long}=1")),
        visit(1, 0, format!("/?{}", "a=1&".repeat(100))),
        visit(1, 0, "/").with(format!("cookie: {long}=1")),
        visit(1, 0, "/").with(format!("cookie: {}", "a=1; ".repeat(100))),
    ] {
        assert_eq!(exchange(&visit, &(String::new(), OPEN)).map(|_| ()), Err(PassedOver::TooLong));
    }
    let plain = exchange(&visit(1, 0, "/").with("cookie: a=1"), &(String::new(), OPEN)).expect("it is short");
    assert_eq!(plain.asked.factors, [(Factor::Cookie("a".into()), Value::of(b"1", &hashes()))]);
    assert_eq!(plain.head.standing, Standing::Open);
}

/// Visits to a shop, twenty a second: product 1 is asked for most, product 200 least.
fn shop_visits() -> Vec<Visit> {
    let url = |n: u64| match n % 10 {
        0 | 1 => format!("/api/products?category={}&page={}", product(n) % 6, n % 3),
        2 | 3 => format!("/api/search?q=term{}", product(n) % 40),
        4 => "/api/popular".to_owned(),
        5 => format!("/api/products/{}/inventory", product(n)),
        6 => format!("/api/orders/{}", product(n)),
        _ => format!("/api/products/{}", product(n)),
    };
    (0..12_000).map(|n| visit(hashes().hash_one(("client", n)) % 50, n / 20, url(n))).collect()
}

fn product(n: u64) -> u64 {
    200 / (1 + hashes().hash_one(n) % 200)
}

/// How often what a URL shows had changed by a second: one product is written for a thousand reads, and is in some lists.
fn version(url: &str, second: u64) -> usize {
    let number = |before: &str| url.split(before).nth(1)?.split(['/', '&']).next()?.parse::<u64>().ok();
    let shows = |product: u64| match (number("category="), number("q=term"), number("products/")) {
        (Some(category), ..) => product % 6 == category,
        (_, Some(term), _) => product % 40 == term,
        (.., Some(id)) => product == id,
        _ => product < 20,
    };
    (0..second / 50).filter(|write| shows(product(write + 1_000_000))).count()
}

/// How many of these visits a cache would have answered that keeps each URL for a time.
fn hits<'v>(
    visits: impl Iterator<Item = &'v Visit>,
    (ttl, stale_while_revalidate): (Duration, Duration),
    keeping: Keeping,
) -> usize {
    let mut stored = std::collections::HashMap::new();
    let is_hit = |visit: &&Visit| {
        let (now, version) = (Duration::from_secs(visit.second), version(&visit.url, visit.second));
        let known = stored.get(&visit.url).copied();
        let is_fresh =
            known.is_some_and(|(until, kept)| now < until && (keeping == Keeping::Learned || kept == version));
        let is_stale =
            known.is_some_and(|(until, _)| keeping == Keeping::Learned && now < until + stale_while_revalidate);
        if !is_fresh {
            stored.insert(visit.url.clone(), (now + ttl, version));
        }
        is_fresh || is_stale
    };
    visits.filter(is_hit).count()
}

/// By which rules answers are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// For some time more while they are fetched anew, and nobody tells of changes.
    Learned,
    /// Until they change, which an event says.
    ByHand,
}

/// The route that a URL of the shop belongs to.
fn route_of(url: &str) -> &'static str {
    let path = url.split('?').next().unwrap_or_default();
    match path {
        "/api/products" => "/api/products",
        "/api/search" => "/api/search",
        "/api/popular" => "/api/popular",
        path if path.starts_with("/api/orders") => "/api/orders/{id}",
        path if path.ends_with("/inventory") => "/api/products/{id}/inventory",
        _ => "/api/products/{id}",
    }
}

#[test]
fn on_a_shop_it_comes_to_nine_tenths_of_the_hits_of_rules_by_hand_and_orders_stay_with_their_buyers() {
    let visits = shop_visits();
    let proposal = learn(&visits, |visit| match route_of(&visit.url) {
        "/api/orders/{id}" => (format!("of {}", visit.client), OPEN),
        _ => (format!("{} {}", visit.url, version(&visit.url, visit.second)), OPEN),
    });
    let (routes, left_out) = paths(&proposal);
    let text = proposal.to_toml();
    let expected =
        ["/api/popular", "/api/products", "/api/search", "/api/products/{id}", "/api/products/{id}/inventory"];
    assert_eq!(routes, expected, "{text}");
    assert!(left_out.iter().any(|(path, why)| path == "/api/orders/{id}" && why == "differs-by-request"), "{text}");
    let of = |route: &str| visits.iter().filter(move |visit| route_of(&visit.url) == route).collect::<Vec<_>>();
    let lifetime = |path: &str| {
        let route = proposal.routes.iter().find(|route| route.pattern.to_string() == path);
        let lifetime = route.expect("it is proposed").verdict.lifetime;
        (lifetime.ttl, lifetime.stale_while_revalidate)
    };
    let learned: usize = expected.iter().map(|path| hits(of(path).into_iter(), lifetime(path), Keeping::Learned)).sum();
    // By hand a route is kept for minutes, and told of every change.
    let minutes = (Duration::from_mins(10), Duration::ZERO);
    let by_hand: usize = expected.iter().map(|path| hits(of(path).into_iter(), minutes, Keeping::ByHand)).sum();
    assert!(learned * 10 >= by_hand * 9, "{learned} of {by_hand}: {text}");
}
