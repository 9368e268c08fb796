//! A lifetime that the rule or a guess gives, and cookies of which nobody has said whether they change the answer.
//!
//! Part of invariant 4: what a cookie made is not given to the next visitor.

use crate::support::reply::Reply;
use crate::support::{Barrier, Request, Setup, get, head, reply};

const TTL: &str = "ttl = \"1m\"";

fn with_cookie(user: &str) -> Request {
    get("/p").header("Cookie", &format!("session={user}"))
}

/// An origin whose pages show whose cookie they were made for, and say this of it.
async fn pages(keys: &str, said: &'static [(&'static str, &'static str)]) -> crate::support::Scenario {
    let scenario = Setup::route(keys).start().await;
    scenario.origin.on_request("/p", move |seen| {
        let page = reply(200).body(seen.value("Cookie").unwrap_or("nobody"));
        said.iter().fold(page, |page: Reply, (name, value)| page.header(name, value))
    });
    scenario
}

#[tokio::test]
async fn invariant_4_what_a_cookie_made_is_not_stored_where_the_origin_gives_no_lifetime() {
    let by_status = "ttl_by_status = { \"200\" = \"1m\" }";
    let overridden = "ttl = \"1m\"\norigin = \"override\"";
    let nothing: &[(&str, &str)] = &[];
    for (keys, said) in [
        (TTL, nothing),
        (by_status, nothing),
        (overridden, nothing),
        (overridden, &[("Cache-Control", "max-age=60")][..]),
        (TTL, &[("Vary", "Accept")]),
        (TTL, &[("ETag", "\"a\""), ("Last-Modified", "Sat, 21 Nov 2026 18:00:00 GMT")]),
        // A guess from Last-Modified says as little about cookies as a rule does.
        ("", &[("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")]),
        ("", &[("ETag", "\"a\""), ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")]),
    ] {
        let scenario = pages(keys, said).await;
        let alice = scenario.fetch(&with_cookie("alice")).await;
        alice.body("session=alice").says("detail=cookie-undecided").does_not_say("stored");
        scenario.fetch(&with_cookie("bob")).await.body("session=bob").not_a_hit();
        scenario.get("/p").await.body("nobody").says("stored");
        scenario.get("/p").await.hit().body("nobody");
        scenario.fetch(&with_cookie("carol")).await.body("session=carol").not_a_hit().says("detail=cookie-undecided");
        scenario.fetch(&head("/p").header("Cookie", "session=dave")).await.not_a_hit();
        scenario.fetch(&with_cookie("erin").header("Range", "bytes=8-")).await.not_a_hit();
        scenario.fetch(&with_cookie("frank").header("Cache-Control", "only-if-cached")).await.status(504);
        scenario.get("/p").await.hit().body("nobody");
    }
}

#[tokio::test]
async fn a_cookied_request_shares_what_its_rule_or_its_origin_has_decided() {
    let nothing: &[(&str, &str)] = &[];
    for (keys, said) in [
        ("ttl = \"1m\"\ncookies = []", nothing),
        ("ttl = \"1m\"\ncookies = [\"currency\"]", nothing),
        ("cookies = []", &[("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")][..]),
        (TTL, &[("Cache-Control", "public")][..]),
        (TTL, &[("Cache-Control", "s-maxage=60")]),
        // The lifetime is the rule's, and the origin has said all the same that the answer is for everyone.
        ("ttl = \"1m\"\norigin = \"override\"", &[("Cache-Control", "s-maxage=9")]),
        ("ttl = \"1m\"\norigin = \"override\"", &[("Cache-Control", "public, max-age=9")]),
        // The lifetime is the origin's own: RFC 9111 says what holds.
        (TTL, &[("Cache-Control", "max-age=60")]),
        ("", &[("Cache-Control", "max-age=60")]),
    ] {
        let scenario = pages(keys, said).await;
        let first = scenario.fetch(&with_cookie("alice")).await;
        first.says("stored");
        scenario.fetch(&with_cookie("bob")).await.hit().body(first.text());
        scenario.get("/p").await.hit().body(first.text());
    }
}

#[tokio::test]
async fn vary_on_cookie_gives_each_visitor_an_entry() {
    for keys in [TTL, "ttl = \"1m\"\norigin = \"override\""] {
        let scenario = pages(keys, &[("Vary", "Accept, cookie")]).await;
        for user in ["alice", "bob"] {
            scenario.fetch(&with_cookie(user)).await.body(format!("session={user}")).says("stored");
            scenario.fetch(&with_cookie(user)).await.hit().body(format!("session={user}"));
        }
        scenario.get("/p").await.body("nobody");
    }
}

#[tokio::test]
async fn a_rule_that_keys_the_cookie_field_has_decided() {
    let scenario = pages("ttl = \"1m\"\nheaders = [\"cookie\"]", &[]).await;
    for user in ["alice", "bob"] {
        scenario.fetch(&with_cookie(user)).await.body(format!("session={user}")).says("stored");
        scenario.fetch(&with_cookie(user)).await.hit().body(format!("session={user}"));
    }
}

#[tokio::test]
async fn invariant_4_nobody_waits_for_or_shares_what_an_undecided_cookie_fetches() {
    let scenario = Setup::route(TTL).start().await;
    let gate = Barrier::new();
    let held = gate.clone();
    scenario.origin.on_request("/p", move |seen| {
        let page = reply(200);
        let page = if seen.value("Cookie") == Some("session=alice") { page.hold(&held) } else { page };
        page.body(seen.value("Cookie").unwrap_or("nobody"))
    });
    let mut alice = scenario.begin(&with_cookie("alice")).await;
    gate.reached_by(1).await;
    // A visitor without cookies neither waits for her nor takes her page.
    scenario.get("/p").await.body("nobody").says("stored");
    let mut bob = scenario.begin(&with_cookie("bob")).await;
    gate.open();
    alice.response().await.body("session=alice");
    bob.response().await.body("session=bob").does_not_say("collapsed");
    // From now on it is known that cookies make these pages: nobody waits for another.
    let gate = Barrier::new();
    let held = gate.clone();
    scenario.origin.on_request("/p", move |seen| reply(200).hold(&held).body(seen.value("Cookie").unwrap_or("nobody")));
    let mut clients = Vec::new();
    for user in ["carol", "dave", "erin"] {
        clients.push((user, scenario.begin(&with_cookie(user)).await));
    }
    gate.reached_by(3).await;
    gate.open();
    for (user, client) in &mut clients {
        client.response().await.body(format!("session={user}"));
    }
}

#[tokio::test]
async fn one_fetch_serves_all_whose_cookies_the_origin_says_change_nothing() {
    let scenario = Setup::route(TTL).start().await;
    let gate = Barrier::new();
    scenario.origin.on("/p", reply(200).header("Cache-Control", "public").hold(&gate).body("for all"));
    let mut clients = Vec::new();
    for user in ["alice", "bob", "carol"] {
        clients.push(scenario.begin(&with_cookie(user)).await);
    }
    gate.reached_by(1).await;
    gate.open();
    for client in &mut clients {
        client.response().await.body("for all");
    }
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn invariant_4_a_refresh_made_with_a_cookie_does_not_become_everyones() {
    let keys = "ttl = \"1m\"\nrefresh_ahead = \"1%\"";
    let scenario = Setup::route(keys).start().await;
    let public = reply(200).header("Cache-Control", "public, max-age=100").header("Age", "80").body("for all");
    scenario.origin.on_each("/p", [public, reply(200).body("Alice's")]);
    scenario.get("/p").await.body("for all");
    scenario.fetch(&with_cookie("alice")).await.hit().body("for all").says("detail=refresh-ahead");
    scenario.origin.requested("/p", 2).await;
    // The stored page still stands: what came for Alice's cookie was not put in its place.
    scenario.get("/p").await.hit().body("for all");
}

#[tokio::test]
async fn explain_says_what_to_write_where_an_answer_may_not_be_kept() {
    let scenario = Setup::route(TTL).start().await;
    scenario.origin.on("/p", reply(200).body("nobody"));
    scenario.origin.on("/gone", reply(404));
    let explained = async |path: &str, cookie: &str| {
        let call = get(&format!("/explain?url=http://shop.test{path}")).header("X-Explain-Cookie", cookie);
        scenario.admin(call).await.status(200).text()
    };
    let told = explained("/p", "session=1").await;
    assert!(told.contains("cookies = []") && told.contains("ttl_by_status"), "{told}");
    scenario.get("/p").await.says("stored");
    let told = explained("/p", "session=1").await;
    assert!(told.contains("cookie-undecided") && told.contains("cookies = []"), "{told}");
    scenario.get("/gone").await.detail("status-without-ttl");
    let told = explained("/gone", "").await;
    assert!(told.contains("status-without-ttl") && told.contains("ttl_by_status"), "{told}");
}
