//! What origins write that is not quite HTTP: mended where a proxy is to mend it, else a 502 that is not stored.

use crate::support::{Setup, get, raw, reply};

const ROUTE: &str = "[[route]]\npath = \"/cached/**\"\nttl = \"1m\"\ncookies = []";

#[tokio::test]
async fn what_may_be_mended_is_mended_and_stored_so() {
    for lines in [
        "Content-Length: 2, 2\r\nX-Field: value\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\nX-Field: value\r\n",
        "Content-Length : 2\r\nX-Field \t: value\r\n",
        "Content-Length: 2\r\nX-Field:\r\n value\r\n",
        "Transfer-Encoding : Chunked\r\nContent-Length: 7\r\nX-Field: value\r\n",
    ] {
        let scenario = Setup::rules(ROUTE).start().await;
        let body = if lines.starts_with("Transfer") { "2\r\nok\r\n0\r\n\r\n" } else { "ok" };
        let answer = raw(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n{body}"));
        for path in ["/cached/p", "/passed"] {
            scenario.origin.on(path, answer.clone());
            for _ in 0..2 {
                let response = scenario.get(path).await;
                response.status(200).body("ok").lines("X-Field", ["value"]);
                assert!(response.head.values("Content-Length").iter().all(|length| *length == "2"), "{lines:?}");
            }
        }
        scenario.get("/cached/p").await.hit();
        scenario.origin.saw("/cached/p", 1);
    }
}

#[tokio::test]
async fn what_is_no_valid_answer_is_a_502_and_never_stored() {
    let many = "X-Field: value\r\n".repeat(257);
    let long = format!("X-Field: {}\r\n", "v".repeat(300 * 1024));
    let rows = [
        ("Transfer-Encoding: gzip, chunked\r\n", "upstream-invalid"),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "upstream-invalid"),
        ("Transfer-Encoding: xchunked\r\n", "upstream-invalid"),
        ("Transfer-Encoding: identity\r\n", "upstream-invalid"),
        ("Content-Length: 2, 3\r\n", "upstream-invalid"),
        ("Content-Length: 12\r\nContent-Length: 13\r\n", "upstream-invalid"),
        ("X-Field: a\0b\r\n", "upstream-invalid"),
        ("X-Field: a\rb\r\n", "upstream-invalid"),
        (&many, "upstream-head-too-large"),
        (&long, "upstream-head-too-large"),
    ];
    for (lines, reason) in rows {
        let scenario = Setup::rules(ROUTE).start().await;
        let answer = raw(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n2\r\nok\r\n0\r\n\r\n"));
        for path in ["/cached/p", "/passed"] {
            scenario.origin.on(path, answer.clone());
            for _ in 0..2 {
                let response = scenario.get(path).await;
                response.problem(502);
                assert!(response.text().contains(&format!("\"reason\":\"{reason}\"")), "{}", response.text());
            }
            scenario.origin.saw(path, 2);
        }
    }
}

#[tokio::test]
async fn an_operator_may_take_larger_heads() {
    let limits = "[limits]\nupstream_headers = 2000\nupstream_header_bytes = \"1MiB\"";
    let scenario = Setup::rules("").section(limits).start().await;
    let lines = "X-Field: value\r\n".repeat(1900);
    let long = "v".repeat(500 * 1024);
    scenario.origin.on("/p", raw(&format!("HTTP/1.1 200 OK\r\n{lines}X-Long: {long}\r\nContent-Length: 2\r\n\r\nok")));
    let response = scenario.fetch(&get("/p")).await;
    response.status(200).body("ok").header("X-Long", &long);
    assert_eq!(response.head.values("X-Field").len(), 1900);
}

#[tokio::test]
async fn rfc_9110_6_6_1_what_an_undated_answer_confirms_is_dated_anew() {
    let scenario = Setup::route("").start().await;
    let old = "Sun, 06 Nov 1994 08:49:37 GMT";
    let first = reply(200).header("ETag", "\"a\"").header("Cache-Control", "max-age=60").header("Date", old).body("p");
    scenario.origin.on_each("/p", [first, reply(304).header("ETag", "\"a\"")]);
    scenario.get("/p").await.header("Date", old);
    let confirmed = scenario.get("/p").await;
    let date = confirmed.says("fwd-status=304").value("Date").expect("a Date").to_owned();
    assert_ne!(date, old);
    scenario.get("/p").await.hit().header("Date", &date).header("Age", "0");
}
