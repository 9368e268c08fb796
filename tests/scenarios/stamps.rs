//! Stamps: who has written, and presents the stamp of that, is answered from nothing older (invariant 10).

use super::users::{ALICE, Protocol, User};
use crate::support::expect::Response;
use crate::support::origin::Seen;
use crate::support::reply::Reply;
use crate::support::request::Request;
use crate::support::{Barrier, Scenario, Setup, get, head, post, reply, request};
use serde_json::Value;

const FIELD: &str = "Larder-Stamp";

fn fresh(body: &str) -> Reply {
    reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"1\"").body(body)
}

/// Past its lifetime when it comes.
fn stale(directives: &str) -> Reply {
    reply(200).header("Cache-Control", &format!("max-age=8, {directives}")).header("Age", "10").body("old")
}

async fn shop() -> Scenario {
    let scenario = Setup::route("cookies = []").stamps("").start().await;
    scenario.origin.on("/cart", reply(204));
    scenario
}

/// Writes something that names nothing which is stored, and returns the stamp of that.
async fn write(scenario: &Scenario) -> String {
    stamp_of(scenario.fetch(&post("/cart", "x")).await.status(204))
}

fn stamp_of(answer: &Response) -> String {
    answer.value(FIELD).unwrap_or_else(|| panic!("no stamp: {answer}")).to_owned()
}

fn since(request: Request, stamp: &str) -> Request {
    request.header(FIELD, stamp)
}

