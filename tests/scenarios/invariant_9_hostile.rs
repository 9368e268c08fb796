//! Invariant 9: no client input panics, hangs or grows memory without bound; malformed framing stops at the door.

use crate::support::client::Client;
use crate::support::{Scenario, Setup, reply};

const CACHED: &str = "ttl = \"1m\"";

/// Requests that are not HTTP, or that two parsers would read differently.
const MALFORMED: [(&str, &str); 26] = [
    ("no method", " / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("nonsense", "\0\u{1}\u{2}\r\n\r\n"),
    ("no version", "GET /\r\nHost: a\r\n\r\n"),
    ("another protocol", "GET / ICAP/1.0\r\nHost: a\r\n\r\n"),
    ("no host", "GET / HTTP/1.1\r\n\r\n"),
    ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ("host with user information", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ("space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    ("space before the first field", "GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"),
    ("folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"),
    ("bare line feed", "GET / HTTP/1.1\nHost: a\n\n"),
    ("bare line feed in one line", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n"),
    ("bare carriage return", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n"),
    ("NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\u{0}2\r\n\r\n"),
    ("no colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
    ("empty field name", "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"),
    (
        "length and chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked and length",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    ),
    ("two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    ("a list of two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nab"),
    ("signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na"),
    ("negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\na"),
    ("unknown transfer coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    (
        "chunked twice",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
];

#[tokio::test]
async fn invariant_9_a_malformed_request_gets_400_and_never_reaches_the_origin() {
    let scenario = Setup::route(CACHED).start().await;
    for (what, bytes) in MALFORMED {
        let mut client = scenario.send_raw(bytes).await;
        let response = client.response().await;
        assert_eq!(response.status, 400, "{what}: {bytes:?}\n{response}");
        client.closed().await;
        assert!(scenario.origin.all_requests().is_empty(), "{what} reached the origin");
    }
    answers_still(&scenario).await;
}

#[tokio::test]
async fn invariant_9_nonsense_in_chunks_ends_the_connection_and_smuggles_nothing() {
    let scenario = Setup::rules("").start().await;
    for chunks in [
        "z\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabcGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "-1\r\n\r\n",
        "ffffffffffffffffff\r\nabc",
        "3\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcX\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        scenario.origin.on("/p", reply(200).body("answered"));
        let head = "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut client = scenario.send_raw(format!("{head}{chunks}")).await;
        drain(&mut client).await;
        scenario.origin.saw("/smuggled", 0);
    }
    answers_still(&scenario).await;
}

#[tokio::test]
async fn invariant_9_limits_answer_431_and_414() {
    let limits = "[limits]\nheader_bytes = \"4KiB\"\nheaders = 20\nuri_bytes = \"1KiB\"\n";
    let scenario = Setup::route(CACHED).section(limits).start().await;
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "p".repeat(2000));
    let long_head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(5000));
    let many_lines = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(30));
    for (status, bytes) in [(414, long_target), (431, long_head), (431, many_lines)] {
        let response = scenario.send_raw(&bytes).await.response().await;
        response.status(status);
    }
    assert!(scenario.origin.all_requests().is_empty());
    answers_still(&scenario).await;
}

#[tokio::test]
async fn invariant_9_a_client_that_sends_half_a_head_is_let_go() {
    let scenario = Setup::route(CACHED).section("[timeouts]\nheader_read = \"50ms\"\n").start().await;
    let mut client = scenario.send_raw("GET / HTTP/1.1\r\nHost: a\r\nX-Slow").await;
    drain(&mut client).await;
    answers_still(&scenario).await;
}

#[tokio::test]
async fn invariant_9_an_idle_connection_is_closed() {
    let scenario = Setup::route(CACHED).section("[timeouts]\nidle = \"50ms\"\n").start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    let mut client = scenario.send_raw("GET /p HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.response().await.body("p");
    client.closed().await;
}

#[tokio::test]
async fn invariant_9_random_bytes_never_stop_the_proxy() {
    let scenario = Setup::route(CACHED).start().await;
    // A small linear congruential generator: the same bytes in every run.
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize
    };
    let words: [&[u8]; 16] = [
        b"GET ",
        b"/p",
        b" HTTP/1.1",
        b"\r\n",
        b"Host: a",
        b"\r\n\r\n",
        b": ",
        b"Content-Length",
        b"5",
        b"chunked",
        b"Transfer-Encoding",
        b"\0",
        b"\xff",
        b"Range: bytes=0-",
        b"%",
        b"Cache-Control: max-age=",
    ];
    for _ in 0..300 {
        let bytes: Vec<u8> = (0..next() % 24).flat_map(|_| words[next() % words.len()].to_vec()).collect();
        let mut client = scenario.send_raw(&bytes).await;
        client.finish_writing().await;
        drain(&mut client).await;
    }
    answers_still(&scenario).await;
}

#[tokio::test]
async fn invariant_9_an_answer_that_is_not_http_becomes_a_502() {
    let scenario = Setup::route(CACHED).start().await;
    for bytes in [
        "nonsense\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n",
    ] {
        scenario.origin.on("/p", crate::support::raw(bytes));
        scenario.get("/p").await.problem(502);
    }
    answers_still(&scenario).await;
}

/// Reads until the connection ends.
async fn drain(client: &mut Client) {
    while client.bytes().await.is_some() {}
}

async fn answers_still(scenario: &Scenario) {
    scenario.origin.on("/alive", reply(200).body("alive"));
    scenario.get("/alive").await.status(200).body("alive");
}
