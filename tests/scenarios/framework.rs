//! An upstream as common web frameworks are: it varies by Cookie, sets a session on each answer, says nothing of
//! caching, closes each connection, and makes absolute links from Host. What rules/20-framework.toml says of pages without
//! forms makes it a hit. tests/real_upstream/django.rs has a real framework, with forms.

use crate::support::{Scenario, Setup, get, reply};

/// The rules for such an upstream.
const RULES: &str = "[[route]]\npath = \"/catalogue/**\"\nttl = \"2m\"\ncookies = []\nset_cookie = \"strip\"\n";

/// The shipped rules for frameworks that set cookies where they are needed.
const SHIPPED: &str = include_str!("../../rules/20-framework.toml");

async fn framework() -> Scenario {
    let scenario = Setup::rules(RULES).start().await;
    let session = std::sync::atomic::AtomicU32::new(1);
    scenario.origin.on_request("/catalogue/shoes", move |seen| {
        let next = session.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let greeting = seen.value("Cookie").map_or("Hello", |_| "Hello again");
        let host = seen.value("Host").unwrap_or_default();
        reply(200)
            .header("Content-Type", "text/html; charset=utf-8")
            .header("Vary", "Accept, Cookie")
            .header("Set-Cookie", &format!("sessionid={next}; HttpOnly; Path=/; SameSite=Lax"))
            .body(format!("{greeting}, see http://{host}/catalogue/shoes?page=2"))
            .close()
    });
    scenario
}

#[tokio::test]
async fn by_the_shipped_rules_what_sets_a_cookie_is_each_visitors_own() {
    let scenario = Setup::rules(SHIPPED).start().await;
    let page = reply(200).header("Vary", "Cookie").header("Set-Cookie", "csrftoken=1").body("a form");
    scenario.origin.on("/catalogue/form", page);
    scenario.origin.on("/catalogue/shoes", reply(200).header("Vary", "Cookie").body("shoes"));
    for _ in 0..2 {
        scenario.get("/catalogue/form").await.not_a_hit().detail("set-cookie").header("Set-Cookie", "csrftoken=1");
    }
    scenario.get("/catalogue/shoes").await.says("stored");
    scenario.fetch(&get("/catalogue/shoes").header("Cookie", "csrftoken=1")).await.hit();
    scenario.fetch(&get("/catalogue/shoes").header("Cookie", "sessionid=1")).await.detail("bypass-cookie");
}

#[tokio::test]
async fn a_framework_answer_is_a_hit_for_all_users_with_nobodys_cookie_in_it() {
    let scenario = framework().await;
    let browser = |cookie: &str| get("/catalogue/shoes").header("Accept", "text/html").header("Cookie", cookie);
    let first = scenario.fetch(&browser("sessionid=alice")).await;
    first.status(200).body("Hello, see http://shop.test/catalogue/shoes?page=2").without("Set-Cookie").says("stored");
    for cookie in ["sessionid=bob", "theme=dark"] {
        let other = scenario.fetch(&browser(cookie)).await;
        other.hit().body("Hello, see http://shop.test/catalogue/shoes?page=2").without("Set-Cookie");
    }
    scenario.fetch(&get("/catalogue/shoes").header("Accept", "text/html")).await.hit();
    assert_eq!(scenario.origin.only_request("/catalogue/shoes").value("Cookie"), None);
}

#[tokio::test]
async fn links_made_from_host_name_the_host_that_was_asked() {
    let scenario = framework().await;
    for host in ["shop.test", "other.test"] {
        let response = scenario.fetch(&get("/catalogue/shoes").header("Host", host)).await;
        response.not_a_hit().body(format!("Hello, see http://{host}/catalogue/shoes?page=2"));
    }
    let forged = get("/catalogue/shoes").header("X-Forwarded-Host", "evil.test");
    scenario.fetch(&forged).await.hit().body("Hello, see http://shop.test/catalogue/shoes?page=2");
}

#[tokio::test]
async fn accept_still_picks_among_variants() {
    let scenario = framework().await;
    scenario.fetch(&get("/catalogue/shoes").header("Accept", "text/html")).await.forwarded("uri-miss");
    scenario.fetch(&get("/catalogue/shoes").header("Accept", "application/json")).await.forwarded("vary-miss");
}

#[tokio::test]
async fn without_the_rule_nothing_of_it_is_shared() {
    let scenario = Setup::route("").start().await;
    scenario.origin.on("/catalogue/shoes", reply(200).header("Vary", "Cookie").header("Set-Cookie", "s=1").body("x"));
    for _ in 0..2 {
        scenario.get("/catalogue/shoes").await.not_a_hit().header("Set-Cookie", "s=1");
    }
}
