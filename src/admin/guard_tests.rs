//! Who gets in, row by row.

use super::*;
use axum::http::{HeaderName, HeaderValue};

const TOKEN: Option<&str> = Some("s3cret");
const JSON: (&str, &str) = ("content-type", "application/json");
const BEARER: (&str, &str) = ("authorization", "Bearer s3cret");
const NOW: Duration = Duration::from_secs(1);
const LOCAL: (&str, &str) = ("host", "localhost:9180");

fn guard(token: Option<&str>) -> Guard {
    let options = AdminOptions::on("192.0.2.1:9180".parse().unwrap());
    let (token, hosts) = (token.map(str::to_owned), vec!["Larder.internal".to_owned()]);
    Guard::new(&AdminOptions { token, hosts, ..options })
}

fn check(token: Option<&str>, call: Option<Call>, fields: &[(&str, &str)], expected: Result<(), u16>) {
    check_by(&guard(token), call, fields, expected);
}

fn check_by(guard: &Guard, call: Option<Call>, fields: &[(&str, &str)], expected: Result<(), u16>) {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let found = guard.check(call, &headers, Some("10.0.0.7".parse().unwrap()), NOW);
    assert_eq!(found.map(drop).map_err(|problem| problem.status.as_u16()), expected, "{call:?} {fields:?}");
}

#[test]
fn everything_but_the_health_checks_and_what_logging_in_takes_wants_the_token() {
    for call in Call::ALL {
        if matches!(call, Call::LogIn | Call::LogOut | Call::Asset) {
            continue;
        }
        // A webhook is judged by its signature.
        let open = matches!(call, Call::Healthz | Call::Readyz | Call::Webhook);
        check(TOKEN, Some(call), &[], if open { Ok(()) } else { Err(401) });
        check(TOKEN, Some(call), &[BEARER, LOCAL, JSON], Ok(()));
        check(None, Some(call), &[LOCAL, JSON], Ok(()));
    }
    check(TOKEN, None, &[LOCAL], Err(401));
    check(TOKEN, None, &[LOCAL, BEARER], Ok(()));
}

#[test]
fn only_the_very_token_opens() {
    let row = |value, expected| check(TOKEN, Some(Call::Stats), &[LOCAL, ("authorization", value)], expected);
    row("Bearer s3cret", Ok(()));
    row("bearer s3cret", Ok(()));
    row("BEARER  s3cret ", Ok(()));
    row("Bearer", Err(401));
    row("Bearer ", Err(401));
    row("Bearer s3cre", Err(401));
    row("Bearer s3cretx", Err(401));
    row("Bearer S3CRET", Err(401));
    row("Basic s3cret", Err(401));
    row("s3cret", Err(401));
    check(TOKEN, Some(Call::Stats), &[BEARER, BEARER], Err(401));
}

#[test]
fn a_changing_call_wants_json() {
    for call in [Call::Purge, Call::Reload] {
        let row = |value, expected| check(TOKEN, Some(call), &[BEARER, LOCAL, ("content-type", value)], expected);
        row("application/json", Ok(()));
        row("Application/JSON; charset=utf-8", Ok(()));
        row("text/plain", Err(415));
        row("application/x-www-form-urlencoded", Err(415));
        row("multipart/form-data; boundary=application/json", Err(415));
        row("application/jsonp", Err(415));
        row("text/plain;application/json", Err(415));
        check(TOKEN, Some(call), &[BEARER, LOCAL], Err(415));
        check(TOKEN, Some(call), &[BEARER, LOCAL, JSON, ("content-type", "text/plain")], Err(415));
    }
    check(TOKEN, Some(Call::RulesCheck), &[BEARER, LOCAL, ("content-type", "application/toml")], Ok(()));
    check(TOKEN, Some(Call::RulesCheck), &[BEARER, LOCAL, ("content-type", "text/plain")], Err(415));
}

