//! HTTP/2 to servers: RFC 9113.

use crate::support::certificates::{Authority, Validity};
use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::h2_frames::{Frames, flag, kind};
use crate::support::h2_origin::H2Origin;
use crate::support::nginx::Peer;
use crate::support::scenario::Scenario;
use crate::support::{Setup, get, post, request};
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Response};
use tokio::net::TcpListener;

/// Larder before an origin of HTTP/2 with prior knowledge.
async fn before(origin: &H2Origin, route: &str) -> Scenario {
    Setup::route(route).before(origin.address).upstream("protocol = \"http2\"").start().await
}

#[tokio::test]
async fn what_is_spoken_is_configured_or_chosen_in_the_handshake() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let files = Authority::new("the shop's own").write_for(folder.path(), &["localhost"], Validity::Valid);
    let certificate =
        format!("ssl_certificate {}; ssl_certificate_key {};", files.certificate.display(), files.key.display());
    let trusting = format!("tls = {{ ca_file = \"{}\" }}\n", files.ca.display());
    let tells = "location / { return 200 \"$server_protocol $http_upgrade\"; }";
    let rows = [
        ("ssl http2", "https", "", "HTTP/2.0 "),
        ("ssl http2", "https", "protocol = \"http2\"", "HTTP/2.0 "),
        ("ssl http2", "https", "protocol = \"http1\"", "HTTP/1.1 "),
        ("ssl", "https", "", "HTTP/1.1 "),
        ("", "http", "", "HTTP/1.1 "),
        ("http2", "http", "protocol = \"http2\"", "HTTP/2.0 "),
    ];
    for (listens, scheme, keys, expected) in rows {
        let certificate = if scheme == "https" { certificate.as_str() } else { "" };
        let server =
            Peer::nginx(&format!("server {{ listen 127.0.0.1:{{port}} {listens}; {certificate} {tells} }}")).await;
        let keys = format!("{keys}\n{}", if scheme == "https" { trusting.as_str() } else { "" });
        let route = "cache = false\nupgrade = [\"websocket\"]";
        let setup = Setup::route(route).before_all(&[&server.url(scheme, "localhost")]).upstream(&keys);
        let scenario = setup.start().await;
        for _ in 0..2 {
            scenario.get("/p").await.status(200).body(expected);
        }
        if listens == "ssl http2" {
            let upgrade = get("/p").header("Connection", "upgrade").header("Upgrade", "websocket");
            scenario.fetch(&upgrade).await.status(200).body("HTTP/1.1 websocket");
            scenario.get("/p").await.body(expected);
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_it_is_said_to() {
    let plain = Peer::nginx("server { listen 127.0.0.1:{port}; }").await;
    let setup = Setup::route("cache = false").before_all(&[&plain.url("http", "localhost")]);
    let served = setup.upstream("protocol = \"http2\"").section("[log]\nformat = \"json\"").serve().await;
    served
        .get("/p")
        .await
        .problem(502)
        .header("proxy-status", "larder; error=http_protocol_error; details=\"upstream-invalid\"");
}

#[tokio::test]
async fn requests_share_connections_up_to_the_servers_limit() {
    let mut origin = H2Origin::start(2).await;
    let scenario = before(&origin, "cache = false").await;
    let mut clients = Vec::new();
    let mut asked = Vec::new();
    for number in 0..6 {
        clients.push(scenario.begin(&get(&format!("/{number}"))).await);
        asked.push(origin.next().await);
    }
    let connections: Vec<_> = asked.iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [0, 0, 1, 1, 2, 2], "as many as there must be");
    for asked in asked {
        let path = asked.request.uri().path().to_owned();
        asked.answer(&path);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.response().await.status(200).body(format!("/{number}"));
    }
    for _ in 0..10 {
        let client = scenario.begin(&get("/again")).await;
        let asked = origin.next().await;
        assert_eq!(asked.connection, 0, "the one that is filled first");
        asked.answer("again");
        drop(client);
    }
}

#[tokio::test]
async fn a_crowd_opens_one_connection() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "cache = false").await;
    let mut clients = Vec::new();
    for number in 0..30 {
        clients.push(scenario.begin(&get(&format!("/{number}"))).await);
    }
    for _ in 0..30 {
        let asked = origin.next().await;
        assert_eq!(asked.connection, 0);
        asked.answer("ok");
    }
    for client in &mut clients {
        client.response().await.status(200);
    }
}

