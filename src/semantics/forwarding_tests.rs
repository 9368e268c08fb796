//! Forwarding, clause by clause.

use super::*;
use proptest::prelude::*;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    lines.iter().map(line).collect()
}

#[track_caller]
fn check_stripped(given: &[(&str, &str)], expected: &[(&str, &str)]) {
    let mut stripped = headers(given);
    strip_hop_by_hop(&mut stripped);
    assert_eq!(stripped, headers(expected), "{given:?}");
}

#[test]
fn rfc_9110_7_6_1_hop_by_hop_fields_are_dropped() {
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-authentication-info",
    ] {
        check_stripped(&[(name, "x"), ("kept", "1")], &[("kept", "1")]);
    }
}

#[test]
fn rfc_9110_7_6_1_fields_that_connection_names_are_dropped() {
    check_stripped(&[("connection", "a, B"), ("a", "1"), ("b", "2"), ("c", "3")], &[("c", "3")]);
    check_stripped(&[("connection", "a"), ("connection", ",close ,b"), ("a", "1"), ("b", "2"), ("b", "3")], &[]);
    check_stripped(&[("connection", "close; x, \"y\""), ("close", "1"), ("y", "2")], &[("close", "1"), ("y", "2")]);
}

#[test]
fn rfc_9110_7_6_1_connection_cannot_name_what_is_meant_for_all() {
    for name in
        ["cache-control", "content-length", "host", "authorization", "cookie", "x-forwarded-for", "cdn-loop", "vary"]
    {
        check_stripped(&[("connection", name), (name, "1")], &[(name, "1")]);
    }
}

#[test]
fn rfc_9110_10_1_4_of_te_only_trailers_stays() {
    check_stripped(&[("connection", "TE"), ("te", "trailers")], &[("te", "trailers")]);
    check_stripped(&[("te", "deflate;q=0.5, Trailers")], &[("te", "trailers")]);
    check_stripped(&[("te", "deflate"), ("te", "gzip")], &[]);
}

