//! Invariant 4: nothing that RFC 9111 or the rule calls private is served to another user.

use crate::support::reply::Reply;
use crate::support::{Barrier, Request, Setup, get, reply};

/// An exchange that must not be shared, and what of it makes it so.
struct Private {
    what: &'static str,
    request: Request,
    answer: Reply,
}

fn private_exchanges() -> Vec<Private> {
    let row = |what, request, answer| Private { what, request, answer };
    let fresh = || reply(200).header("Cache-Control", "max-age=60");
    vec![
        row("Authorization", get("/p").header("Authorization", "Basic YTpi"), fresh()),
        row("an API key", get("/p").header("X-API-Key", "a"), fresh()),
        row("a session token", get("/p").header("X-Session-Token", "a"), fresh()),
        row("a CSRF token", get("/p").header("X-CSRF-Token", "a"), fresh()),
        row("a proxy's credentials", get("/p").header("Proxy-Authorization", "Basic YTpi"), fresh()),
        row("a client certificate", get("/p").header("X-SSL-Client-S-DN", "CN=alice"), fresh()),
        row("a client certificate's chain", get("/p").header("X-Forwarded-Client-Cert", "Subject=x"), fresh()),
        row("Set-Cookie", get("/p"), fresh().header("Set-Cookie", "session=1; HttpOnly")),
        row("private", get("/p"), reply(200).header("Cache-Control", "private, max-age=60")),
        row("private in capitals", get("/p"), reply(200).header("Cache-Control", "max-age=60, PRIVATE")),
        row("no-store", get("/p"), reply(200).header("Cache-Control", "no-store, max-age=60")),
        row("no-store on a second line", get("/p"), fresh().header("Cache-Control", "no-store")),
        row("targeted no-store", get("/p"), fresh().header("CDN-Cache-Control", "no-store")),
        row("targeted private", get("/p"), fresh().header("CDN-Cache-Control", "private")),
        row("Vary: *", get("/p"), fresh().header("Vary", "*")),
        row("Vary: * among others", get("/p"), fresh().header("Vary", "Accept, *")),
        row("a request's no-store", get("/p").header("Cache-Control", "no-store"), fresh()),
    ]
}

#[tokio::test]
async fn invariant_4_what_is_private_is_not_stored() {
    for Private { what, request, answer } in private_exchanges() {
        // `override` may set lifetimes, never make what is private public.
        for keys in ["", "ttl = \"1m\"\norigin = \"override\""] {
            let scenario = Setup::route(keys).start().await;
            scenario.origin.on_each("/p", [answer.clone().body("for one"), reply(200).body("for the other")]);
            scenario.fetch(&request).await.status(200).body("for one").does_not_say("stored");
            let other = scenario.get("/p").await;
            assert_eq!(other.text(), "for the other", "{what}, {keys:?}\n{other}");
        }
    }
}

#[tokio::test]
async fn invariant_4_what_is_private_is_not_shared_with_those_who_wait_for_it() {
    for Private { what, request, answer } in private_exchanges() {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        let gate = Barrier::new();
        let private = answer.clone().hold(&gate).body("for one");
        scenario.origin.on_each("/p", [private, reply(200).body("for the others")]);
        let mut first = scenario.begin(&request).await;
        gate.reached_by(1).await;
        let mut waiting = Vec::new();
        for _ in 0..4 {
            waiting.push(scenario.begin(&get("/p")).await);
        }
        gate.open();
        first.response().await.body("for one");
        for client in &mut waiting {
            let response = client.response().await;
            assert_eq!(response.text(), "for the others", "{what}\n{response}");
            response.without("Set-Cookie");
        }
    }
}

#[tokio::test]
async fn invariant_4_an_authorized_request_gets_no_stored_answer_that_may_not_be_shared() {
    let scenario = Setup::route("").start().await;
    scenario.origin.on_request("/p", |seen| {
        reply(200).header("Cache-Control", "max-age=60").body(seen.value("Authorization").unwrap_or("nobody"))
    });
    for user in ["Bearer a", "Bearer b"] {
        scenario.fetch(&get("/p").header("Authorization", user)).await.body(user);
    }
    scenario.get("/p").await.body("nobody");
}

#[tokio::test]
async fn invariant_4_credentials_that_the_rule_keys_have_entries_of_their_own() {
    let scenario = Setup::route("headers = [\"x-api-key\"]").start().await;
    scenario.origin.on_request("/p", |seen| {
        reply(200).header("Cache-Control", "max-age=60").body(seen.value("X-Api-Key").unwrap_or("nobody"))
    });
    for key in ["a", "b"] {
        scenario.fetch(&get("/p").header("X-Api-Key", key)).await.says("stored").body(key);
        scenario.fetch(&get("/p").header("X-Api-Key", key)).await.hit().body(key);
    }
    scenario.get("/p").await.body("nobody");
}

#[tokio::test]
async fn invariant_4_an_authorized_answer_is_shared_where_the_origin_allows_it() {
    for allowed in ["public, max-age=60", "s-maxage=60", "max-age=60, must-revalidate"] {
        let scenario = Setup::route("").start().await;
        scenario.origin.on("/p", reply(200).header("Cache-Control", allowed).body("for all"));
        scenario.fetch(&get("/p").header("Authorization", "Bearer a")).await.says("stored");
        scenario.get("/p").await.hit().body("for all");
    }
}

#[tokio::test]
async fn invariant_4_a_stripped_cookie_reaches_no_one() {
    let scenario = Setup::route("ttl = \"1m\"\nset_cookie = \"strip\"\ncookies = []").start().await;
    scenario.origin.on("/p", reply(200).header("Set-Cookie", "session=1").body("shared"));
    scenario.fetch(&get("/p").header("Cookie", "session=9")).await.body("shared").without("Set-Cookie");
    scenario.get("/p").await.hit().without("Set-Cookie");
    assert_eq!(scenario.origin.only_request("/p").value("Cookie"), None);
}

#[tokio::test]
async fn invariant_4_a_field_that_is_private_is_not_stored_with_the_rest() {
    let scenario = Setup::route("").start().await;
    let answer = reply(200).header("Cache-Control", "max-age=60, private=\"X-Account\"").header("X-Account", "7");
    scenario.origin.on("/p", answer.body("shared"));
    scenario.get("/p").await.header("X-Account", "7");
    let other = scenario.get("/p").await;
    other.body("shared").without("X-Account");
}

#[tokio::test]
async fn invariant_4_a_304_that_sets_a_cookie_makes_nobodys_page_fresh_for_others() {
    let scenario = Setup::route("").start().await;
    let page = |user: &str| reply(200).header("Cache-Control", "no-cache").header("ETag", "\"1\"").body(user);
    let told = reply(304).header("ETag", "\"1\"").header("Cache-Control", "max-age=60").header("Set-Cookie", "seen=1");
    scenario.origin.on_each("/p", [page("one's"), told, page("the other's")]);
    scenario.get("/p").await.body("one's");
    scenario.get("/p").await.body("one's").says("fwd-status=304");
    scenario.get("/p").await.body("the other's").not_a_hit();
}
