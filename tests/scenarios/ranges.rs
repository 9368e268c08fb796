//! Ranges from the cache: RFC 9110 section 14, RFC 9111 section 3.3 and 3.4.

use crate::support::{Scenario, Setup, get, raw, reply};

async fn ten_bytes_stored() -> Scenario {
    let scenario = Setup::route("").start().await;
    let answer =
        reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"1\"").header("Content-Type", "text/x");
    scenario.origin.on("/p", answer.body("0123456789"));
    scenario.get("/p").await;
    scenario
}

#[tokio::test]
async fn one_range_is_cut_from_a_complete_stored_response() {
    let scenario = ten_bytes_stored().await;
    for (range, content_range, body) in [
        ("bytes=0-3", "bytes 0-3/10", "0123"),
        ("bytes=4-", "bytes 4-9/10", "456789"),
        ("bytes=-2", "bytes 8-9/10", "89"),
        ("bytes=8-99", "bytes 8-9/10", "89"),
        ("BYTES=0-0", "bytes 0-0/10", "0"),
    ] {
        let part = scenario.fetch(&get("/p").header("Range", range)).await;
        part.status(206).hit().header("Content-Range", content_range).body(body).header("ETag", "\"1\"");
    }
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn what_is_no_range_of_this_gets_the_whole_or_a_416() {
    let scenario = ten_bytes_stored().await;
    for range in ["bytes=3-1", "items=0-3", "bytes=a-b", "0-3"] {
        scenario.fetch(&get("/p").header("Range", range)).await.status(200).hit().body("0123456789");
    }
    for range in ["bytes=10-", "bytes=-0"] {
        scenario.fetch(&get("/p").header("Range", range)).await.status(416).header("Content-Range", "bytes */10");
    }
}

#[tokio::test]
async fn several_ranges_come_as_multipart_byteranges() {
    let scenario = ten_bytes_stored().await;
    let response = scenario.fetch(&get("/p").header("Range", "bytes=0-1,5-6")).await;
    let kind = response.status(206).value("Content-Type").unwrap_or_default().to_owned();
    assert!(kind.starts_with("multipart/byteranges; boundary="), "{response}");
    let text = response.text();
    for part in
        ["Content-Range: bytes 0-1/10\r\n", "\r\n\r\n01\r\n--", "Content-Range: bytes 5-6/10\r\n", "\r\n\r\n56\r\n--"]
    {
        assert!(text.to_lowercase().contains(&part.to_lowercase()), "no {part:?} in {text}");
    }
    response.without("Content-Range");
}

#[tokio::test]
async fn if_range_decides_between_the_part_and_the_whole() {
    let scenario = ten_bytes_stored().await;
    for (if_range, status) in [("\"1\"", 206), ("\"2\"", 200), ("W/\"1\"", 200)] {
        let request = get("/p").header("Range", "bytes=0-3").header("If-Range", if_range);
        scenario.fetch(&request).await.status(status).hit();
    }
}

#[tokio::test]
async fn a_range_of_something_not_stored_never_answers_a_request_for_the_whole() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on_request("/p", |seen| match seen.value("Range") {
        Some(_) => reply(206).header("ETag", "\"1\"").header("Content-Range", "bytes 2-5/10").body("2345"),
        None => reply(200).header("ETag", "\"1\"").body("0123456789"),
    });
    let part = scenario.fetch(&get("/p").header("Range", "bytes=2-5")).await;
    part.status(206).header("Content-Range", "bytes 2-5/10").body("2345");
    let within = scenario.fetch(&get("/p").header("Range", "bytes=3-4")).await;
    within.status(206).hit().header("Content-Range", "bytes 3-4/10").body("34");
    scenario.get("/p").await.status(200).not_a_hit();
}

