//! What of a request reaches the origin and what is keyed: tables, and fetch and key held against each other.

use super::*;
use crate::rules::pattern::PathPattern;
use crate::scope::RouteName;
use http::Uri;
use http::uri::Scheme;
use proptest::prelude::*;

fn route(headers: &[&'static str], cookies: Option<&[&str]>) -> Route {
    let mut route = Route::plain(RouteName::new("test"), PathPattern::parse("/**").unwrap());
    route.key.headers = headers.iter().map(|name| HeaderName::from_static(name)).collect();
    if let Some(cookies) = cookies {
        route.key.cookies = CookieRule::Only(cookies.iter().map(|name| (*name).to_owned()).collect());
    }
    route
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn target(url: &str) -> Target {
    Target::settle(&url.parse::<Uri>().unwrap(), &HeaderMap::new(), &Scheme::HTTP).unwrap()
}

fn key(route: &Route, url: &str, lines: &[(&'static str, &str)]) -> PrimaryKey {
    route.primary_key(&route.keyed_target(target(url)), &headers(lines))
}

#[test]
fn what_is_not_keyed_is_not_fetched() {
    let client = headers(&[
        ("host", "shop"),
        ("accept", "application/json"),
        ("x-custom", "1"),
        ("x-custom", "2"),
        ("cookie", "sid=1; currency=EUR"),
        ("accept-encoding", "gzip;q=0.5, deflate"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("if-none-match", "\"a\""),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("range", "bytes=0-1"),
        ("if-range", "\"a\""),
        ("expect", "100-continue"),
        ("content-length", "0"),
        ("x-forwarded-port", "6666"),
        ("x_forwarded_host", "evil"),
        ("x_shop", "1"),
        ("x.shop", "1"),
        ("max-forwards", "0"),
        ("x-original-url", "/admin"),
        ("x-http-method-override", "DELETE"),
    ]);
    let fetched = route(&[], Some(&["currency"])).fetch_headers(&client);
    let mut lines: Vec<String> =
        fetched.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.retain(|line| !line.starts_with("accept-encoding"));
    lines.sort();
    assert_eq!(lines, ["accept: application/json", "cookie: currency=EUR", "host: shop", "x-custom: 1", "x-custom: 2"]);
    assert_eq!(fetched.get(ACCEPT_ENCODING), AcceptedCodings::parse(&client).canonical().as_ref());
}

#[test]
fn what_larder_has_written_of_a_requests_way_is_fetched() {
    let written = headers(&[("x-forwarded-host", "shop"), ("x-forwarded-for", "10.0.0.1"), ("forwarded", "host=shop")]);
    assert_eq!(route(&[], None).fetch_headers(&written), written);
}

#[test]
fn a_keyed_poison_is_fetched_as_it_came() {
    let client = headers(&[("x-forwarded-host", "shop.example"), ("x-host", "evil")]);
    let fetched = route(&["x-forwarded-host"], None).fetch_headers(&client);
    assert_eq!(fetched, headers(&[("x-forwarded-host", "shop.example")]));
}

#[test]
fn cookies_without_a_rule_are_fetched_as_they_came_and_not_keyed() {
    let plain = route(&[], None);
    let client = headers(&[("cookie", "a=1; b=2")]);
    assert_eq!(plain.fetch_headers(&client), client);
    assert_eq!(key(&plain, "http://shop/", &[("cookie", "a=1")]), key(&plain, "http://shop/", &[]));
}

#[test]
fn requests_that_the_origin_would_see_alike_share_a_key() {
    let rule = route(&["accept-language", "x-currency"], Some(&["currency"]));
    let base: &[(&'static str, &str)] = &[];
    for (one, other, alike) in [
        (base, base, true),
        (&[("cookie", "sid=1")], base, true),
        (&[("cookie", "currency=EUR; sid=1")], &[("cookie", "sid=2;currency=EUR")], true),
        (&[("cookie", "currency=EUR")], &[("cookie", "currency=USD")], false),
        (&[("cookie", "currency=")], base, false),
        (&[("accept-language", "de")], &[("accept-language", "en")], false),
        (&[("x-currency", "EUR")], base, false),
        (&[("x-currency", "EUR")], &[("x-other", "EUR")], false),
        (&[("x-currency", "EUR"), ("connection", "x-currency")], base, true),
        (&[("x-other", "EUR")], base, true),
    ] {
        assert_eq!(key(&rule, "http://shop/", one) == key(&rule, "http://shop/", other), alike, "{one:?} {other:?}");
    }
    for (one, other, alike) in [
        ("http://shop/a", "http://SHOP:80/a", true),
        ("http://shop/a", "http://shop/b", false),
        ("http://shop/a", "http://other/a", false),
        ("http://shop/a", "http://shop/a?", false),
        ("http://shop/a?x=1&y=2", "http://shop/a?y=2&x=1", false),
    ] {
        assert_eq!(key(&rule, one, base) == key(&rule, other, base), alike, "{one} {other}");
    }
}

#[test]
fn the_query_is_fetched_as_it_is_keyed() {
    let mut rule = route(&[], None);
    let names = globset::GlobSetBuilder::new().add(globset::Glob::new("q").unwrap()).build().unwrap();
    rule.key.query = QueryRule::Allow(names);
    for (presented, expected) in
        [("/a?utm=1&q=tea", "/a?q=tea"), ("/a?utm=1", "/a"), ("/a?", "/a"), ("/a", "/a"), ("/a?q=1&q=0", "/a?q=1&q=0")]
    {
        let keyed = rule.keyed_target(target(&format!("http://shop{presented}")));
        assert_eq!(keyed.path_and_query(), expected, "{presented}");
    }
}

#[test]
fn a_variant_is_picked_by_what_the_origin_saw() {
    let shared = route(&[], Some(&[]));
    let vary = Vary::Fields([http::header::ACCEPT, COOKIE].into());
    let of = |lines: &[(&'static str, &str)]| shared.variant_key(&headers(lines), &vary).unwrap();
    assert_eq!(of(&[("cookie", "sid=1")]), of(&[("cookie", "sid=2")]));
    assert_ne!(of(&[("accept", "text/html")]), of(&[("accept", "application/json")]));
    assert_eq!(shared.variant_key(&HeaderMap::new(), &Vary::Anything), None);
}

const NAMES: [&str; 17] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "if-none-match",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "x-currency",
    "x-forwarded-host",
    "x-host",
    "x-hop",
];

proptest! {
    #[test]
    fn one_field_of_the_fetch_is_what_all_of_them_say(
        lines in proptest::collection::vec((0..NAMES.len(), "[ -~]{0,6}|currency=[a-c]; sid=1|gzip, br|de-DE, en;q=0[.]5"), 0..10),
        connection in proptest::option::of(proptest::collection::vec(0..NAMES.len(), 0..4)),
        keyed in proptest::collection::vec(0..NAMES.len(), 0..3),
        cookies in proptest::option::of(Just(["currency"])),
    ) {
        let keyed: Vec<_> = keyed.iter().map(|place| NAMES[*place]).collect();
        let rule = route(&keyed, cookies.as_ref().map(|cookies| &cookies[..]));
        let mut client = HeaderMap::new();
        for (name, value) in &lines {
            client.append(HeaderName::from_static(NAMES[*name]), HeaderValue::from_str(value).unwrap());
        }
        if let Some(named) = connection {
            let named: Vec<_> = named.iter().map(|place| NAMES[*place].to_ascii_uppercase()).collect();
            client.append(CONNECTION, HeaderValue::from_str(&named.join(" ,")).unwrap());
        }
        let fetched = rule.fetch_headers(&client);
        for name in NAMES.map(HeaderName::from_static) {
            let expected = normalise(&name, fetched.get_all(&name).iter());
            prop_assert_eq!(rule.fetch_value(&client, &name), expected, "{}", name);
        }
    }
}

#[test]
fn a_token_counts_only_where_the_origin_is_sent_it() {
    let mut route = Route::plain(RouteName::new("a"), PathPattern::parse("/a").unwrap());
    let mut headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"))]);
    assert_eq!(route.sent_token(&headers), Ok("a.b.c"));
    assert_eq!(route.sent_token(&HeaderMap::new()), Err(Reason::TokenMissing));
    headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, AuthoriZation"));
    assert_eq!(route.sent_token(&headers), Err(Reason::TokenMalformed));
    headers.remove(CONNECTION);
    route.to_origin.removed.push(AUTHORIZATION);
    assert_eq!(route.sent_token(&headers), Err(Reason::TokenMalformed));
}