#[test]
fn rfc_9110_7_8_an_upgrade_must_be_named_by_connection() {
    for (given, expected) in [
        (&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")][..], Some("websocket")),
        (&[("connection", "keep-alive"), ("upgrade", "websocket")], None),
        (&[("upgrade", "websocket")], None),
        (&[("connection", "upgrade")], None),
    ] {
        assert_eq!(requested_upgrade(&headers(given)), expected.map(HeaderValue::from_static), "{given:?}");
    }
}

#[test]
fn rfc_9110_7_8_an_upgrade_that_is_not_passed_on_is_ignored() {
    for (version, connection, offered, kept) in [
        (Version::HTTP_11, "Upgrade, HTTP2-Settings", &["h2c"][..], None),
        (Version::HTTP_11, "upgrade", &["websocket"], Some("websocket")),
        (Version::HTTP_11, "upgrade", &["WebSocket/13, h2c"], Some("WebSocket/13")),
        (Version::HTTP_11, "upgrade", &["TLS/1.2", "websocket", "h2c,, websocket"], Some("websocket, websocket")),
        (Version::HTTP_11, "upgrade", &["TLS/1.0, HTTP/2.0"], None),
        (Version::HTTP_11, "keep-alive", &["websocket"], None),
        (Version::HTTP_10, "upgrade", &["websocket"], None),
    ] {
        let mut request = headers(&[("connection", connection)]);
        for line in offered {
            request.append(UPGRADE, line.parse().unwrap());
        }
        keep_upgrade(&mut request, version, &["websocket"]);
        assert_eq!(request.get(UPGRADE).map(|line| line.to_str().unwrap()), kept, "{version:?} {offered:?}");
        assert!(request.get_all(UPGRADE).iter().count() <= 1);
    }
}

fn forwarded(client: Option<&str>, proxies: &[&str], host: &str, given: &[(&str, &str)]) -> HeaderMap {
    let mut request = headers(given);
    let client = client.map(|client| client.parse().unwrap());
    let proxies: Vec<IpAddr> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
    set_forwarding(&mut request, ForwardingContext { client, proxies: &proxies, scheme: "https", host });
    request
}

#[test]
fn rfc_7239_6_addresses_and_ports_are_quoted_where_they_must() {
    for (client, proxies, host, forwarded_for, x_forwarded_for) in [
        ("192.0.2.1", &[][..], "shop", "for=192.0.2.1;host=shop;proto=https", "192.0.2.1"),
        ("2001:db8::1", &[], "shop:8080", "for=\"[2001:db8::1]\";host=\"shop:8080\";proto=https", "2001:db8::1"),
        (
            "192.0.2.1",
            &["10.0.0.1", "fd00::1"],
            "[::1]",
            "for=192.0.2.1;host=\"[::1]\";proto=https, for=10.0.0.1, for=\"[fd00::1]\"",
            "192.0.2.1, 10.0.0.1, fd00::1",
        ),
    ] {
        let expected = [
            ("forwarded", forwarded_for),
            ("x-forwarded-for", x_forwarded_for),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", host),
        ];
        assert_eq!(forwarded(Some(client), proxies, host, &[]), headers(&expected));
    }
}

#[test]
fn what_was_there_is_replaced_and_an_unknown_client_is_not_named() {
    let given = [
        ("forwarded", "for=198.51.100.1"),
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-for", "198.51.100.2"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil"),
    ];
    let replaced = [
        ("forwarded", "for=192.0.2.1;host=shop;proto=https"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop"),
    ];
    assert_eq!(forwarded(Some("192.0.2.1"), &[], "shop", &given), headers(&replaced));
    let unknown =
        [("forwarded", "host=shop;proto=https"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "shop")];
    assert_eq!(forwarded(None, &[], "shop", &given), headers(&unknown));
}

#[test]
fn rfc_9110_7_6_3_via_names_the_version_received() {
    for (version, expected) in
        [(Version::HTTP_10, "1.0 larder"), (Version::HTTP_11, "1.1 larder"), (Version::HTTP_2, "2 larder")]
    {
        let mut message = HeaderMap::new();
        append_via(&mut message, version);
        assert_eq!(message, headers(&[("via", expected)]));
    }
}

#[test]
fn rfc_8586_2_a_request_that_comes_back_is_a_loop() {
    let here = LoopToken::new("eu west/1");
    let mut request = headers(&[("cdn-loop", "edge; v=1"), ("cdn-loop", "larder-other")]);
    assert_eq!(here.passage(&request), Passage::First);
    here.append_to(&mut request);
    assert_eq!(request, headers(&[("cdn-loop", "edge; v=1, larder-other, larder-eu-west-1")]));
    assert_eq!(here.passage(&request), Passage::Again);
    assert_eq!(here.passage(&headers(&[("cdn-loop", "LARDER-EU-WEST-1;x=y")])), Passage::Again);
    assert_eq!(here.passage(&headers(&[("cdn-loop", "larder-eu-west-12")])), Passage::First);
}

proptest! {
    #[test]
    fn stripping_leaves_no_nominated_field(
        nominations in prop::collection::vec("[a-z-]{1,6}(, ?[A-Z]{1,3})?", 0..4),
        fields in prop::collection::vec("[a-z]{1,3}|te|vary|upgrade|keep-alive", 0..8),
    ) {
        let mut given = HeaderMap::new();
        for line in &nominations {
            given.append(CONNECTION, line.parse().unwrap());
        }
        for name in &fields {
            given.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("1"));
        }
        let named = nominated(&given);
        strip_hop_by_hop(&mut given);
        for name in named.iter().filter(|name| !is_end_to_end(name)).chain(&HOP_BY_HOP) {
            prop_assert!(!given.contains_key(name), "{name}");
        }
        let once = given.clone();
        strip_hop_by_hop(&mut given);
        prop_assert_eq!(given, once);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(line) = HeaderValue::from_bytes(&bytes) {
            let mut message = HeaderMap::new();
            for name in [CONNECTION, TE, FORWARDED, X_FORWARDED_FOR, VIA, CDN_LOOP] {
                message.insert(name, line.clone());
            }
            let _ = LoopToken::new("a").passage(&message);
            strip_hop_by_hop(&mut message);
            append_via(&mut message, Version::HTTP_11);
        }
    }
}
