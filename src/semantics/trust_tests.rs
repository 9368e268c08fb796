//! Which way requests came, by whom is believed.

use super::*;
use proptest::prelude::*;

fn trust(family: Family) -> Trust {
    let proxies = ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"].map(|network| network.parse().unwrap()).to_vec();
    Trust { proxies, family, host: HostTrust::Believed, ..Trust::default() }
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    lines.iter().map(line).collect()
}

/// Client, proxies, scheme, host.
fn came(family: Family, peer: &str, lines: &[(&str, &str)]) -> (String, String, String, String) {
    let way = trust(family).way(peer.parse().unwrap(), &Scheme::HTTP, &headers(lines));
    let proxies: Vec<_> = way.proxies.iter().map(ToString::to_string).collect();
    let host = way.host.map_or_else(String::new, |host| host.to_str().unwrap().to_owned());
    (way.client.to_string(), proxies.join(" "), way.scheme.to_string(), host)
}

#[track_caller]
fn check(family: Family, peer: &str, lines: &[(&str, &str)], expected: [&str; 4]) {
    let (client, proxies, scheme, host) = came(family, peer, lines);
    assert_eq!([&*client, &*proxies, &*scheme, &*host], expected, "{peer} {lines:?}");
}

#[test]
fn x_forwarded_for_is_read_from_the_right_as_far_as_each_is_trusted() {
    let family = Family::XForwarded;
    for (peer, list, client, proxies) in [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9", ""),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1", "10.0.0.2 10.0.0.1"),
        ("192.0.2.1", "10.0.0.2,192.0.2.2", "192.0.2.2", "192.0.2.1"),
        ("2001:db8::1", "[2001:db9::1]:443", "2001:db9::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1", "10.0.0.1"),
        // Nobody but proxies: the first of them asks for itself.
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", "10.0.0.2 10.0.0.1"),
        // What is no address ends the way.
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1", ""),
        ("10.0.0.1", "198.51.100.1,", "10.0.0.1", ""),
        ("10.0.0.1", "", "10.0.0.1", ""),
    ] {
        check(family, peer, &[("x-forwarded-for", list)], [client, proxies, "http", ""]);
    }
    let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.1, 10.0.0.2")];
    check(family, "10.0.0.1", &lines, ["198.51.100.1", "10.0.0.2 10.0.0.1", "http", ""]);
}

#[test]
fn scheme_and_host_are_those_that_the_proxy_next_to_the_client_saw() {
    let family = Family::XForwarded;
    let two = ("x-forwarded-for", "198.51.100.1, 10.0.0.2");
    for (lines, scheme, host) in [
        (&[("x-forwarded-proto", "https")][..], "https", ""),
        (&[("x-forwarded-proto", "HTTPS"), ("x-forwarded-host", "shop.example")], "https", "shop.example"),
        (&[two, ("x-forwarded-proto", "http, https, http")], "https", ""),
        (&[two, ("x-forwarded-proto", "https")], "https", ""),
        (&[("x-forwarded-proto", "https, http")], "http", ""),
        (&[two, ("x-forwarded-host", "evil, shop.example, inner")], "http", "shop.example"),
        (&[("x-forwarded-proto", "wss")], "https", ""),
        (&[("x-forwarded-proto", "gopher")], "http", ""),
        (&[("x-forwarded-host", "")], "http", ""),
    ] {
        let (_, _, seen_scheme, seen_host) = came(family, "10.0.0.1", lines);
        assert_eq!((&*seen_scheme, &*seen_host), (scheme, host), "{lines:?}");
        let (_, _, seen_scheme, seen_host) = came(family, "203.0.113.9", lines);
        assert_eq!((&*seen_scheme, &*seen_host), ("http", ""), "{lines:?} of a client");
    }
}

