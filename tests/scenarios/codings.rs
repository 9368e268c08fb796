//! Several codings of one stored body: kept in the first, made once in each other that a client takes, each with its tag.

use crate::support::expect::Response;
use crate::support::reply::Reply;
use crate::support::{Request, Scenario, Setup, get, head, reply};
use futures_util::future::join_all;
use std::io::Read as _;

const ALL: &str = "compress = [\"zstd\", \"br\", \"gzip\"]";
const BROWSER: &str = "gzip, deflate, br, zstd";

fn json(name: &str) -> String {
    let line = |number: u32| format!("{{\"name\": \"{name} {number}\", \"price\": {}}},", number * 37 % 1000);
    format!("[{}]", (0..400).map(line).collect::<String>().trim_end_matches(','))
}

fn json_reply() -> Reply {
    tagged("\"1\"")
}

fn tagged(tag: &str) -> Reply {
    reply(200).header("Content-Type", "application/json").header("ETag", tag).header("Cache-Control", "max-age=60")
}

fn taking(codings: &str) -> Request {
    get("/p").header("Accept-Encoding", codings)
}

/// The text of an answer, whatever its coding.
fn decoded(response: &Response) -> String {
    let bytes = response.body.as_slice();
    let mut text = String::new();
    let mut decoder: Box<dyn std::io::Read + '_> = match response.value("Content-Encoding") {
        None => Box::new(bytes),
        Some("gzip") => Box::new(flate2::read::GzDecoder::new(bytes)),
        Some("br") => Box::new(brotli::Decompressor::new(bytes, 4096)),
        Some("zstd") => Box::new(zstd::stream::read::Decoder::new(bytes).expect("memory")),
        Some(other) => panic!("the coding {other}"),
    };
    decoder.read_to_string(&mut text).unwrap_or_else(|error| panic!("{error}: {response}"));
    text
}

/// Stores the JSON under /p.
async fn stored(keys: &str) -> Scenario {
    let scenario = Setup::route(keys).start().await;
    scenario.origin.on("/p", json_reply().body(json("shoe")));
    scenario.get("/p").await.body(json("shoe"));
    scenario.until("stored", &get("/p"), Response::is_hit).await;
    scenario
}

/// Waits until the answer to what takes these codings has this one: it is made in the background.
async fn until_coded(scenario: &Scenario, takes: &str, coding: &str) -> Response {
    scenario.until(coding, &taking(takes), |response| response.value("Content-Encoding") == Some(coding)).await
}

