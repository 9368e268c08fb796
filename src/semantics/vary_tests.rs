//! Vary and normalisation, clause by clause.

use super::*;
use proptest::prelude::*;

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    lines.iter().map(line).collect()
}

fn normalised(name: &str, lines: &[&str]) -> String {
    let lines: Vec<HeaderValue> = lines.iter().map(|line| line.parse().unwrap()).collect();
    String::from_utf8(normalise(&name.parse().unwrap(), lines.iter()).into_vec()).unwrap()
}

#[test]
fn rfc_9110_12_5_5_names_are_sorted_and_without_repeats() {
    for (lines, expected) in [
        (&[][..], &[][..]),
        (&[""], &[]),
        (&[" , ,"], &[]),
        (&["Foo"], &["foo"]),
        (&["foo, Accept-Encoding ,FOO", "bar"], &["accept-encoding", "bar", "foo"]),
    ] {
        let headers = fields(&lines.iter().map(|line| ("vary", *line)).collect::<Vec<_>>());
        let names: Vec<HeaderName> = expected.iter().map(|name| name.parse().unwrap()).collect();
        assert_eq!(parse_vary(&headers), Vary::Fields(names.into()), "{lines:?}");
    }
}

#[test]
fn rfc_9110_12_5_5_an_asterisk_or_nonsense_anywhere_means_anything() {
    for lines in
        [&["*"][..], &["*, *"], &["*", "*"], &[", *"], &["", "*"], &["*, Foo"], &["Foo, *"], &["foo bar"], &["foo;x"]]
    {
        let headers = fields(&lines.iter().map(|line| ("vary", *line)).collect::<Vec<_>>());
        assert_eq!(parse_vary(&headers), Vary::Anything, "{lines:?}");
    }
}

#[test]
fn rfc_9111_4_1_lines_of_one_meaning_normalise_to_one_value() {
    for (name, one, other) in [
        ("foo", &["1,2"][..], &[" 1, 2 "][..]),
        ("foo", &["1, 2"], &["1", "2"]),
        ("foo", &["1 ,\t2"], &["1,2"]),
        ("foo", &["\"a, b\",c"], &["\"a, b\"", " c"]),
        ("cookie", &["a=1; b=2"], &["a=1", "b=2"]),
        ("accept-encoding", &["gzip, br"], &["br;q=0.8, deflate, gzip"]),
        ("accept-encoding", &[], &["identity"]),
        ("accept-language", &["en, de"], &["de, en"]),
        ("accept-language", &["en, de"], &["eN", " De "]),
        ("accept-language", &["de;q=1.0, en;q=0.50"], &["en;q=0.5,de"]),
    ] {
        assert_eq!(normalised(name, one), normalised(name, other), "{name} {one:?} {other:?}");
    }
}

#[test]
fn rfc_9111_4_1_lines_of_different_meaning_stay_different() {
    for (name, one, other) in [
        ("foo", &["1"][..], &["2"][..]),
        ("foo", &["1,2"], &["2,1"]),
        ("foo", &[], &[""]),
        ("foo", &[""], &["", ""]),
        ("foo", &["a b"], &["ab"]),
        ("foo", &["\"a, b\""], &["\"a,b\""]),
        ("foo", &["\"a\\\", b\""], &["\"a\\\",b\""]),
        ("foo", &["a"], &["A"]),
        ("cookie", &["a=x, y"], &["a=x,y"]),
        ("accept-language", &["en, de;q=0.5"], &["en;q=0.5, de"]),
        ("accept-language", &["en;q=0"], &["en"]),
        ("accept-language", &["en;q=x"], &["en"]),
        ("accept-language", &[""], &[]),
        ("accept-encoding", &["gzip"], &["gzip, br"]),
    ] {
        assert_ne!(normalised(name, one), normalised(name, other), "{name} {one:?} {other:?}");
    }
}

#[test]
fn rfc_9110_12_5_4_a_response_in_the_language_wanted_most_is_the_best_there_is() {
    for (presented, stored, expected) in [
        ("fr;q=0.5, de;q=1.0", "de", true),
        ("DE", "de", true),
        ("fr, de;q=0.5", "de", false),
        ("fr, de", "de", false),
        ("de-AT", "de", false),
        ("de;q=0", "de", false),
        ("*", "de", false),
        ("de", "de, en", false),
        ("de", "", false),
    ] {
        let presented_fields = fields(&[("accept-language", presented)]);
        let stored_fields = fields(&[("content-language", stored)]);
        assert_eq!(is_best_language(&presented_fields, &stored_fields), expected, "{presented} for {stored}");
    }
    assert!(!is_best_language(&fields(&[]), &fields(&[("content-language", "de")])));
}

proptest! {
    #[test]
    fn normalising_is_idempotent(
        name in prop::sample::select(vec!["foo", "cookie", "accept-language", "accept-encoding"]),
        lines in prop::collection::vec("[a-z\", \\\\;=*]{0,12}|(en|de|gzip|br)(;q=(0|0\\.[0-9]{0,3}|1))?(, *[a-z]{1,3})*", 1..4),
    ) {
        let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
        let once = normalised(name, &lines);
        prop_assert_eq!(normalised(name, &[&once]), once);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(line) = HeaderValue::from_bytes(&bytes) {
            let _ = parse_vary(&HeaderMap::from_iter([(VARY, line.clone())]));
            for name in [ACCEPT_LANGUAGE, ACCEPT_ENCODING, COOKIE, VARY] {
                normalise(&name, [&line].into_iter());
            }
        }
    }
}