#[tokio::test]
async fn rfc_9113_8_a_request_has_its_target_and_nothing_of_connections() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "cache = false").await;
    let fields = [("Connection", "te, x-hop"), ("X-Hop", "1"), ("TE", "trailers, gzip"), ("Keep-Alive", "timeout=5")];
    let asks = fields.iter().fold(get("/p?q=1"), |request, (name, value)| request.header(name, value));
    let mut client = scenario.begin(&asks.header("Cookie", "a=1; b=2")).await;
    let asked = origin.next().await;
    assert_eq!(asked.request.uri(), "http://shop.test/p?q=1");
    let headers = asked.request.headers();
    for gone in ["host", "connection", "x-hop", "keep-alive", "transfer-encoding", "upgrade", "content-length"] {
        assert!(!headers.contains_key(gone), "{gone} in {headers:?}");
    }
    assert_eq!((headers["te"].as_bytes(), headers["cookie"].as_bytes()), (&b"trailers"[..], &b"a=1; b=2"[..]));
    asked.answer("ok");
    client.response().await.status(200).body("ok");
}

#[tokio::test]
async fn bodies_and_trailers_pass_in_both_directions() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "cache = false").await;
    let head =
        "POST /p HTTP/1.1\r\nHost: shop.test\r\nTE: trailers\r\nConnection: te\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = scenario.send_raw(format!("{head}3\r\none\r\n0\r\nX-Sum: 1\r\n\r\n")).await;
    let mut asked = origin.next().await;
    let (body, trailers) = asked.body().await;
    assert_eq!(
        (body.as_str(), trailers.map(|trailers| trailers["x-sum"].clone())),
        ("one", Some("1".parse().unwrap()))
    );
    let mut stream = asked.begin(Response::builder().header("trailer", "x-sum").body(()).unwrap());
    stream.send_data(Bytes::from_static(b"two"), false).unwrap();
    let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), "2".parse().unwrap())]);
    stream.send_trailers(trailers).unwrap();
    let response = client.response().await;
    response.status(200).body("two");
    assert!(
        response.trailers.iter().any(|(name, value)| name.eq_ignore_ascii_case("x-sum") && value == "2"),
        "{response}"
    );
}

#[tokio::test]
async fn a_large_body_is_sent_as_fast_as_the_server_takes_it() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "cache = false").await;
    let body = "0123456789".repeat(200_000);
    let mut client = scenario.connect().await;
    let asks = post("/p", &body);
    let (mut asked, ()) = tokio::join!(origin.next(), client.send(&asks));
    assert_eq!(asked.body().await.0.len(), body.len());
    asked.answer("ok");
    client.response().await.status(200);
}

#[tokio::test]
async fn interim_responses_reach_the_client() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "cache = false").await;
    let mut client = scenario.begin(&get("/p")).await;
    let mut asked = origin.next().await;
    asked.interim(Response::builder().status(103).header("link", "</a.css>").body(()).unwrap());
    assert_eq!(client.interim().await.value("link"), Some("</a.css>"));
    asked.answer("ok");
    client.response().await.status(200).body("ok");
}

#[tokio::test]
async fn rfc_9113_8_7_what_was_refused_is_sent_again_whatever_the_method() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "cache = false").await;
    let mut warming = scenario.begin(&get("/warm")).await;
    origin.next().await.answer("warm");
    warming.response().await.status(200);
    let mut client = scenario.begin(&post("/p", "order")).await;
    let mut refused = origin.next().await;
    assert_eq!(refused.body().await.0, "order");
    refused.reset(Reason::REFUSED_STREAM);
    let mut again = origin.next().await;
    assert_eq!(again.body().await.0, "order", "all of it");
    again.answer("done");
    client.response().await.status(200).body("done");
}

