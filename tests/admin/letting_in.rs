//! Token, Host, content type, size, method.

use crate::house::{House, Plan, Said, TOKEN, build};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, ORIGIN};
use http::{Method, Request, StatusCode};
use http_body_util::Full;

const READING: [&str; 8] = ["/", "/purges", "/purges/x", "/explain", "/rules", "/stats", "/metrics", "/openapi.json"];

#[tokio::test]
async fn everything_but_the_health_checks_wants_the_token() {
    let house = build(Plan::default()).await;
    house.readiness.set(true);
    for path in READING.into_iter().chain(["/nowhere", "/healthz", "/readyz"]) {
        for (token, expected) in [(None, false), (Some("wrong"), false), (Some(TOKEN), true)] {
            let mut request = house.ask(Method::GET, path);
            request.headers_mut().remove(AUTHORIZATION);
            if let Some(token) = token {
                request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
            }
            let said = house.send(request).await;
            let let_in = said.status != StatusCode::UNAUTHORIZED;
            assert_eq!(let_in, expected || path.ends_with('z'), "{path} with {token:?}");
            assert_eq!(said.header("www-authenticate").starts_with("Bearer"), !let_in, "{path} with {token:?}");
        }
    }
}

#[tokio::test]
async fn a_changing_call_wants_token_host_and_json() {
    let house = build(Plan::default()).await;
    let before = house.engine.invalidation().applied();
    let rows = [
        (None, "localhost", "application/json", 401),
        (Some("wrong"), "localhost", "application/json", 401),
        (Some(TOKEN), "shop.example.com", "application/json", 421),
        (Some(TOKEN), "localhost", "text/plain", 415),
        (Some(TOKEN), "localhost", "application/x-www-form-urlencoded", 415),
    ];
    for (token, host, content_type, expected) in rows {
        for path in ["/purge", "/reload"] {
            let mut request = house.ask(Method::POST, path).map(|_| Full::from(r#"{"all":true}"#));
            let headers = request.headers_mut();
            headers.remove(AUTHORIZATION);
            if let Some(token) = token {
                headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
            }
            headers.insert(HOST, host.parse().unwrap());
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
            let said = house.send(request).await;
            assert_eq!(said.status.as_u16(), expected, "{path} {token:?} {host} {content_type}");
            assert_eq!(said.header("content-type"), "application/problem+json");
        }
    }
    assert_eq!(house.engine.invalidation().applied(), before, "a refused call has purged");
}

#[tokio::test]
async fn the_address_of_the_listener_is_a_host_and_a_foreign_name_is_not_with_or_without_a_token() {
    for token in [Some(TOKEN), None] {
        let house = build(Plan { token, ..Plan::default() }).await;
        for (host, expected) in [(house.address.to_string(), 200), ("rebound.example.com".to_owned(), 421)] {
            for path in ["/stats", "/purges", "/metrics", "/"] {
                let mut request = house.ask(Method::GET, path);
                if token.is_none() {
                    request.headers_mut().remove(AUTHORIZATION);
                }
                request.headers_mut().insert(HOST, host.parse().unwrap());
                assert_eq!(house.send(request).await.status.as_u16(), expected, "{path} as {host} with {token:?}");
            }
        }
    }
}

/// A browser's request: a page of the listener, and a cookie where it has one.
fn browsing(house: &House, method: Method, path: &str, cookie: &str) -> Request<Full<Bytes>> {
    let mut request = house.ask(method, path);
    let headers = request.headers_mut();
    headers.remove(AUTHORIZATION);
    headers.insert(ACCEPT, "text/html,*/*;q=0.8".parse().unwrap());
    headers.insert(ORIGIN, "http://localhost".parse().unwrap());
    if !cookie.is_empty() {
        headers.insert(COOKIE, cookie.parse().unwrap());
    }
    request
}

async fn log_in(house: &House, token: &str) -> Said {
    let mut request = browsing(house, Method::POST, "/login", "").map(|_| Full::from(format!("token={token}")));
    request.headers_mut().insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
    house.send(request).await
}

#[tokio::test]
async fn a_browser_logs_in_with_the_token_sees_the_page_and_logs_out() {
    let house = build(Plan::default()).await;
    let asked = house.send(browsing(&house, Method::GET, "/", "")).await;
    assert_eq!((asked.status.as_u16(), asked.header("content-type")), (401, "text/html; charset=utf-8"));
    assert!(asked.text.contains("action=\"/login\"") && !asked.text.contains("main.js"), "{}", asked.text);
    let wrong = log_in(&house, "wrong").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("set-cookie")), (401, ""));

    let right = log_in(&house, TOKEN).await;
    assert_eq!((right.status.as_u16(), right.header("location")), (303, "/"));
    let cookie = right.header("set-cookie").split(';').next().unwrap().to_owned();
    let page = house.send(browsing(&house, Method::GET, "/", &cookie)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("action=\"/logout\"") && page.text.contains("main.js"), "{}", page.text);
    let explained = house.send(browsing(&house, Method::GET, "/explain?url=http://shop/other", &cookie)).await;
    assert_eq!(explained.status, StatusCode::OK);
    assert!(!explained.text.contains("larder_session"), "{}", explained.text);

    let mut out = browsing(&house, Method::POST, "/logout", &cookie);
    out.headers_mut().insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
    let out = house.send(out).await;
    assert_eq!(out.status.as_u16(), 303);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
    assert_eq!(house.send(browsing(&house, Method::GET, "/", &cookie)).await.status.as_u16(), 401);
}