#[tokio::test]
async fn without_the_section_the_field_is_one_like_any_other() {
    let scenario = Setup::route("").start().await;
    scenario.origin.on("/cart", reply(204).header(FIELD, "the origin's"));
    scenario.fetch(&post("/cart", "x").header(FIELD, "mine")).await.status(204).header(FIELD, "the origin's");
    assert_eq!(scenario.origin.only_request("/cart").value(FIELD), Some("mine"));
    scenario.origin.on("/p", fresh("stored"));
    scenario.get("/p").await.without(FIELD);
    scenario.fetch(&since(get("/p"), "mine")).await.hit();
    scenario.admin(post("/purge", r#"{"all": true}"#)).await.status(200).without(FIELD);
}

#[tokio::test]
async fn answers_to_successful_unsafe_requests_carry_one() {
    let scenario = shop().await;
    for (method, status, expected) in [
        ("POST", 200, true),
        ("PUT", 204, true),
        ("PATCH", 303, true),
        ("DELETE", 202, true),
        ("UNKNOWN", 200, true),
        ("POST", 400, false),
        ("PUT", 500, false),
        ("GET", 200, false),
        ("OPTIONS", 200, false),
    ] {
        scenario.origin.on("/x", reply(status).header(FIELD, "the origin's"));
        let answer = scenario.fetch(&request(method, "/x")).await;
        answer.status(status);
        let carries = answer.value(FIELD).is_some_and(|stamp| stamp != "the origin's");
        assert_eq!(carries, expected, "{method} {status}: {answer}");
    }
    let answers = [
        scenario.admin(post("/purge", r#"{"tags": ["a"]}"#)).await,
        scenario.admin(post("/events", r#"{"type": "unknown"}"#)).await,
    ];
    for answer in &answers {
        assert!(!stamp_of(answer.status(200)).is_empty());
    }
}

#[tokio::test]
async fn what_was_fetched_before_the_write_is_validated_once_and_then_new_enough() {
    let scenario = shop().await;
    scenario.origin.on_request("/p", |seen: &Seen| match seen.value("If-None-Match") {
        Some(_) => reply(304).header("ETag", "\"1\""),
        None => fresh("stored"),
    });
    scenario.get("/p").await.body("stored");
    let first = write(&scenario).await;
    scenario.get("/p").await.hit();
    scenario.fetch(&since(get("/p"), &first)).await.body("stored").forwarded("request").detail("older-than-stamp");
    for stamp in [&first, &first] {
        scenario.fetch(&since(get("/p"), stamp)).await.hit().body("stored");
    }
    let second = write(&scenario).await;
    scenario.fetch(&since(get("/p"), &first)).await.hit();
    scenario.fetch(&since(get("/p"), &format!("{first}, {second}"))).await.not_a_hit().detail("older-than-stamp");
    scenario.origin.saw("/p", 3);
}

#[tokio::test]
async fn nothing_older_stands_in_whatever_lets_it_be_served_otherwise() {
    for (directives, asked) in [
        ("stale-while-revalidate=60", get("/p")),
        ("stale-if-error=60", get("/p")),
        ("public", get("/p").header("Cache-Control", "max-stale=60")),
    ] {
        let scenario = shop().await;
        scenario.origin.on("/p", stale(directives));
        scenario.get("/p").await.body("old");
        let stamp = write(&scenario).await;
        scenario.origin.on("/p", reply(503).body("down"));
        scenario.fetch(&since(asked, &stamp)).await.status(503);
        if directives.starts_with("stale-if-error") {
            scenario.get("/p").await.status(200).body("old");
            // Nor where the failure is known already.
            scenario.fetch(&since(get("/p"), &stamp)).await.status(503);
        }
    }
}

#[tokio::test]
async fn an_incident_switch_does_not_make_it_older_either() {
    for mode in ["freeze", "stale-only"] {
        let scenario = shop().await;
        scenario.origin.on("/p", stale("public"));
        scenario.get("/p").await.body("old");
        let stamp = write(&scenario).await;
        scenario.origin.on("/p", fresh("new"));
        let json = format!("{{\"mode\": \"{mode}\", \"for\": \"10m\", \"why\": \"the origin is ill\"}}");
        scenario.admin(post("/routes/all/switch", &json)).await.status(200);
        scenario.get("/p").await.body("old");
        scenario.fetch(&since(get("/p"), &stamp)).await.body("new");
    }
}

#[tokio::test]
async fn it_reaches_no_origin_and_is_part_of_no_key() {
    let scenario = Setup::route("headers = [\"Larder-Stamp\"]\nttl = \"1m\"").stamps("").start().await;
    scenario.origin.on("/cart", reply(204));
    scenario.origin.on("/p", fresh("stored").header("Vary", "Larder-Stamp"));
    let stamp = write(&scenario).await;
    scenario.fetch(&since(get("/p"), &stamp)).await.body("stored");
    scenario.get("/p").await.hit();
    scenario.fetch(&since(get("/p"), "forged")).await.hit();
    assert_eq!(scenario.origin.only_request("/p").value(FIELD), None);
    scenario.fetch(&since(post("/cart", "x"), &stamp)).await.status(204);
    assert!(scenario.origin.requests("/cart").iter().all(|seen| seen.value(FIELD).is_none()));
}

#[tokio::test]
async fn one_that_is_not_signed_here_counts_as_none() {
    let scenario = shop().await;
    scenario.origin.on("/p", fresh("stored"));
    scenario.get("/p").await;
    let stamp = write(&scenario).await;
    let of_the_future = stamp.replacen("0-", "9-", 1);
    for forged in [of_the_future.as_str(), "unplaced.AAAAAAAAAAAAAAAAAAAAAA", "x", "", &stamp[1..], &"9".repeat(4000)] {
        scenario.fetch(&since(get("/p"), forged)).await.hit();
    }
    assert!(scenario.metric("larder_stamps_total{result=\"invalid\"}").await >= 6.0);
    // What is signed counts beside what is not.
    scenario.fetch(&since(since(get("/p"), &of_the_future), &stamp)).await.not_a_hit();
}

#[tokio::test]
async fn one_of_another_log_is_answered_by_the_origin_and_waits_for_nothing() {
    let other = shop().await;
    let stamp = write(&other).await;
    let scenario = Setup::route("cookies = []").stamps("wait = \"10s\"").start().await;
    scenario.origin.on("/p", fresh("stored"));
    scenario.get("/p").await;
    for count in 2..4 {
        scenario.fetch(&since(get("/p"), &stamp)).await.not_a_hit().detail("stamp-unreached").body("stored");
        scenario.origin.saw("/p", count);
    }
    assert_eq!(scenario.origin.requests("/p")[1].value("If-None-Match"), None, "it may be hard-purged elsewhere");
    scenario.fetch(&since(get("/p"), &stamp).header("Cache-Control", "only-if-cached")).await.problem(504);
    assert!(scenario.metric("larder_stamps_total{result=\"unreached\"}").await >= 3.0);
}

#[tokio::test]
async fn it_holds_for_every_form_of_a_request() {
    let only = |request: Request| request.header("Cache-Control", "only-if-cached");
    for (asked, status) in [
        (head("/p"), 200),
        (get("/p").header("If-None-Match", "\"1\""), 200),
        (get("/p").header("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"), 200),
        (only(get("/p")), 504),
        (get("/p").header("Cache-Control", "max-age=3600"), 200),
        (get("/p").header("Connection", "keep-alive"), 200),
    ] {
        let scenario = shop().await;
        scenario.origin.on("/p", fresh("old"));
        scenario.get("/p").await.body("old");
        let stamp = write(&scenario).await;
        scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"2\"").body("new"));
        let answer = scenario.fetch(&since(asked, &stamp)).await;
        answer.status(status).not_a_hit();
        assert!(!answer.text().starts_with("ol"), "{answer}");
    }
}

#[tokio::test]
async fn no_range_is_taken_of_what_is_older() {
    let scenario = shop().await;
    scenario.origin.on("/p", fresh("old"));
    scenario.get("/p").await.body("old");
    let (asked, stamp) = (get("/p").header("Range", "bytes=0-1"), write(&scenario).await);
    scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"2\"").body("new"));
    scenario.fetch(&asked).await.status(206).body("ol");
    let answer = scenario.fetch(&since(asked, &stamp)).await;
    assert!(answer.text().starts_with("ne"), "{answer}");
}

#[tokio::test]
async fn on_one_connection_the_next_plain_request_is_a_hit_again() {
    let scenario = shop().await;
    scenario.origin.on("/p", fresh("stored"));
    let mut client = scenario.connect().await;
    client.send(&get("/p")).await;
    client.response().await;
    let stamp = write(&scenario).await;
    for (asked, hit) in
        [(get("/p"), true), (since(get("/p"), &stamp), false), (get("/p"), true), (since(get("/p"), &stamp), true)]
    {
        client.send(&asked).await;
        let answer = client.response().await;
        assert_eq!(answer.is_hit(), hit, "{answer}");
    }
}

#[tokio::test]
async fn over_http2_it_is_given_and_counts_as_over_http1() {
    let scenario = shop().await;
    scenario.origin.on("/p", fresh("old"));
    scenario.get("/p").await.body("old");
    let alice = || User::of(ALICE);
    let written = alice().with("POST", None).ask(&scenario, Protocol::Http2, "/cart").await.answered().await;
    let stamp = written.fields.iter().find(|(name, _)| name == "larder-stamp").map(|(_, stamp)| stamp.clone());
    let stamp = stamp.expect("the answer to a write has one");
    scenario.origin.on("/p", fresh("new"));
    let asked = alice().ask(&scenario, Protocol::Http2, "/p").await.answered().await;
    assert_eq!(asked.body, "old");
    let asked = alice().saying("larder-stamp", &stamp).ask(&scenario, Protocol::Http2, "/p").await.answered().await;
    assert_eq!(asked.body, "new", "{asked:?}");
}

#[tokio::test]
async fn a_fetch_that_began_before_the_write_is_not_joined() {
    let scenario = shop().await;
    let gate = Barrier::new();
    scenario.origin.on_each("/p", [fresh("old").hold(&gate), fresh("new")]);
    let mut reading = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    let stamp = write(&scenario).await;
    scenario.fetch(&since(get("/p"), &stamp)).await.body("new");
    gate.open();
    reading.response().await.body("old");
    scenario.fetch(&since(get("/p"), &stamp)).await.body("new");
}

#[tokio::test]
async fn a_fetch_that_began_after_it_is_shared() {
    let scenario = shop().await;
    let gate = Barrier::new();
    scenario.origin.on("/p", fresh("new").hold(&gate));
    let stamp = write(&scenario).await;
    let mut first = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    let mut second = scenario.begin(&since(get("/p"), &stamp)).await;
    gate.open();
    first.response().await.body("new");
    second.response().await.body("new");
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn what_a_write_stores_for_later_is_as_new_as_the_write() {
    let scenario = Setup::route("methods = [\"GET\", \"POST\"]").stamps("").start().await;
    let made = reply(200).header("Cache-Control", "max-age=60").header("Content-Location", "/p").body("made");
    scenario.origin.on_each("/p", [made, fresh("fetched")]);
    let answer = scenario.fetch(&post("/p", "x")).await;
    scenario.get("/p").await.hit().body("made").without(FIELD);
    scenario.fetch(&since(get("/p"), &stamp_of(&answer))).await.hit().body("made");
}

#[tokio::test]
async fn a_purge_and_an_event_give_one_of_what_they_purged() {
    let scenario = shop().await;
    scenario.origin.on_each("/p", [fresh("old"), fresh("new")]);
    scenario.get("/p").await;
    let purged = scenario.admin(post("/purge", r#"{"tags": ["other"]}"#)).await;
    scenario.fetch(&since(get("/p"), &stamp_of(&purged))).await.not_a_hit().body("new");
}

#[tokio::test]
async fn explain_says_what_a_request_that_presents_one_meets() {
    let scenario = shop().await;
    scenario.origin.on("/p", fresh("stored"));
    scenario.get("/p").await;
    let stamp = write(&scenario).await;
    let explain = async |stamp: &str| {
        let call = get("/explain?url=http://shop.test/p").header(FIELD, stamp);
        let answer = scenario.admin(call).await;
        let said: Value = serde_json::from_str(&answer.status(200).text()).expect("explain answers in JSON");
        said["would"]["reason"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(explain(&stamp).await, "older-than-stamp");
    assert_eq!(explain("forged").await, "fresh");
    let before = scenario.metric("larder_stamps_total{result=\"invalid\"}").await;
    assert!(before < 0.5, "what is only explained is not counted: {before}");
}

const COOKIE: &str = "larder-stamp";

async fn shop_for_browsers() -> Scenario {
    let scenario = Setup::route("").stamps("cookie = true\ncookie_max_age = \"90s\"").start().await;
    scenario.origin.on("/cart", reply(303).header("Set-Cookie", "session=1"));
    scenario
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie_of(answer: &Response) -> String {
    let stamp = stamp_of(answer);
    let expected = format!("{COOKIE}={stamp}; Max-Age=90; Path=/; HttpOnly; SameSite=Lax");
    answer.lines("Set-Cookie", ["session=1", &expected]);
    format!("{COOKIE}={stamp}")
}

#[tokio::test]
async fn a_browser_keeps_it_as_a_cookie_that_counts_as_the_field_does() {
    let scenario = shop_for_browsers().await;
    scenario.origin.on("/p", fresh("old"));
    scenario.get("/p").await.body("old");
    let cookie = cookie_of(&scenario.fetch(&post("/cart", "x")).await);
    scenario.origin.on("/p", fresh("new").header("Vary", "Cookie"));
    scenario.get("/p").await.hit().body("old");
    scenario.fetch(&get("/p").header("Cookie", &cookie)).await.body("new").detail("older-than-stamp");
    // It is part of no key, decides nothing about other cookies, and reaches no origin.
    scenario.get("/p").await.hit().body("new");
    scenario.fetch(&get("/p").header("Cookie", &cookie)).await.hit().body("new");
    scenario.fetch(&get("/p").header("Cookie", &format!("{COOKIE}=forged"))).await.hit().without("Set-Cookie");
    scenario.fetch(&post("/cart", "x").header("Cookie", &format!("a=1; {cookie}; b=2"))).await.status(303);
    let seen = scenario.origin.all_requests();
    assert!(seen.iter().all(|seen| seen.value("Cookie").is_none_or(|cookie| cookie == "a=1; b=2")));
}

#[tokio::test]
async fn other_caches_do_not_keep_it_with_an_answer_that_they_may_keep() {
    let scenario = shop_for_browsers().await;
    for (method, fields, expected) in [
        ("POST", vec![("Cache-Control", "max-age=60")], vec!["max-age=60", "private=\"set-cookie\""]),
        ("POST", vec![("Expires", "Sun, 06 Nov 2094 08:49:37 GMT")], vec!["private=\"set-cookie\""]),
        ("POST", vec![], vec![]),
        ("PUT", vec![("Cache-Control", "max-age=60")], vec!["max-age=60"]),
    ] {
        let made = fields.iter().fold(reply(200), |made, (name, value)| made.header(name, value));
        scenario.origin.on("/x", made);
        let answer = scenario.fetch(&request(method, "/x").body("x")).await;
        assert!(answer.value("Set-Cookie").is_some_and(|cookie| cookie.starts_with(COOKIE)), "{answer}");
        let said = format!("{answer}").lines().filter(|line| line.to_lowercase().contains("cache-control:")).count();
        assert_eq!(said, expected.len(), "{method} {fields:?}: {answer}");
        for value in expected {
            assert!(format!("{answer}").contains(value), "{answer}");
        }
    }
}

#[tokio::test]
async fn what_is_stored_has_none() {
    let scenario = Setup::route("methods = [\"GET\", \"POST\"]").stamps("cookie = true").start().await;
    let made = reply(200).header("Cache-Control", "max-age=60").header("Content-Location", "/p").body("made");
    scenario.origin.on("/p", made);
    let answer = scenario.fetch(&post("/p", "x")).await;
    assert!(answer.value("Set-Cookie").is_some());
    scenario.get("/p").await.hit().body("made").without("Set-Cookie").without(FIELD);
}
