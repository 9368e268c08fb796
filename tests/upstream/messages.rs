//! What is sent, what comes back: everything but what concerns one connection only.

use crate::raw_origin::*;
use http::{HeaderMap, Method, Request, StatusCode, Version};
use hyper::ext::ReasonPhrase;
use larder::testing::engine::{Client, FieldsAs, InterimListener, RequestFields, Switched, Terms, UpgradeAbility};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The head that the origin gets for a request.
async fn sent(request: Request<larder::testing::engine::Body>) -> String {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let script = async {
        let mut peer = origin.accept().await;
        peer.answer().await
    };
    let (head, response) = tokio::join!(script, fetch(&pool, request));
    response.unwrap();
    head.to_ascii_lowercase()
}

#[tokio::test]
async fn a_request_keeps_target_host_and_fields() {
    let fields = [("x-a", "1"), ("x-a", "2"), ("cookie", "c=1"), ("accept-encoding", "br")];
    let head = sent(request(&Method::GET, &fields, empty())).await;
    assert!(head.starts_with("get /path?query http/1.1\r\n"), "{head}");
    for line in ["host: shop.example", "x-a: 1\r\nx-a: 2", "cookie: c=1", "accept-encoding: br"] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
}

#[tokio::test]
async fn fields_of_the_clients_connection_stay_there() {
    let fields = [
        ("connection", "x-mine, keep-alive"),
        ("x-mine", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "gzip"),
        ("upgrade", "websocket"),
        ("proxy-connection", "keep-alive"),
    ];
    let head = sent(request(&Method::GET, &fields, empty())).await;
    for name in ["connection:", "x-mine:", "keep-alive:", "te:", "upgrade:", "proxy-connection:"] {
        assert!(!head.contains(&format!("\r\n{name}")), "{name} in {head}");
    }
}

fn terms(interim: Option<InterimListener>, upgrade: UpgradeAbility) -> Terms {
    Terms {
        client: Some(Client { interim, upgrade, request_fields: RequestFields::default(), fields: FieldsAs::Map }),
        ..Terms::default()
    }
}

#[tokio::test]
async fn a_client_whose_connection_cannot_change_protocols_does_not_ask_to() {
    let fields = [("connection", "upgrade"), ("upgrade", "websocket")];
    for (upgrade, is_asked) in [(UpgradeAbility::Unable, false), (UpgradeAbility::Able, true)] {
        let mut request = request(&Method::GET, &fields, empty());
        request.extensions_mut().insert(terms(None, upgrade));
        let head = sent(request).await;
        assert_eq!(head.contains("\r\nupgrade: websocket\r\n"), is_asked, "{head}");
        assert_eq!(head.contains("\r\nconnection: upgrade\r\n"), is_asked, "{head}");
    }
}

#[tokio::test]
async fn a_client_that_takes_trailers_lets_the_origin_send_some() {
    let fields = [("te", "gzip, Trailers;q=0.5"), ("connection", "te")];
    let head = sent(request(&Method::GET, &fields, empty())).await;
    assert!(head.contains("\r\nte: trailers\r\n") && head.contains("\r\nconnection: te\r\n"), "{head}");
}

#[tokio::test]
async fn a_request_without_host_names_the_server() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let mut request = get();
    request.headers_mut().clear();
    let script = async { origin.accept().await.answer().await };
    let (head, response) = tokio::join!(script, fetch(&pool, request));
    response.unwrap();
    let host = origin.url().trim_start_matches("http://");
    assert!(head.contains(&format!("host: {host}\r\n")), "{head}");
}

#[tokio::test]
async fn a_request_says_how_long_its_body_is_whatever_its_fields_said() {
    let unknown = || frames(vec![Ok(data("body"))]);
    let rows = [
        (Method::GET, "7", empty(), "content-length: 0"),
        (Method::POST, "7", empty(), "content-length: 0"),
        (Method::POST, "7", text("body"), "content-length: 4"),
        (Method::POST, "4", unknown(), "content-length: 4"),
        (Method::POST, "", unknown(), "transfer-encoding: chunked"),
        (Method::GET, "", unknown(), "transfer-encoding: chunked"),
        (Method::GET, "", text("body"), "content-length: 4"),
    ];
    for (method, length, body, line) in rows {
        let fields: &[_] = if length.is_empty() { &[] } else { &[("content-length", length)] };
        let head = sent(request(&method, fields, body)).await;
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} for {method} {length:?} in {head}");
        let lengths = head.matches("content-length").count() + head.matches("transfer-encoding").count();
        assert_eq!(lengths, 1, "{head}");
    }
}

