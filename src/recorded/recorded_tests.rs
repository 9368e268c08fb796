//! What lines of logs say.

use super::*;

fn check(line: &str, expected: Option<(&str, &str, Option<&str>, Option<u16>)>) {
    let read = match read(line.as_bytes()) {
        Line::Request(recorded) => Some(recorded),
        Line::Other | Line::Damaged => None,
    };
    let read = read.as_ref().map(|r| (r.method.as_ref(), r.target.as_ref(), r.host.as_deref(), r.status));
    assert_eq!(read, expected, "{line}");
}

#[test]
fn a_request_is_read_from_the_lines_of_each_format() {
    let common = r#"192.0.2.7 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?q=1 HTTP/1.0" 200 2326"#;
    check(common, Some(("GET", "/a?q=1", None, Some(200))));
    let combined = r#"::1 - - [x] "HEAD /a HTTP/1.1" 304 0 "http://ref/" "Mozilla/5.0 (\"x\")""#;
    check(combined, Some(("HEAD", "/a", None, Some(304))));
    let hosted = r#"shop.example:443 192.0.2.7 - - [x] "GET /a HTTP/2.0" 404 1 "-" "-""#;
    check(hosted, Some(("GET", "/a", Some("shop.example:443"), Some(404))));
    let escaped = r#"192.0.2.7 - - [x] "GET /\x22a\"\\ HTTP/1.1" 200 1"#;
    check(escaped, Some(("GET", "/\"a\"\\", None, Some(200))));
    let larder = r#"2026-01-01T00:00:00Z 192.0.2.7 "GET /a HTTP/1.1" 200 10 42us id=1 outcome=hit host="shop" x=1"#;
    check(larder, Some(("GET", "/a", Some("shop"), Some(200))));
    let json =
        r#"{"time":"x","message":"request","method":"GET","target":"/a\u0026b","status":null,"host":"shop","n":[1]}"#;
    check(json, Some(("GET", "/a&b", Some("shop"), None)));
    let absolute = r#"192.0.2.7 - - [x] "GET http://shop/a HTTP/1.1" - 1"#;
    check(absolute, Some(("GET", "http://shop/a", None, None)));
}

/// What else a line tells: time in milliseconds, client, bytes, microseconds it took.
type Else<'a> = (Option<u64>, Option<&'a str>, Option<u64>, Option<u64>);

fn check_else(line: &str, expected: Else<'_>, facts: Option<(&str, &str, Option<&str>, Option<u64>)>) {
    let Line::Request(read) = read(line.as_bytes()) else { panic!("{line}") };
    let micros = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let at = read.at.map(crate::clock::Timestamp::as_millis);
    assert_eq!((at, read.client.as_deref(), read.body_bytes, read.took.map(micros)), expected, "{line}");
    let said = read.facts.as_ref().map(|f| {
        (f.outcome.as_ref(), f.reason.as_deref().unwrap_or_default(), f.admission.as_deref(), f.upstream.map(micros))
    });
    assert_eq!(said, facts, "{line}");
}

#[test]
fn a_line_tells_when_who_and_how_much_as_far_as_its_format_does() {
    let common = r#"192.0.2.7 - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326"#;
    check_else(common, (Some(971_211_336_000), Some("192.0.2.7"), Some(2326), None), None);
    let hosted = r#"shop:443 192.0.2.7 - - [x] "GET /a HTTP/2.0" 304 - "-" "-""#;
    check_else(hosted, (None, Some("192.0.2.7"), None, None), None);
    let larder = r#"1970-01-01T00:00:01.5Z 192.0.2.7 "GET /a HTTP/1.1" 200 10 42us id=1 outcome=miss reason=no-entry route=a host="shop" user_agent="a reason=fresh \" outcome=hit" upstream=http://a upstream_us=40 admission=stored"#;
    let facts = ("miss", "no-entry", Some("stored"), Some(40));
    check_else(larder, (Some(1_500), Some("192.0.2.7"), Some(10), Some(42)), Some(facts));
    let json = r#"{"time":"1970-01-01T00:00:01.500Z","message":"request","client":"::1","method":"GET","target":"/a","status":200,"body_bytes":10,"duration_us":42,"outcome":"hit","reason":"fresh"}"#;
    check_else(json, (Some(1_500), Some("::1"), Some(10), Some(42)), Some(("hit", "fresh", None, None)));
    check_else(r#"{"method":"GET","target":"/a"}"#, (None, None, None, None), None);
}

#[test]
fn the_requests_of_a_file_come_one_by_one_and_its_damage_is_named() {
    let log =
        b"192.0.2.7 - - [x] \"GET /a HTTP/1.1\" 200 1\n\nhello\n{\"method\":\"GET\",\"target\":\"/b\"}\r\n{\"method\":";
    let (mut logs, mut targets) = (Logs::default(), Vec::new());
    let lines = Lines::new("log", log.as_slice()).unwrap();
    logs.read(lines, |request| targets.push(request.target.into_owned())).unwrap();
    assert_eq!(targets, ["/a", "/b"]);
    assert_eq!((logs.damaged, logs.damaged_named), (2, vec!["log:3".to_owned(), "log:5".to_owned()]));
}

#[test]
fn other_messages_and_empty_lines_are_no_damage_and_all_else_is() {
    for line in [
        "",
        "  ",
        "listening on http://127.0.0.1:8080",
        r#"{"message":"the rules were reloaded"}"#,
        r#"{"message":"request","first_line":"x"}"#,
    ] {
        assert_eq!(read(line.as_bytes()), Line::Other, "{line}");
    }
    for line in [
        "hello",
        "{",
        "{}",
        r#"{"message":7}"#,
        r#"192.0.2.7 - - [x] "GET /a HTTP/1.1"#,
        r#"192.0.2.7 - - [x] "GET /a HTTP/1.1" OK"#,
        r#"192.0.2.7 - - [x] "GET /a HTTP/1.1" 99999"#,
        r#"192.0.2.7 - - [x] "GET" 200"#,
        r#"192.0.2.7 - - [x] "\x16\x03\x01" 400 0"#,
        r#"192.0.2.7 - - [x] "GET /a b HTTP/1.1" 200 1"#,
        r#"192.0.2.7 - - [x] "GET /\xzz HTTP/1.1" 200 1"#,
    ] {
        assert_eq!(read(line.as_bytes()), Line::Damaged, "{line}");
    }
    assert_eq!(read(b"\xff\xfe"), Line::Damaged);
}

proptest::proptest! {
    #[test]
    fn no_line_makes_the_reader_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = read(&line);
        let _ = read(&[br#"a - - [x] "GET /"#, &line[..], br#"" 200"#].concat());
    }
}