#[tokio::test]
async fn each_client_gets_the_coding_that_it_prefers_of_one_stored_body() {
    let scenario = stored(ALL).await;
    for (takes, coding) in [
        (BROWSER, "zstd"),
        ("gzip, br", "br"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0, *", "br"),
        ("zstd;q=0.2, br;q=0.5, gzip;q=0.9", "gzip"),
        ("br;q=0.5, identity;q=0.4", "br"),
        ("br, identity;q=0", "br"),
    ] {
        let response = until_coded(&scenario, takes, coding).await;
        response.status(200).hit().header("ETag", &format!("\"1+{coding}\"")).header("Vary", "accept-encoding");
        assert_eq!(response.value("Content-Length"), Some(response.body.len().to_string().as_str()), "{takes}");
        assert!(decoded(&response) == json("shoe"), "{takes}: {response}");
        scenario.fetch(&head("/p").header("Accept-Encoding", takes)).await.header("Content-Encoding", coding);
    }
    for takes in ["", "identity", "deflate", "zstd;q=0, br;q=0", "br;q=0.5, identity", "zstd;q=2"] {
        let response = scenario.fetch(&taking(takes)).await;
        response.hit().without("Content-Encoding").header("ETag", "\"1\"").header("Vary", "accept-encoding");
        response.body(json("shoe"));
    }
    let as_it_is = scenario.fetch(&taking("br").header("Cache-Control", "no-transform")).await;
    as_it_is.hit().without("Content-Encoding").body(json("shoe"));
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn a_body_is_kept_in_the_first_coding_and_served_in_no_other_than_are_listed() {
    for (listed, takes, coding) in [
        ("[\"br\"]", BROWSER, Some("br")),
        ("[\"br\"]", "zstd, gzip", None),
        ("[\"gzip\", \"zstd\"]", "br, zstd", Some("zstd")),
        ("[\"gzip\", \"zstd\"]", BROWSER, Some("gzip")),
        ("true", BROWSER, Some("gzip")),
        ("true", "br, zstd", None),
    ] {
        let scenario = stored(&format!("compress = {listed}")).await;
        if let Some(coding) = coding {
            assert!(decoded(&until_coded(&scenario, takes, coding).await) == json("shoe"), "{listed}");
        } else {
            let response = scenario.fetch(&taking(takes)).await;
            response.hit().without("Content-Encoding").body(json("shoe"));
        }
        scenario.origin.saw("/p", 1);
    }
}

#[tokio::test]
async fn a_coding_is_made_once_however_many_ask_for_it() {
    let scenario = stored(ALL).await;
    let asked = || async { scenario.fetch(&taking("br")).await };
    for response in join_all((0..40).map(|_| asked())).await {
        assert!(decoded(response.hit()) == json("shoe"), "{response}");
    }
    until_coded(&scenario, "br", "br").await;
    for response in join_all((0..40).map(|_| asked())).await {
        response.hit().header("Content-Encoding", "br");
    }
    let made = |coding: &str| format!("larder_recoded_total{{coding=\"{coding}\"}}");
    for (coding, times) in [("br", 1.0), ("zstd", 0.0), ("gzip", 0.0)] {
        let counted = scenario.metric(&made(coding)).await;
        assert!((counted - times).abs() < 0.1, "{coding} was made {counted} times");
    }
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn each_coding_validates_by_its_own_tag_even_before_it_is_made() {
    // One that was made by another instance, or before a restart.
    for (takes, tag) in [("br", "\"1+br\""), ("gzip", "\"1+gzip\""), (BROWSER, "\"1+zstd\""), ("identity", "\"1\"")] {
        let scenario = stored(ALL).await;
        let with = |tags: &str| taking(takes).header("If-None-Match", tags);
        scenario.fetch(&with(tag)).await.status(304).header("ETag", tag);
        scenario.fetch(&with(&format!("\"0\", {tag}"))).await.status(304).header("ETag", tag);
        let made = scenario.metric("larder_recoded_total{coding=\"br\"}").await;
        assert!(made < 0.1, "a 304 needs no coding");
        for other in ["\"0\"", "\"1+deflate\"", "\"1+br+br\""] {
            scenario.fetch(&with(other)).await.status(200).hit();
        }
        scenario.origin.saw("/p", 1);
    }
    let scenario = stored(ALL).await;
    for coding in ["zstd", "br", "gzip"] {
        until_coded(&scenario, coding, coding).await;
    }
    for (takes, its) in [("br", "\"1+br\""), ("gzip", "\"1+gzip\""), (BROWSER, "\"1+zstd\""), ("identity", "\"1\"")] {
        for tag in ["\"1+br\"", "\"1+gzip\"", "\"1+zstd\"", "\"1\""] {
            let response = scenario.fetch(&taking(takes).header("If-None-Match", tag)).await;
            assert_eq!(response.status, if tag == its { 304 } else { 200 }, "{takes} {tag}");
        }
    }
}

#[tokio::test]
async fn a_weak_tag_is_that_of_every_coding() {
    let scenario = Setup::route(ALL).start().await;
    scenario.origin.on("/p", tagged("W/\"1\"").body(json("shoe")));
    scenario.get("/p").await;
    for coding in ["zstd", "br", "gzip"] {
        until_coded(&scenario, coding, coding).await.header("ETag", "W/\"1\"");
        let again = taking(coding).header("If-None-Match", "W/\"1\"");
        scenario.fetch(&again).await.status(304).header("ETag", "W/\"1\"");
    }
}

#[tokio::test]
async fn ranges_are_of_the_plain_body_whatever_codings_there_are() {
    let scenario = stored(ALL).await;
    let text = json("shoe");
    for coding in ["zstd", "br", "gzip"] {
        let whole = until_coded(&scenario, coding, coding).await;
        let tag = whole.value("ETag").expect("each has a tag").to_owned();
        let part = taking(coding).header("Range", "bytes=5000-5009");
        let response = scenario.fetch(&part).await;
        response.status(206).without("Content-Encoding").header("ETag", "\"1\"").body(&text.as_bytes()[5000..5010]);
        let of_plain = scenario.fetch(&part.header("If-Range", "\"1\"")).await;
        of_plain.status(206).body(&text.as_bytes()[5000..5010]);
        let part = taking(coding).header("Range", "bytes=5000-5009");
        let of_coded = scenario.fetch(&part.header("If-Range", &tag)).await;
        of_coded.status(200).header("Content-Encoding", coding);
        let refusing = taking(&format!("{coding}, identity;q=0")).header("Range", "bytes=0-9");
        let response = scenario.fetch(&refusing).await;
        response.status(206).header("Content-Encoding", coding).header("ETag", &tag).body(&whole.body[..10]);
    }
}

#[tokio::test]
async fn a_purge_takes_every_coding_and_a_validation_keeps_them() {
    let scenario = Setup::route(ALL).start().await;
    let version = |seen: Option<&str>, version: &str| match seen {
        Some(tag) if tag == format!("\"{version}\"") => {
            reply(304).header("ETag", tag).header("Cache-Control", "max-age=60")
        }
        _ => tagged(&format!("\"{version}\"")).body(json(version)),
    };
    scenario.origin.on_request("/p", move |seen| version(seen.value("If-None-Match"), "1"));
    scenario.get("/p").await;
    for coding in ["zstd", "br", "gzip"] {
        until_coded(&scenario, coding, coding).await;
    }
    scenario.purge(r#"{"all": true, "soft": true}"#).await;
    scenario.fetch(&taking("br")).await.says("fwd-status=304").header("Content-Encoding", "br");
    let made = scenario.metric("larder_recoded_total{coding=\"br\"}").await;
    assert!((made - 1.0).abs() < 0.1, "it was made anew");
    scenario.origin.on_request("/p", move |seen| version(seen.value("If-None-Match"), "2"));
    scenario.purge(r#"{"all": true}"#).await;
    for coding in ["br", "zstd", "gzip", "identity"] {
        let response = scenario.fetch(&taking(coding)).await;
        assert!(decoded(&response) == json("2"), "{coding}: {response}");
    }
}

#[tokio::test]
async fn what_may_not_be_changed_or_would_not_gain_has_no_other_coding() {
    let image = reply(200).header("Content-Type", "image/webp").header("Cache-Control", "max-age=60");
    let image = image.header("ETag", "\"1\"").body(json("shoe"));
    let rows = [
        ("small", json_reply().body("{}")),
        ("an image", image),
        ("no-transform", json_reply().header("Cache-Control", "no-transform").body(json("shoe"))),
        ("a digest", json_reply().header("Repr-Digest", "sha-256=:AA==:").body(json("shoe"))),
    ];
    for (what, answer) in rows {
        let scenario = Setup::route(ALL).start().await;
        scenario.origin.on("/p", answer);
        for takes in [BROWSER, "br", "gzip", ""] {
            for _ in 0..3 {
                let response = scenario.fetch(&taking(takes)).await;
                assert_eq!(response.value("Content-Encoding"), None, "{what}\n{response}");
                assert_eq!(response.value("ETag"), Some("\"1\""), "{what}\n{response}");
            }
        }
    }
}