#[tokio::test]
async fn a_stored_part_is_completed_by_what_it_lacks() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on_request("/p", |seen| {
        let (range, body) = match seen.value("Range") {
            Some("bytes=0-5") => ("bytes 0-5/10", "012345"),
            Some("bytes=6-") => ("bytes 6-9/10", "6789"),
            other => return reply(599).body(format!("{other:?}")),
        };
        reply(206).header("ETag", "\"1\"").header("Content-Range", range).body(body)
    });
    scenario.fetch(&get("/p").header("Range", "bytes=0-5")).await.status(206);
    let whole = scenario.get("/p").await;
    whole.status(200).body("0123456789").says("fwd=partial").says("fwd-status=206");
    assert_eq!(scenario.origin.requests("/p")[1].value("If-Range"), Some("\"1\""));
    scenario.get("/p").await.hit().body("0123456789");
}

#[tokio::test]
async fn a_206_that_the_origin_sends_unasked_never_answers_a_request_for_the_whole() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let part = reply(206).header("Content-Range", "bytes 0-3/10").header("ETag", "\"1\"").body("0123");
    let whole = reply(200).header("ETag", "\"1\"").body("0123456789");
    scenario.origin.on_each("/p", [part, whole]);
    scenario.get("/p").await.status(206);
    scenario.get("/p").await.status(200).body("0123456789");
}

#[tokio::test]
async fn a_stored_part_without_a_validator_is_replaced_by_the_whole() {
    for takes_ranges in [true, false] {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        scenario.origin.on_request("/p", move |seen| match seen.value("Range") {
            Some("bytes=0-5") => reply(206).header("Content-Range", "bytes 0-5/10").body("012345"),
            Some("bytes=6-") if takes_ranges => reply(206).header("Content-Range", "bytes 6-9/10").body("wxyz"),
            _ => reply(200).body("6543210abc"),
        });
        scenario.fetch(&get("/p").header("Range", "bytes=0-5")).await.status(206);
        scenario.get("/p").await.status(200).body("6543210abc");
        assert_eq!(scenario.origin.requests("/p")[1].value("Range"), Some("bytes=6-"));
        scenario.get("/p").await.hit().body("6543210abc");
        scenario.origin.saw("/p", if takes_ranges { 3 } else { 2 });
    }
}

#[tokio::test]
async fn a_stale_part_never_stands_in_for_the_whole() {
    let scenario = Setup::route("ttl = \"1m\"\nstale_if_error = \"1h\"").start().await;
    let part = reply(206).header("ETag", "\"1\"").header("Cache-Control", "max-age=60").header("Age", "70");
    let part = part.header("Content-Range", "bytes 0-3/10");
    scenario.origin.on_each("/p", [part.body("0123"), raw("")]);
    scenario.fetch(&get("/p").header("Range", "bytes=0-3")).await.status(206);
    scenario.get("/p").await.status(502).not_a_hit();
    // What it holds it may still stand in for.
    scenario.fetch(&get("/p").header("Range", "bytes=1-2")).await.status(206).body("12");
}

#[tokio::test]
async fn a_condition_is_judged_before_a_range_on_a_miss_as_on_a_hit() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (name, value, status) in [
        ("If-None-Match", "\"1\"", 304),
        ("If-None-Match", "W/\"1\"", 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", "\"2\"", 206),
        ("If-Modified-Since", date, 304),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 206),
    ] {
        for keys in ["ttl = \"1m\"", "set_cookie = \"refuse\""] {
            let scenario = Setup::route(keys).start().await;
            // Stored by the first rule, handed over by the second.
            let part = reply(206).header("ETag", "\"1\"").header("Last-Modified", date);
            let part = if keys.starts_with("ttl") { part } else { part.header("Cache-Control", "no-store") };
            scenario.origin.on("/p", part.header("Content-Range", "bytes 0-3/10").body("0123"));
            let request = get("/p").header("Range", "bytes=0-3").header(name, value);
            let response = scenario.fetch(&request).await;
            assert_eq!(response.status, status, "{name}: {value}, {keys}\n{response}");
            response.says("fwd-status=206").body(if status == 304 { "" } else { "0123" });
        }
    }
}
