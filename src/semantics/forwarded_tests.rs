//! Forwarded and X-Forwarded-For as they are met.

use super::*;
use http::HeaderValue;
use proptest::prelude::*;

fn hops(lines: &[&str]) -> Vec<(Option<String>, Option<String>, Option<String>)> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(FORWARDED, line.parse().unwrap());
    }
    let shown = |hop: Hop<'_>| {
        (hop.from.map(|ip| ip.to_string()), hop.scheme.map(Cow::into_owned), hop.host.map(Cow::into_owned))
    };
    forwarded_hops(&headers).map(shown).collect()
}

#[test]
fn rfc_7239_4_elements_are_read_from_the_right_in_any_spelling() {
    type Row<'a> = (&'a [&'a str], &'a [(&'a str, &'a str, &'a str)]);
    let rows: &[Row<'_>] = &[
        (&["for=192.0.2.60;proto=http;by=203.0.113.43"], &[("192.0.2.60", "http", "")]),
        (&["For=192.0.2.43, for=198.51.100.17"], &[("198.51.100.17", "", ""), ("192.0.2.43", "", "")]),
        (&["for=192.0.2.1", "for=192.0.2.2;PROTO=https"], &[("192.0.2.2", "https", ""), ("192.0.2.1", "", "")]),
        (&["for=\"[2001:db8:cafe::17]:4711\""], &[("2001:db8:cafe::17", "", "")]),
        (&["for=\"192.0.2.1:_port\";host=\"shop.example:8080\""], &[("192.0.2.1", "", "shop.example:8080")]),
        (&["for=\"[::ffff:192.0.2.1]\""], &[("192.0.2.1", "", "")]),
        (&["for=unknown;proto=https"], &[("", "https", "")]),
        (&["for=\"_gazonk\""], &[("", "", "")]),
        // An unbracketed IPv6 address is no node.
        (&["for=\"2001:db8::1\""], &[("", "", "")]),
        // A comma or semicolon within quotes divides nothing.
        (&["for=192.0.2.1;host=\"a,for=6.6.6.6;proto=ftp\""], &[("192.0.2.1", "", "a,for=6.6.6.6;proto=ftp")]),
        (&["host=\"a\\\"b\""], &[("", "", "a\"b")]),
        (&["for=192.0.2.1 ; proto=https ,\tfor=192.0.2.2"], &[("192.0.2.2", "", ""), ("192.0.2.1", "https", "")]),
        (&[", for=192.0.2.1,, "], &[("192.0.2.1", "", "")]),
        (&[""], &[]),
    ];
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    for (lines, expected) in rows {
        let expected: Vec<_> =
            expected.iter().map(|(from, scheme, host)| (some(from), some(scheme), some(host))).collect();
        assert_eq!(hops(lines), expected, "{lines:?}");
    }
}

#[test]
fn a_malformed_line_hides_what_stands_left_of_it() {
    for line in [
        "for",
        "for=",
        "=192.0.2.1",
        "for=\"192.0.2.1",
        "for=192.0.2.1;for=192.0.2.2",
        "for=192.0.2.1;proto=http;proto=https",
        "for=192.0.2.1 proto=https",
        "for=[2001:db8::1]",
        "f or=192.0.2.1",
        "for=192.0.2.1;proto=https, \"",
    ] {
        assert_eq!(hops(&["for=198.51.100.1", line]), [], "{line}");
        let right = hops(&[line, "for=198.51.100.1"]);
        assert_eq!(right.len(), 1, "{line}: what stands right of it was written later");
    }
}

#[test]
fn an_address_may_have_a_port_as_some_balancers_write_it() {
    for (text, expected) in [
        ("192.0.2.1", Some("192.0.2.1")),
        ("192.0.2.1:4711", Some("192.0.2.1")),
        ("2001:db8::1", Some("2001:db8::1")),
        ("[2001:db8::1]", Some("2001:db8::1")),
        ("[2001:db8::1]:443", Some("2001:db8::1")),
        ("::ffff:192.0.2.1", Some("192.0.2.1")),
        ("unknown", None),
        ("", None),
        ("192.0.2", None),
        ("192.0.2.1 ", None),
    ] {
        assert_eq!(address(text).map(|address| address.to_string()).as_deref(), expected, "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_line_panics(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4)) {
        let mut headers = HeaderMap::new();
        for line in lines {
            if let Ok(line) = HeaderValue::from_bytes(&line) {
                headers.append(FORWARDED, line.clone());
                headers.append(X_FORWARDED_FOR, line);
            }
        }
        let _ = forwarded_hops(&headers).count();
        let _ = members_from_the_right(&headers, X_FORWARDED_FOR).filter_map(address).count();
    }

    #[test]
    fn a_line_of_pieces_never_panics(
        pieces in prop::collection::vec(prop::sample::select(vec!["for=", "proto=https", "\"", ",", ";", " ", "\\", "[::1]", "1.2.3.4", "="]), 0..12),
    ) {
        let _ = elements(&pieces.concat());
    }
}