#[test]
fn every_call_but_the_health_checks_wants_a_host_of_ours_with_and_without_a_token() {
    for call in Call::ALL.into_iter().filter(|call| !matches!(call.access(), Access::Open | Access::Signed)) {
        for token in [TOKEN, None] {
            check(token, Some(call), &[BEARER, JSON, ("host", "rebound.example.com")], Err(421));
        }
    }
    for token in [TOKEN, None] {
        check(token, None, &[BEARER, ("host", "rebound.example.com")], Err(421));
        check(token, Some(Call::Healthz), &[("host", "10.1.2.3")], Ok(()));
    }
    let row = |value, expected| check(TOKEN, Some(Call::Purge), &[BEARER, JSON, ("host", value)], expected);
    row("localhost", Ok(()));
    row("LOCALHOST:1", Ok(()));
    row("127.0.0.1:9180", Ok(()));
    row("127.9.9.9", Ok(()));
    row("[::1]:9180", Ok(()));
    row("[::ffff:127.0.0.1]", Ok(()));
    row("192.0.2.1:9180", Ok(()));
    row("10.0.0.7", Ok(()));
    row("larder.INTERNAL:80", Ok(()));
    row("shop.example.com", Err(421));
    row("localhost.example.com", Err(421));
    row("127.0.0.1.example.com", Err(421));
    row("10.0.0.8", Err(421));
    row("localhost@example.com", Err(421));
    row("example.com@localhost", Err(421));
    row("", Err(421));
    check(TOKEN, Some(Call::Purge), &[BEARER, JSON], Err(421));
    check(TOKEN, Some(Call::Purge), &[BEARER, JSON, LOCAL, LOCAL], Err(421));
}

#[test]
fn a_session_stands_for_the_token_and_changes_nothing_from_elsewhere() {
    let guard = guard(TOKEN);
    assert_eq!(guard.log_in(b"wrong", NOW), None);
    let set = guard.log_in(b"s3cret", NOW).unwrap();
    let set = set.to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("s3cret"), "{set}");
    let cookie = ("cookie", set.split(';').next().unwrap());
    let row = |call, fields: &[(&str, &str)], expected| {
        check_by(&guard, Some(call), &[&[cookie, LOCAL], fields].concat(), expected);
    };
    row(Call::Stats, &[], Ok(()));
    row(Call::Stats, &[("origin", "http://evil.example")], Ok(()));
    row(Call::Stats, &[("authorization", "Bearer wrong")], Err(401));
    for call in [Call::Purge, Call::Events, Call::Reload, Call::RulesCheck] {
        row(call, &[JSON, ("origin", "http://localhost:9180")], Ok(()));
        row(call, &[JSON, ("origin", "https://LOCALHOST:9180")], Ok(()));
        row(call, &[JSON, ("sec-fetch-site", "same-origin")], Ok(()));
        row(call, &[JSON], Err(403));
        row(call, &[JSON, ("origin", "http://evil.example")], Err(403));
        row(call, &[JSON, ("origin", "http://localhost")], Err(403));
        row(call, &[JSON, ("origin", "null"), ("sec-fetch-site", "same-origin")], Err(403));
        row(call, &[JSON, ("sec-fetch-site", "same-site")], Err(403));
        row(call, &[JSON, ("sec-fetch-site", "none")], Err(403));
        row(call, &[("origin", "http://localhost:9180"), ("content-type", "text/plain")], Err(415));
    }
    let headers = HeaderMap::from_iter([("cookie".parse().unwrap(), HeaderValue::from_str(cookie.1).unwrap())]);
    guard.log_out(&headers);
    row(Call::Stats, &[], Err(401));
}

#[test]
fn logging_in_and_out_takes_a_form_of_a_page_of_ours() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let ours = ("origin", "http://localhost:9180");
    for call in [Call::LogIn, Call::LogOut] {
        check(TOKEN, Some(call), &[LOCAL, form, ours], Ok(()));
        check(TOKEN, Some(call), &[LOCAL, form], Err(403));
        check(TOKEN, Some(call), &[LOCAL, form, ("origin", "http://evil.example")], Err(403));
        check(TOKEN, Some(call), &[LOCAL, JSON, ours], Err(415));
        check(TOKEN, Some(call), &[("host", "evil.example"), form, ("origin", "http://evil.example")], Err(421));
    }
}