#[tokio::test]
async fn a_server_that_refuses_again_is_not_asked_a_third_time_nor_given_another_connection() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "cache = false").await;
    for path in ["/1", "/2"] {
        let mut client = scenario.begin(&post(path, "order")).await;
        for _ in 0..2 {
            let asked = origin.next().await;
            assert_eq!((asked.connection, asked.request.uri().path()), (0, path));
            asked.reset(Reason::REFUSED_STREAM);
        }
        client.response().await.problem(502);
    }
    let mut client = scenario.begin(&get("/reset")).await;
    origin.next().await.reset(Reason::INTERNAL_ERROR);
    client.response().await.problem(502);
    let _client = scenario.begin(&get("/last")).await;
    let asked = origin.next().await;
    assert_eq!((asked.connection, asked.request.uri().path()), (0, "/last"), "one connection is enough for all of it");
}

#[tokio::test]
async fn what_may_have_been_processed_is_not_sent_again_where_that_might_do_harm() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "cache = false").await;
    for (reason, status) in [(Reason::INTERNAL_ERROR, 502), (Reason::CANCEL, 502), (Reason::NO_ERROR, 502)] {
        let mut client = scenario.begin(&post("/p", "order")).await;
        origin.next().await.reset(reason);
        client.response().await.problem(status);
    }
    let client = scenario.begin(&get("/last")).await;
    assert_eq!(origin.next().await.request.uri().path(), "/last", "no order came twice");
    drop(client);
}

#[tokio::test]
async fn rfc_9113_6_8_requests_above_the_last_stream_of_a_goaway_go_over_another_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let setup = Setup::route("cache = false").before(address).upstream("protocol = \"http2\"");
    let scenario = setup.start().await;
    let accept = async || Frames::accept(within("a connection", listener.accept()).await.unwrap().0, &[]).await;
    let asks = get("/1");
    let (mut first, mut one) = tokio::join!(accept(), scenario.begin(&asks));
    assert_eq!(first.next_of(kind::HEADERS).await.unwrap().stream, 1);
    let mut two = scenario.begin(&post("/2", "order")).await;
    assert_eq!(first.next_of(kind::HEADERS).await.unwrap().stream, 3);
    // It goes on with the first, and has not looked at the second.
    let last = [&1u32.to_be_bytes()[..], &0u32.to_be_bytes()].concat();
    first.send(kind::GOAWAY, 0, 0, &last).await;
    let mut second = accept().await;
    assert_eq!(second.next_of(kind::HEADERS).await.unwrap().stream, 1);
    assert_eq!(second.next_of(kind::DATA).await.unwrap().payload, b"order");
    // `:status: 200`, nothing else.
    for (frames, stream) in [(&mut first, 1), (&mut second, 1)] {
        frames.send(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &[0x88]).await;
    }
    one.response().await.status(200);
    two.response().await.status(200);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_truncated_for_the_client_and_not_stored() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "ttl = \"1m\"").await;
    let rows = [
        (Reason::INTERNAL_ERROR, None),
        (Reason::CANCEL, None),
        // It would be the end of a whole answer, which this is not.
        (Reason::NO_ERROR, Some("9")),
    ];
    for (reason, length) in rows {
        let mut client = scenario.begin(&get("/p")).await;
        let asked = origin.next().await;
        let response = Response::builder().header("cache-control", "max-age=60");
        let response = length.into_iter().fold(response, |response, length| response.header("content-length", length));
        let mut stream = asked.begin(response.body(()).unwrap());
        stream.send_data(Bytes::from_static(b"half"), false).unwrap();
        client.body_so_far("half").await;
        stream.send_reset(reason);
        client.response().await.truncated();
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_stream_and_nobody_elses() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "cache = false").await;
    let mut staying = scenario.begin(&get("/stays")).await;
    let stays = origin.next().await;
    let mut leaving = scenario.begin(&get("/leaves")).await;
    let mut stream = origin.next().await.begin(Response::new(()));
    stream.send_data(Bytes::from_static(b"some"), false).unwrap();
    leaving.body_so_far("some").await;
    leaving.reset();
    let reset = within("the stream's end", std::future::poll_fn(|context| stream.poll_reset(context))).await;
    assert_eq!(reset.unwrap(), Reason::CANCEL);
    stays.answer("stayed");
    staying.response().await.status(200).body("stayed");
}