/// A response to a GET, read to the end.
async fn received(answer: &str) -> (http::response::Parts, String) {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let script = async {
        let mut peer = origin.accept().await;
        peer.head().await;
        peer.write(answer).await;
    };
    let client = async {
        let (head, content) = fetch(&pool, get()).await.unwrap().into_parts();
        (head, body(http::Response::new(content)).await.unwrap())
    };
    tokio::join!(script, client).1
}

#[tokio::test]
async fn a_response_keeps_status_reason_and_repeated_lines() {
    let answer = "HTTP/1.0 299 As It Were\r\nset-cookie: a=1\r\nset-cookie: b=2; path=/\r\nx-y:  z \r\n\r\nto the end";
    let (head, content) = received(answer).await;
    assert_eq!((head.status.as_u16(), head.version), (299, Version::HTTP_11));
    let reason = head.extensions.get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
    assert_eq!(reason, Some(b"As It Were".as_slice()));
    let cookies: Vec<_> = head.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2; path=/"]);
    assert_eq!((head.headers["x-y"].as_bytes(), content.as_str()), (b"z".as_slice(), "to the end"));
}

#[tokio::test]
async fn what_an_origin_writes_loosely_is_passed_on_strictly() {
    let rows = [
        ("x : y\r\n", "x", vec!["y"]),
        ("x\t \t: y\r\n", "x", vec!["y"]),
        ("x: y\r\n z\r\n", "x", vec!["y z"]),
        ("x: y\r\n\t\t z\r\n w\r\nb: c\r\n", "x", vec!["y z w"]),
        ("x:\r\n y\r\n", "x", vec!["y"]),
        ("x:\t y \t\r\n", "x", vec!["y"]),
        ("content-length: 2, 2\r\n", "content-length", vec!["2"]),
        ("content-length: 2\r\ncontent-length: 2\r\n", "content-length", vec!["2"]),
        ("Content-Length : 2\r\n", "content-length", vec!["2"]),
        ("transfer-encoding: chunked\r\ncontent-length: 9\r\n", "content-length", vec![]),
        ("Transfer-Encoding : chunked\r\n", "transfer-encoding", vec![]),
        ("transfer-encoding:\r\n Chunked\r\n", "transfer-encoding", vec![]),
    ];
    for (lines, name, expected) in rows {
        let is_chunked = lines.to_ascii_lowercase().contains("chunked");
        let body = if is_chunked { "2\r\nok\r\n0\r\n\r\n" } else { "ok" };
        let (head, content) = received(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n{body}")).await;
        let values: Vec<_> = head.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!((values, content.as_str()), (expected, "ok"), "{lines:?}");
    }
}

#[tokio::test]
async fn what_follows_an_answer_unasked_is_never_taken_for_the_next() {
    let poison = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    let rows = [
        (Method::GET, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        (Method::GET, "HTTP/1.1 204 No Content\r\ncontent-length: 51\r\n\r\n"),
        (Method::GET, "HTTP/1.1 304 Not Modified\r\ncontent-length: 51\r\n\r\n"),
        (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 51\r\n\r\n"),
        (Method::GET, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        (Method::GET, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n"),
    ];
    for (method, answer) in rows {
        let origin = RawOrigin::start().await;
        let pool = pool(&[origin.url()]);
        let script = async {
            let mut first = origin.accept().await;
            first.head().await;
            first.write(&format!("{answer}{poison}")).await;
            let mut second = origin.accept().await;
            second.answer().await;
        };
        let client = async {
            body(fetch(&pool, request(&method, &[], empty())).await.unwrap()).await.unwrap();
            body(fetch(&pool, get()).await.unwrap()).await.unwrap()
        };
        let ((), content) = tokio::join!(script, client);
        assert_eq!(content, "ok", "{method} {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_is_read_reaches_the_client() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let (feed, upload) = fed_body();
    let script = async {
        let mut peer = origin.accept().await;
        peer.read_until("half").await;
        peer.write("HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig").await;
        peer
    };
    let client = async {
        feed.send(Ok(data("half"))).await.unwrap();
        let response = fetch(&pool, request(&Method::POST, &[], upload)).await.unwrap();
        (response.status().as_u16(), body(response).await.unwrap())
    };
    let (_open, answer) = tokio::join!(script, client);
    assert_eq!(answer, (413, "big".to_owned()));
    assert_eq!(stats(&pool).connections_idle, 0, "the rest of the request would be taken for another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_an_origin_gives_before_it_closes_on_the_rest_of_the_request_reaches_the_client() {
    let piece: &'static str = "x".repeat(16 * 1024).leak();
    for _ in 0..50 {
        let origin = RawOrigin::start().await;
        let pool = pool(&[origin.url()]);
        let script = tokio::spawn(async move {
            let mut peer = origin.accept().await;
            peer.head().await;
            peer.write("HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig").await;
            // With the rest unread, this resets the connection.
            drop(peer);
        });
        let upload = frames((0..400).map(|_| Ok(data(piece))).collect());
        let response = fetch(&pool, request(&Method::POST, &[], upload)).await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(body(response).await.unwrap(), "big");
        script.await.unwrap();
    }
}

#[tokio::test]
async fn fields_of_the_origins_connection_stay_there() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close, x-mine\r\nx-mine: 1\r\nkeep-alive: timeout=5\r\nupgrade: h2c\r\n\
                  proxy-connection: close\r\ntransfer-encoding: chunked\r\ncontent-length: 77\r\netag: \"e\"\r\n\r\n\
                  2\r\nok\r\n0\r\n\r\n";
    let (head, content) = received(answer).await;
    let names: Vec<_> = head.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!((names, content.as_str()), (vec!["etag"], "ok"));
}

#[tokio::test]
async fn interim_responses_reach_the_listener_before_the_final_one() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let heard: Arc<Mutex<Vec<(StatusCode, HeaderMap)>>> = Arc::default();
    let mut request = get();
    let listener = InterimListener::new({
        let heard = Arc::clone(&heard);
        move |status, headers| heard.lock().unwrap().push((status, headers.clone()))
    });
    request.extensions_mut().insert(terms(Some(listener), UpgradeAbility::Unable));
    let script = async {
        let mut peer = origin.accept().await;
        peer.head().await;
        peer.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlink: </b>\r\n\r\n").await;
        peer.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n").await;
        until(|| heard.lock().unwrap().len() == 2).await;
        peer.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    };
    let ((), response) = tokio::join!(script, fetch(&pool, request));
    assert_eq!(response.unwrap().status(), 204);
    let heard = heard.lock().unwrap();
    assert_eq!((heard[0].0.as_u16(), heard[1].0.as_u16()), (103, 102));
    assert_eq!(heard[0].1.get_all("link").iter().collect::<Vec<_>>(), ["</a>", "</b>"]);
}

#[tokio::test]
async fn an_upgrade_joins_both_ends() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let fields = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "k")];
    let script = async {
        let mut peer = origin.accept().await;
        let head = peer.head().await.to_ascii_lowercase();
        assert!(head.contains("\r\nconnection: upgrade\r\n") && head.contains("\r\nupgrade: websocket\r\n"), "{head}");
        peer.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello").await;
        assert_eq!(peer.read_until("there").await, "there");
        peer.write("bye").await;
    };
    let client = async {
        let mut response = fetch(&pool, request(&Method::GET, &fields, empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(
            (&response.headers()["connection"], &response.headers()["upgrade"]),
            (&"upgrade".parse().unwrap(), &"websocket".parse().unwrap())
        );
        let mut joined = response.extensions_mut().remove::<Switched>().unwrap().take().unwrap();
        drop(response);
        let mut hello = [0; 5];
        within(joined.read_exact(&mut hello)).await.unwrap();
        within(joined.write_all(b"there")).await.unwrap();
        let mut bye = String::new();
        within(joined.read_to_string(&mut bye)).await.unwrap();
        (String::from_utf8(hello.to_vec()).unwrap(), bye)
    };
    let ((), said) = tokio::join!(script, client);
    assert_eq!(said, ("hello".to_owned(), "bye".to_owned()));
    assert_eq!(stats(&pool).connections_idle, 0);
}

#[tokio::test]
async fn http2_in_clear_text_is_no_upgrade_to_pass_on() {
    let fields = [("connection", "upgrade, http2-settings"), ("upgrade", "h2c"), ("http2-settings", "AA")];
    let head = sent(request(&Method::GET, &fields, empty())).await;
    assert!(!head.contains("upgrade") && !head.contains("http2-settings"), "{head}");
}
