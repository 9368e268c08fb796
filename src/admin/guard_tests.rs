//! Who gets in, row by row.

use super::*;
use axum::http::{HeaderName, HeaderValue};

const TOKEN: Option<&str> = Some("s3cret");
const JSON: (&str, &str) = ("content-type", "application/json");
const BEARER: (&str, &str) = ("authorization", "Bearer s3cret");
const LOCAL: (&str, &str) = ("host", "localhost:9180");

fn check(token: Option<&str>, call: Option<Call>, fields: &[(&str, &str)], expected: Result<(), u16>) {
    let guard = Guard::new(&AdminOptions {
        listen: "192.0.2.1:9180".parse().unwrap(),
        token: token.map(str::to_owned),
        hosts: vec!["Larder.internal".to_owned()],
    });
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let found = guard.check(call, &headers, Some("10.0.0.7".parse().unwrap()));
    assert_eq!(found.map_err(|problem| problem.status.as_u16()), expected, "{call:?} {fields:?}");
}

#[test]
fn everything_but_the_health_checks_wants_the_token() {
    for call in Call::ALL {
        let open = matches!(call, Call::Healthz | Call::Readyz);
        check(TOKEN, Some(call), &[], if open { Ok(()) } else { Err(401) });
        check(TOKEN, Some(call), &[BEARER, LOCAL, JSON], Ok(()));
        check(None, Some(call), &[LOCAL, JSON], Ok(()));
    }
    check(TOKEN, None, &[LOCAL], Err(401));
    check(TOKEN, None, &[LOCAL, BEARER], Ok(()));
}

#[test]
fn only_the_very_token_opens() {
    let row = |value, expected| check(TOKEN, Some(Call::Stats), &[("authorization", value)], expected);
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
    check(TOKEN, Some(Call::RulesCheck), &[BEARER, ("content-type", "application/toml")], Ok(()));
    check(TOKEN, Some(Call::RulesCheck), &[BEARER, ("content-type", "text/plain")], Err(415));
}

#[test]
fn a_changing_call_wants_a_host_of_ours() {
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
fn without_a_token_reading_wants_a_host_of_ours_too() {
    for call in [Call::Stats, Call::Explain, Call::Metrics, Call::StatusPage] {
        check(None, Some(call), &[("host", "rebound.example.com")], Err(421));
        check(TOKEN, Some(call), &[BEARER, ("host", "larder:9180")], Ok(()));
    }
    check(None, None, &[("host", "rebound.example.com")], Err(421));
    check(None, Some(Call::Healthz), &[("host", "10.1.2.3")], Ok(()));
}