#[tokio::test]
async fn readers_that_take_nothing_do_not_hold_up_others_of_one_connection() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "cache = false").await;
    let mut slow = Vec::new();
    for number in 0..40 {
        let client: Client = scenario.begin(&get(&format!("/slow/{number}"))).await;
        let mut stream = origin.next().await.begin(Response::new(()));
        // More than sockets and windows take; what is left over is never sent.
        stream.send_data(Bytes::from(vec![b'x'; 8 << 20]), true).unwrap();
        slow.push((client, stream));
    }
    for number in 0..5 {
        let mut client = scenario.begin(&request("GET", &format!("/quick/{number}"))).await;
        let asked = origin.next().await;
        assert_eq!(asked.connection, 0);
        asked.answer("quick");
        client.response().await.status(200).body("quick");
    }
}

#[tokio::test]
async fn a_head_over_the_limits_is_refused_as_that() {
    let mut origin = H2Origin::start(100).await;
    let limits = "[limits]\nupstream_headers = 8\nupstream_header_bytes = 2048";
    let setup = Setup::route("cache = false").before(origin.address).upstream("protocol = \"http2\"").section(limits);
    let scenario = setup.start().await;
    let many = (0..9).fold(Response::builder(), |response, n| response.header(format!("x-{n}"), "1"));
    let long = Response::builder().header("x-long", "1".repeat(3000));
    for response in [many, long] {
        let mut client = scenario.begin(&get("/p")).await;
        origin.next().await.begin(response.body(()).unwrap());
        client.response().await.problem(502).header(
            "proxy-status",
            "larder; error=http_response_header_section_size; details=\"upstream-head-too-large\"",
        );
    }
}

#[tokio::test]
async fn a_client_of_a_stream_in_both_directions_may_be_silent() {
    let mut origin = H2Origin::start(100).await;
    let setup = Setup::route("cache = false").before(origin.address).upstream("protocol = \"http2\"");
    let scenario = setup.section("[timeouts]\nstall = \"300ms\"").start().await;
    let mut client = Frames::connect(scenario.running.data_address, 65_535).await;
    let mut begin = async |stream: u32, media_type: &str| {
        client.post(stream, "/chat").await;
        let asked = origin.next().await;
        let (head, body) = asked.into_parts(Response::builder().header("content-type", media_type).body(()).unwrap());
        assert_eq!(client.next_of(kind::HEADERS).await.map(|frame| frame.stream), Some(stream));
        (head, body)
    };
    let (_said, mut heard) = begin(1, "application/grpc").await;
    let (_other, _) = begin(3, "text/plain").await;
    // That of the other is over by now; this one goes on.
    assert_eq!(client.next_of(kind::RST_STREAM).await.map(|frame| frame.stream), Some(3));
    client.send(kind::DATA, flag::END_STREAM, 1, b"hello").await;
    let data = within("what it says at last", heard.data()).await.expect("the stream goes on").unwrap();
    assert_eq!(data, "hello");
}

#[tokio::test]
async fn an_answer_without_a_body_is_whole_with_its_head() {
    let mut origin = H2Origin::start(100).await;
    let scenario = before(&origin, "ttl = \"1m\"").await;
    let rows = [("HEAD", 200, Some("5")), ("GET", 204, None), ("GET", 200, Some("0")), ("POST", 303, None)];
    for (number, (method, status, length)) in rows.into_iter().enumerate() {
        let mut client = scenario.begin(&request(method, &format!("/{number}"))).await;
        let response = Response::builder().status(status);
        let response = length.into_iter().fold(response, |response, length| response.header("content-length", length));
        origin.next().await.head_only(response.body(()).unwrap());
        let received = client.response().await;
        received.status(status).body("");
        assert_eq!(received.value("content-length"), length.or(received.value("content-length")), "{method} {status}");
    }
}

#[tokio::test]
async fn checks_speak_what_requests_do() {
    let mut origin = H2Origin::start(100).await;
    let keys = "protocol = \"http2\"\nhealth = { path = \"/healthz\", interval = \"100ms\" }";
    let _scenario = Setup::route("cache = false").before(origin.address).upstream(keys).start().await;
    assert_eq!(origin.next().await.request.uri().path(), "/healthz");
}
