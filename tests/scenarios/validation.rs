//! Conditional requests: from clients to what is stored, and from Larder to the origin (RFC 9111 section 4.3).

use crate::support::reply::Reply;
use crate::support::{Setup, get, head, reply};

/// A response that is stale on arrival, so that the next request validates it.
fn stale_on_arrival() -> Reply {
    reply(200).header("Cache-Control", "max-age=1").header("Age", "5")
}

#[tokio::test]
async fn a_stale_response_is_validated_and_a_304_makes_it_fresh_with_the_new_fields() {
    let scenario = Setup::route("").start().await;
    let stored = stale_on_arrival().header("ETag", "\"1\"").header("X-Version", "old").body("body");
    let confirmed = reply(304).header("ETag", "\"1\"").header("Cache-Control", "max-age=60").header("X-Version", "new");
    scenario.origin.on_each("/p", [stored, confirmed]);
    scenario.get("/p").await.body("body").header("X-Version", "old");
    let revalidated = scenario.get("/p").await;
    revalidated.status(200).body("body").says("fwd=stale").says("fwd-status=304").header("X-Version", "new");
    scenario.get("/p").await.hit().body("body").header("X-Version", "new").header("Content-Length", "4");
    assert_eq!(scenario.origin.requests("/p")[1].value("If-None-Match"), Some("\"1\""));
}

#[tokio::test]
async fn a_last_modified_validates_where_there_is_no_entity_tag() {
    let scenario = Setup::route("").start().await;
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    scenario.origin.on_each("/p", [stale_on_arrival().header("Last-Modified", date).body("body"), reply(304)]);
    scenario.get("/p").await;
    scenario.get("/p").await.status(200).body("body");
    assert_eq!(scenario.origin.requests("/p")[1].value("If-Modified-Since"), Some(date));
}

#[tokio::test]
async fn a_changed_response_takes_the_stale_ones_place() {
    let scenario = Setup::route("").start().await;
    let new = reply(200).header("ETag", "\"2\"").header("Cache-Control", "max-age=60").body("new");
    scenario.origin.on_each("/p", [stale_on_arrival().header("ETag", "\"1\"").body("old"), new]);
    scenario.get("/p").await.body("old");
    scenario.get("/p").await.body("new").says("fwd=stale");
    scenario.get("/p").await.hit().body("new");
}

#[tokio::test]
async fn a_client_that_has_the_stored_representation_gets_a_304() {
    let scenario = Setup::route("").start().await;
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let stored = reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"1\"").header("Last-Modified", date);
    scenario.origin.on("/p", stored.body("body"));
    scenario.get("/p").await;
    for (name, value, status) in [
        ("If-None-Match", "\"1\"", 304),
        ("If-None-Match", "W/\"1\"", 304),
        ("If-None-Match", "\"0\", \"1\"", 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", "\"2\"", 200),
        ("If-Modified-Since", date, 304),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 200),
        ("If-Modified-Since", "nonsense", 200),
    ] {
        let response = scenario.fetch(&get("/p").header(name, value)).await;
        assert_eq!(response.status, status, "{name}: {value}\n{response}");
        if status == 304 {
            response.hit().header("ETag", "\"1\"").body("");
        }
    }
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn a_clients_condition_is_answered_from_what_the_validation_brought() {
    let scenario = Setup::route("").start().await;
    let new = reply(200).header("ETag", "\"2\"").header("Cache-Control", "max-age=60").body("new");
    scenario.origin.on_each("/p", [stale_on_arrival().header("ETag", "\"1\"").body("old"), new]);
    scenario.get("/p").await;
    scenario.fetch(&get("/p").header("If-None-Match", "\"1\"")).await.status(200).body("new");
    scenario.fetch(&get("/p").header("If-None-Match", "\"2\"")).await.status(304).hit();
}

#[tokio::test]
async fn request_directives_are_obeyed() {
    for (field, value, forwarded) in [
        ("Cache-Control", "no-cache", "fwd=request"),
        ("Pragma", "no-cache", "fwd=request"),
        ("Cache-Control", "max-age=5", "fwd=request"),
        ("Cache-Control", "min-fresh=55", "fwd=request"),
        ("Cache-Control", "max-age=20", "hit"),
        ("Cache-Control", "min-fresh=40", "hit"),
        ("Cache-Control", "max-stale", "hit"),
        ("Cache-Control", "only-if-cached", "hit"),
    ] {
        let scenario = Setup::route("").start().await;
        scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").header("Age", "10").body("p"));
        scenario.get("/p").await;
        scenario.fetch(&get("/p").header(field, value)).await.status(200).says(forwarded);
    }
}

