//! What comes with a message besides its head: interim responses, bodies, trailers.

use super::client::{Client, get, post, rest};
use crate::support::deadline::within;
use crate::support::{Barrier, Scenario, Setup, reply};
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

async fn scenario() -> Scenario {
    Setup::route("cache = false").start().await
}

#[tokio::test]
async fn rfc_9113_8_1_interim_responses_come_before_the_answer_is_known() {
    for rule in ["cache = false", "ttl = \"1m\""] {
        let scenario = Setup::route(rule).start().await;
        let gate = Barrier::new();
        let hints = "103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-hop\r\nX-Hop: 1";
        let hinted = reply(200).interim("102 Processing").interim(hints).wait(&gate).body("page");
        scenario.origin.on("/p", hinted);
        let client = Client::connect(scenario.running.data_address).await;
        let mut asked = client.send(get("/p"), true).await;
        assert_eq!(asked.interim().await.status(), 102);
        let interim = asked.interim().await;
        assert_eq!(interim.status(), 103);
        assert_eq!(interim.headers()["link"], "</a.css>; rel=preload");
        assert_eq!(interim.headers().get("x-hop"), None, "it concerned the origin's connection");
        gate.open();
        let mut answer = asked.head().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(rest(answer.body_mut()).await.0, "page");
    }
}

#[tokio::test]
async fn interim_responses_without_end_are_bounded_and_the_answer_comes() {
    let scenario = scenario().await;
    let long = format!("103 Early Hints\r\nLink: <{}>", "a".repeat(1_000));
    let flood = (0..90).fold(reply(200), |reply, _| reply.interim(&long));
    scenario.origin.on("/p", flood.body("page"));
    let client = Client::connect(scenario.running.data_address).await;
    let mut asked = client.send(get("/p"), true).await;
    let mut interims = 0;
    let answer = loop {
        match within("the next head", asked.next()).await {
            Ok(answer) => break answer,
            Err(interim) => {
                assert_eq!(interim.status(), 103);
                interims += 1;
            }
        }
    };
    assert_eq!(answer.status(), 200);
    assert!((1..80).contains(&interims), "{interims} interim responses");
}

#[tokio::test]
async fn rfc_9110_10_1_1_a_client_is_asked_for_its_body_once_it_is_wanted() {
    let scenario = scenario().await;
    scenario.origin.on("/up", reply(200).echoing_the_body());
    let client = Client::connect(scenario.running.data_address).await;
    let mut request = post("/up");
    request.headers_mut().insert("expect", HeaderValue::from_static("100-continue"));
    let mut asked = client.send(request, false).await;
    assert_eq!(asked.interim().await.status(), 100);
    asked.body.send_data(Bytes::from_static(b"the body"), true).unwrap();
    let mut answer = asked.head().await;
    assert_eq!(rest(answer.body_mut()).await.0, "the body");
}

#[tokio::test]
async fn rfc_9113_8_1_trailers_pass_in_both_directions() {
    for rule in ["cache = false", "ttl = \"1m\""] {
        let scenario = Setup::route(rule).start().await;
        let answer = reply(200).header("Trailer", "X-Sum").chunked().body("abc").trailer("X-Sum", "6");
        scenario.origin.on("/p", answer);
        let client = Client::connect(scenario.running.data_address).await;
        let mut request = post("/p");
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        request.headers_mut().insert("trailer", HeaderValue::from_static("x-own"));
        let mut asked = client.send(request, false).await;
        asked.body.send_data(Bytes::from_static(b"the body"), false).unwrap();
        let own = (HeaderName::from_static("x-own"), HeaderValue::from_static("1"));
        asked.body.send_trailers(HeaderMap::from_iter([own])).unwrap();
        let mut answer = asked.head().await;
        let (body, trailers) = rest(answer.body_mut()).await;
        assert_eq!((body.as_str(), &trailers.expect("they pass")["x-sum"]), ("abc", &HeaderValue::from_static("6")));
        let seen = scenario.origin.only_request("/p");
        assert_eq!(seen.body, b"the body");
        let (name, value) = &seen.trailers[0];
        assert_eq!((name.to_ascii_lowercase().as_str(), value.as_str()), ("x-own", "1"));
    }
}

#[tokio::test]
async fn rfc_9113_8_1_a_body_that_its_client_takes_back_is_never_complete_at_the_origin() {
    for reason in [Reason::NO_ERROR, Reason::CANCEL, Reason::INTERNAL_ERROR] {
        let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let setup = Setup::route("cache = false").before(origin.local_addr().unwrap());
        let scenario = setup.start().await;
        let client = Client::connect(scenario.running.data_address).await;
        let mut asked = client.send(post("/up"), false).await;
        asked.body.send_data(Bytes::from_static(b"a beginning"), false).unwrap();
        let (mut socket, _) = within("a connection to the origin", origin.accept()).await.unwrap();
        let mut seen = Vec::new();
        within("the beginning of the body", async {
            while !seen.windows(11).any(|part| part == b"a beginning") {
                socket.read_buf(&mut seen).await.unwrap();
            }
        })
        .await;
        asked.body.send_reset(reason);
        // An end of either kind: what counts is what came before it.
        let _ = within("the end of the origin's connection", socket.read_to_end(&mut seen)).await;
        assert!(!seen.ends_with(b"0\r\n\r\n"), "{reason:?}: {}", String::from_utf8_lossy(&seen));
    }
}

#[tokio::test]
async fn rfc_9113_8_2_2_fields_of_the_origins_connection_never_reach_a_client() {
    let scenario = scenario().await;
    let answer = reply(200).header("Connection", "x-hop").header("X-Hop", "1").header("Keep-Alive", "timeout=5");
    let answer = answer.header("Proxy-Connection", "keep-alive").header("TE", "gzip").header("Upgrade", "h2c");
    scenario.origin.on("/p", answer.body("page"));
    let client = Client::connect(scenario.running.data_address).await;
    let mut answer = client.get("/p").await;
    assert_eq!(answer.status(), 200);
    for name in ["connection", "x-hop", "keep-alive", "proxy-connection", "te", "upgrade", "transfer-encoding"] {
        assert_eq!(answer.headers().get(name), None, "{name}");
    }
    assert!(answer.headers().contains_key("date"), "RFC 9110 section 6.6.1");
    assert_eq!(rest(answer.body_mut()).await.0, "page");
    assert!(client.get("/missing").await.headers().contains_key("date"));
}

#[tokio::test]
async fn a_body_of_any_size_passes_whole_whatever_the_window() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    for bytes in [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 1_000_000] {
        let path = format!("/{bytes}");
        scenario.origin.on(&path, reply(200).body(vec![b'x'; bytes]));
        for _ in 0..2 {
            let client = Client::connect(scenario.running.data_address).await;
            let mut answer = client.get(&path).await;
            assert_eq!(answer.headers()["content-length"], bytes.to_string());
            assert_eq!(rest(answer.body_mut()).await.0.len(), bytes);
        }
    }
}

#[tokio::test]
async fn a_client_may_be_thousands_of_short_messages_ahead() {
    let scenario = scenario().await;
    scenario.origin.on("/up", reply(200).echoing_the_body());
    let client = Client::connect(scenario.running.data_address).await;
    let mut asked = client.send(post("/up"), false).await;
    for _ in 0..5_000 {
        asked.body.send_data(Bytes::from_static(b"a short message"), false).unwrap();
    }
    asked.body.send_data(Bytes::new(), true).unwrap();
    let mut answer = asked.head().await;
    assert_eq!(rest(answer.body_mut()).await.0.len(), 75_000);
}
