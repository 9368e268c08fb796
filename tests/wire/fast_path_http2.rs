//! A plain hit over HTTP/2 is answered where its stream is accepted: every kind of request takes both paths to one engine
//! and gets the same answer.

use crate::both_paths::*;
use crate::fast_path::{REQUESTS, Taken, in_order};
use crate::http2::connect;
use crate::support::soon;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use larder::testing::proxy::Ending;
use std::time::Duration;

type Sender = SendRequest<Full<Bytes>>;

/// A request with these field lines of HTTP/1.
fn request(url: &str, lines: &str) -> Request<Full<Bytes>> {
    let mut request = Request::get(url).body(Full::default()).unwrap();
    for (name, value) in lines.lines().map(|line| line.split_once(": ").unwrap()) {
        request.headers_mut().append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value.trim()).unwrap());
    }
    request
}

async fn send(sender: &Sender, url: &str, lines: &str) -> Response<Incoming> {
    soon("an answer comes", sender.clone().send_request(request(url, lines))).await.unwrap()
}

/// All of an answer, in an order of its own.
async fn shown(response: Response<Incoming>) -> (u16, Vec<(String, String)>, Bytes) {
    let (head, body) = response.into_parts();
    let body = soon("the body is over", body.collect()).await.unwrap().to_bytes();
    (head.status.as_u16(), in_order(&head.headers), body)
}

/// Whether a field may come over HTTP/2 (RFC 9113 section 8.2.2).
fn may_come(lines: &str) -> bool {
    !lines.to_ascii_lowercase().contains("connection:")
}

#[tokio::test]
async fn every_kind_of_request_comes_to_the_same_on_both_paths() {
    let of_http1 = REQUESTS.into_iter().filter(|(_, _, fields, _)| may_come(fields));
    let of_http2 = [
        ("/keyed/a", "Cookie: currency=EUR\r\n", "Cookie: sid=2\r\nCookie: currency=EUR\r\n", Taken::Short),
        ("/a", "", "Host: shop\r\n", Taken::Short),
        ("/a", "", "TE: trailers\r\n", Taken::Long),
        ("/a", "", "X-Forwarded-Host: other\r\n", Taken::Short),
    ];
    for (target, primed, fields, path) in of_http1.chain(of_http2) {
        let paths = BothPaths::build();
        let asked = paths.prime(target, primed).await;
        paths.clock.advance(Duration::from_secs(7));
        let (short, long) = (connect(paths.short.address).await, connect(paths.long.address).await);
        let url = format!("http://shop{target}");
        let at_once = shown(send(&short, &url, fields).await).await;
        let by_task = shown(send(&long, &url, fields).await).await;
        assert_eq!((at_once.0, &at_once.1), (by_task.0, &by_task.1), "{target} {fields:?}");
        assert!(at_once.2 == by_task.2, "{target} {fields:?}: other bodies");
        let took = if paths.fast_hits() == 1 { Taken::Short } else { Taken::Long };
        assert_eq!(took, path, "{target} {fields:?}");
        let (short, long) = (paths.short.told(1).await, paths.long.told(asked + 1).await);
        assert_eq!(short.last(), long.last(), "{target} {fields:?}: what observers are told");
    }
}

#[tokio::test]
async fn what_differs_between_requests_of_a_connection_is_read_anew() {
    let paths = BothPaths::build();
    for fields in ["X-Shop: 1\r\n", "X-Shop: 2\r\n"] {
        paths.prime("/keyed/a", fields).await;
    }
    let sender = connect(paths.short.address).await;
    let body = async |url: &str, fields: &str| {
        let (_, fields, body) = shown(send(&sender, url, fields).await).await;
        let status = fields.into_iter().find(|(name, _)| name == "cache-status").unwrap().1;
        (status.contains("; hit"), String::from_utf8(body.to_vec()).unwrap())
    };
    for shop in ["1", "2", "1"] {
        let (hit, body) = body("http://shop/keyed/a", &format!("X-Shop: {shop}\r\n")).await;
        assert!(hit && body.ends_with(&format!("for {shop}")), "{body}");
    }
    // Another authority, whose answers nobody has asked for.
    assert!(!body("http://other/keyed/a", "X-Shop: 1\r\n").await.0);
    assert!(!body("https://shop/keyed/a?2", "X-Shop: 1\r\n").await.0);
    let mismatched = send(&sender, "http://shop/keyed/a", "X-Shop: 1\r\nHost: other\r\n").await;
    assert_eq!(mismatched.status(), StatusCode::BAD_REQUEST);
    assert_eq!(paths.fast_hits(), 3);
}

#[tokio::test]
async fn a_client_that_takes_a_body_back_is_told_of_as_gone() {
    let paths = BothPaths::build();
    paths.prime("/large", "").await;
    let sender = connect(paths.short.address).await;
    let mut response = send(&sender, "http://shop/large", "").await;
    soon("the body begins", response.frame()).await.unwrap().unwrap();
    drop(response);
    let told = paths.short.told(1).await.remove(0);
    assert_eq!((told.ending, told.status), (Ending::ClientGone, Some(200)));
    assert!(told.body_bytes < LARGE_BYTES as u64);
}

#[tokio::test]
async fn answers_to_many_requests_at_once_are_whole() {
    let paths = BothPaths::build();
    paths.prime("/a", "").await;
    paths.prime("/long", "Accept-Encoding: gzip\r\n").await;
    let sender = connect(paths.short.address).await;
    let asked = (0..200).map(|number| {
        let sender = &sender;
        async move {
            if number % 5 == 4 {
                send(sender, &format!("http://shop/new/{number}"), "").await
            } else {
                send(sender, "http://shop/a", "").await
            }
        }
    });
    let answers = futures_util::future::join_all(asked).await;
    for (number, answer) in answers.into_iter().enumerate() {
        let (status, _, body) = shown(answer).await;
        let from = if number % 5 == 4 { format!("/new/{number}") } else { "/a".to_owned() };
        assert_eq!((status, String::from_utf8(body.to_vec()).unwrap()), (200, format!("{from} for -")));
    }
}