#[test]
fn rfc_7239_each_element_is_believed_where_all_right_of_it_are() {
    let family = Family::Forwarded;
    for (line, expected) in [
        ("for=198.51.100.1;proto=https;host=shop.example", ["198.51.100.1", "10.0.0.1", "https", "shop.example"]),
        ("for=6.6.6.6;proto=http;host=evil, for=198.51.100.1;proto=https", ["198.51.100.1", "10.0.0.1", "https", ""]),
        ("for=198.51.100.1;proto=https, for=10.0.0.2;proto=http", ["198.51.100.1", "10.0.0.2 10.0.0.1", "https", ""]),
        ("for=198.51.100.1;proto=https, for=10.0.0.2", ["198.51.100.1", "10.0.0.2 10.0.0.1", "https", ""]),
        ("for=unknown;proto=https", ["10.0.0.1", "", "https", ""]),
        ("for=_hidden;proto=https;host=shop.example", ["10.0.0.1", "", "https", "shop.example"]),
        ("for=\"[2001:db9::1]:443\"", ["2001:db9::1", "10.0.0.1", "http", ""]),
        ("for=198.51.100.1;proto=https, \"", ["10.0.0.1", "", "http", ""]),
    ] {
        check(family, "10.0.0.1", &[("forwarded", line)], expected);
    }
}

#[test]
fn the_family_that_is_not_configured_tells_nothing() {
    let lines = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "a")];
    check(Family::Forwarded, "10.0.0.1", &lines, ["10.0.0.1", "", "http", ""]);
    let lines = [("forwarded", "for=198.51.100.1;proto=https;host=a")];
    check(Family::XForwarded, "10.0.0.1", &lines, ["10.0.0.1", "", "http", ""]);
}

#[test]
fn the_host_counts_only_where_it_is_trusted() {
    let trust = Trust { host: HostTrust::Ignored, ..trust(Family::XForwarded) };
    let way = trust.way("10.0.0.1".parse().unwrap(), &trust.scheme, &headers(&[("x-forwarded-host", "shop.example")]));
    assert_eq!(way.host, None);
}

#[test]
fn a_request_id_is_taken_from_a_trusted_proxy_where_it_is_fit() {
    let long = "x".repeat(129);
    for (peer, lines, expected) in [
        ("10.0.0.1", &[("x-request-id", "abc-1/2=3")][..], Some("abc-1/2=3")),
        ("203.0.113.9", &[("x-request-id", "abc")], None),
        ("10.0.0.1", &[("x-request-id", "a"), ("x-request-id", "b")], None),
        ("10.0.0.1", &[("x-request-id", "a b")], None),
        ("10.0.0.1", &[("x-request-id", "a\"b")], None),
        ("10.0.0.1", &[("x-request-id", "")], None),
        ("10.0.0.1", &[("x-request-id", &long)], None),
        ("10.0.0.1", &[], None),
    ] {
        let way = trust(Family::XForwarded).way(peer.parse().unwrap(), &Scheme::HTTP, &headers(lines));
        assert_eq!(way.request_id().map(|id| id.to_str().unwrap()), expected, "{peer} {lines:?}");
    }
}

#[test]
fn what_nobody_believes_is_removed() {
    let all = [
        ("forwarded", "for=6.6.6.6"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-prefix", "/a"),
        ("x-request-id", "a"),
        ("x_forwarded_for", "6.6.6.6"),
        ("x-forwarded_host", "evil"),
        ("x-real-ip", "6.6.6.6"),
        ("x-forwarded-client-cert", "Subject=a"),
    ];
    let left = |family, peer| {
        let mut headers = headers(&all);
        trust(family).remove_the_unbelieved(&mut headers, peer);
        let mut names: Vec<String> = headers.keys().map(ToString::to_string).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(left(Family::XForwarded, Peer::Client), "x-forwarded-client-cert x-real-ip");
    assert_eq!(left(Family::Forwarded, Peer::Client), "x-forwarded-client-cert x-real-ip");
    assert_eq!(left(Family::Forwarded, Peer::Trusted), "forwarded x-forwarded-client-cert x-real-ip x-request-id");
    assert_eq!(
        left(Family::XForwarded, Peer::Trusted),
        "x-forwarded-client-cert x-forwarded-for x-forwarded-port x-forwarded-prefix x-real-ip x-request-id"
    );
}

proptest! {
    #[test]
    fn whatever_a_client_puts_before_it_the_way_is_the_same(spoofed in "[ -~]{0,40}") {
        prop_assume!(!spoofed.contains('"'));
        for (family, name, own) in [
            (Family::XForwarded, "x-forwarded-for", "198.51.100.1, 10.0.0.2"),
            (Family::Forwarded, "forwarded", "for=198.51.100.1;proto=https, for=10.0.0.2"),
        ] {
            let honest = came(family, "10.0.0.1", &[(name, own)]);
            prop_assert_eq!(came(family, "10.0.0.1", &[(name, &spoofed), (name, own)]), honest);
        }
    }
}