#[tokio::test]
async fn only_if_cached_gets_a_504_where_nothing_fits_and_asks_no_one() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario
        .fetch(&get("/p").header("Cache-Control", "only-if-cached"))
        .await
        .problem(504)
        .says("detail=only-if-cached");
    scenario.origin.saw("/p", 0);
}

#[tokio::test]
async fn a_head_is_answered_from_a_stored_get_without_a_body() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on("/p", reply(200).header("ETag", "\"1\"").body("body"));
    scenario.get("/p").await;
    scenario.fetch(&head("/p")).await.status(200).hit().header("Content-Length", "4").body("");
    scenario.fetch(&head("/p").header("If-None-Match", "\"1\"")).await.status(304);
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn variants_are_kept_apart_by_what_vary_names() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on_request("/p", |seen| {
        reply(200).header("Vary", "Accept-Language, X-Channel").body(seen.value("Accept-Language").unwrap_or("none"))
    });
    let language = |value| get("/p").header("Accept-Language", value);
    scenario.fetch(&language("de, en;q=0.5")).await.forwarded("uri-miss");
    scenario.fetch(&language("fr")).await.forwarded("vary-miss").body("fr");
    scenario.fetch(&language("DE,en; q=0.5")).await.hit().body("de, en;q=0.5");
    scenario.fetch(&language("fr").header("X-Channel", "app")).await.forwarded("vary-miss");
    scenario.get("/p").await.forwarded("vary-miss").body("none");
}

#[tokio::test]
async fn if_match_and_if_unmodified_since_are_the_origins_to_judge() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (name, value) in [("If-Match", "\"1\""), ("If-Match", "*"), ("If-Unmodified-Since", date)] {
        for warm in [false, true] {
            let scenario = Setup::route("ttl = \"1m\"").start().await;
            scenario.origin.on_request("/p", move |seen| match seen.value(name) {
                None => reply(200).header("ETag", "\"1\"").header("Last-Modified", date).body("old"),
                Some(sent) if sent == value => reply(412).body("changed meanwhile"),
                Some(_) => reply(400),
            });
            if warm {
                scenario.get("/p").await.body("old");
            }
            let ranged = get("/p").header("Range", "bytes=1-");
            for request in [get("/p"), head("/p"), ranged] {
                let response = scenario.fetch(&request.header(name, value)).await;
                response.status(412).says("fwd=bypass").detail("origin-condition");
            }
            // Neither the condition nor its answer touches what others get.
            scenario.get("/p").await.body("old");
            scenario.get("/p").await.hit().body("old");
        }
    }
}

#[tokio::test]
async fn a_coded_tag_in_a_condition_reaches_the_origin_as_its_own_in_one_line() {
    for (sent, seen) in [("\"1+gzip\"", "\"1\""), ("\"1+gzip\", \"1\"", "\"1\""), ("\"0\", \"1+gzip\"", "\"0\", \"1\"")]
    {
        let scenario = Setup::route("ttl = \"1m\"\ncompress = true").start().await;
        scenario.origin.on("/p", reply(204));
        for method in ["GET", "PUT"] {
            scenario.fetch(&crate::support::request(method, "/p").header("If-Match", sent)).await;
        }
        for request in scenario.origin.requests("/p") {
            assert_eq!(request.head.values("If-Match"), [seen], "{sent}");
        }
        scenario.origin.saw("/p", 2);
    }
}

#[tokio::test]
async fn head_keeps_a_stored_answer_fresh_only_where_a_validator_is_the_same() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (validator, value, other) in [("X-None", "1", "2"), ("ETag", "\"1\"", "\"2\""), ("Last-Modified", date, date)] {
        let scenario = Setup::route("").start().await;
        let answer = |value: &str| reply(200).header("Cache-Control", "max-age=60").header(validator, value);
        scenario.origin.on("/p", stale_on_arrival().header(validator, value).body("old"));
        scenario.get("/p").await.body("old");
        scenario.origin.on("/p", answer(value).length(3).body(""));
        scenario.fetch(&head("/p")).await.status(200);
        scenario.origin.on("/p", answer(other).body("new"));
        let after = scenario.get("/p").await;
        // What was confirmed is fresh again; of what has no validator a HEAD tells nothing.
        let expected = if validator == "X-None" { "new" } else { "old" };
        assert_eq!(after.text(), expected, "{validator}\n{after}");
    }
}