#[tokio::test]
async fn with_a_session_a_changing_call_wants_json_from_a_page_of_this_listener() {
    let house = build(Plan::default()).await;
    let cookie = log_in(&house, TOKEN).await.header("set-cookie").split(';').next().unwrap().to_owned();
    for (origin, content_type, expected) in [
        ("http://localhost", "application/json", 200),
        ("http://evil.example", "application/json", 403),
        ("null", "application/json", 403),
        ("http://localhost", "text/plain", 415),
        ("http://localhost", "application/x-www-form-urlencoded", 415),
    ] {
        let mut request = browsing(&house, Method::POST, "/purge", &cookie).map(|_| Full::from(r#"{"all":true}"#));
        request.headers_mut().insert(ORIGIN, origin.parse().unwrap());
        request.headers_mut().insert(CONTENT_TYPE, content_type.parse().unwrap());
        assert_eq!(house.send(request).await.status.as_u16(), expected, "{origin} {content_type}");
    }
}

#[tokio::test]
async fn where_no_token_is_set_there_is_nothing_to_log_in_with() {
    let house = build(Plan { token: None, ..Plan::default() }).await;
    for token in ["", TOKEN] {
        let said = log_in(&house, token).await;
        assert_eq!((said.status.as_u16(), said.header("set-cookie")), (401, ""), "{token:?}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let house = build(Plan::default()).await;
    let tag = "x".repeat(1 << 20);
    let said = house.post("/purge", format!(r#"{{"tags":["{tag}"]}}"#)).await;
    assert_eq!((said.status, said.header("content-type")), (StatusCode::PAYLOAD_TOO_LARGE, "application/problem+json"));
}

#[tokio::test]
async fn what_is_no_call_is_a_problem_that_says_so() {
    let house = build(Plan::default()).await;
    let not_there = house.get("/nowhere").await;
    assert_eq!((not_there.status.as_u16(), not_there.header("content-type")), (404, "application/problem+json"));
    let wrong_method = house.get("/purge").await;
    assert_eq!((wrong_method.status.as_u16(), wrong_method.header("allow")), (405, "POST"));
    assert_eq!(wrong_method.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_query_string_changes_nothing() {
    let house = build(Plan::default()).await;
    house.get("/purge?all=true").await;
    let said = house.post("/purge?all=true", r"{}").await;
    assert_eq!(said.status, StatusCode::BAD_REQUEST);
    assert!(house.engine.invalidation().receipts().is_empty());
}

#[tokio::test]
async fn no_answer_may_be_kept_or_taken_for_something_else() {
    let house = build(Plan::default()).await;
    for path in READING.into_iter().chain(["/nowhere", "/healthz", "/readyz"]) {
        let said = house.get(path).await;
        assert_eq!(said.header("cache-control"), "no-store", "{path}");
        assert_eq!(said.header("x-content-type-options"), "nosniff", "{path}");
    }
}
