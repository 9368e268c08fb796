//! What a route's origin is asked instead of what the client asked: paths, Host, fields, and which values of Origin.

use crate::support::{Setup, get, head, post, reply, request};

const MAPPED: &str = r#"
[[route]]
name = "exception"
path = "/shop/account/**"
cache = false
strip_prefix = "/shop"
add_prefix = "/v2"
upstream_host = "api.internal:8000"

[[route]]
name = "shop"
path = "/shop/**"
ttl = "1m"
strip_prefix = "/shop"
add_prefix = "/v2"
upstream_host = "api.internal:8000"
bypass = { query = ["preview"] }
"#;

#[tokio::test]
async fn the_origin_is_asked_for_its_own_path_and_host_and_everything_else_knows_the_clients() {
    let scenario = Setup::rules(MAPPED).start().await;
    for path in ["/v2/p", "/v2/account/me"] {
        scenario.origin.on_request(path, |seen| reply(200).body(&seen.target));
    }
    scenario.get("/shop/p").await.says("stored").body("/v2/p");
    scenario.get("/shop/p").await.hit();
    scenario.fetch(&head("/shop/p")).await.hit();
    scenario.fetch(&get("/shop/p").header("Range", "bytes=0-1")).await.hit().body("/v");
    scenario.get("/shop/p?preview=1").await.forwarded("bypass").body("/v2/p?preview=1");
    scenario.get("/shop/account/me").await.body("/v2/account/me");
    for seen in scenario.origin.all_requests() {
        assert_eq!(seen.head.values("Host"), ["api.internal:8000"], "{}", seen.target);
    }
    // Operators name what clients name.
    scenario.purge(r#"{"urls": ["/v2/p"]}"#).await;
    scenario.get("/shop/p").await.hit();
    scenario.purge(r#"{"urls": ["http://shop.test/shop/p"]}"#).await;
    scenario.get("/shop/p").await.not_a_hit();
    scenario.purge(r#"{"prefixes": ["/shop/"]}"#).await;
    scenario.get("/shop/p").await.not_a_hit();
    let explained = scenario.admin(get("/explain?url=http%3A%2F%2Fshop.test%2Fshop%2Fp")).await.text();
    for part in ["\"origin_target\":\"/v2/p\"", "\"keyed_url\":\"http://shop.test/shop/p\"", "api.internal:8000"] {
        assert!(explained.replace("\": ", "\":").contains(part), "{part} in {explained}");
    }
}

#[tokio::test]
async fn two_hosts_of_clients_have_entries_of_their_own_though_the_origin_sees_one() {
    let scenario = Setup::rules(MAPPED).start().await;
    scenario.origin.on("/v2/p", reply(200).body("p"));
    scenario.fetch(&get("/shop/p").header("Host", "de.test")).await.not_a_hit();
    scenario.fetch(&get("/shop/p").header("Host", "fr.test")).await.not_a_hit();
    scenario.fetch(&get("/shop/p").header("Host", "fr.test")).await.hit();
}

#[tokio::test]
async fn redirects_of_every_road_name_what_clients_know() {
    let scenario = Setup::rules(MAPPED).start().await;
    let moved = |location: &str| reply(301).header("Location", location).header("Cache-Control", "max-age=60");
    scenario.origin.on("/v2/old", moved("http://api.internal:8000/v2/new?a=b#c"));
    scenario.origin.on("/v2/older", moved("/v2/old"));
    scenario.origin.on("/v2/account/old", moved("../login"));
    scenario.origin.on("/v2/away", moved("https://elsewhere.test/v2/new"));
    for (asked, location) in [
        ("/shop/old", "http://shop.test/shop/new?a=b#c"),
        ("/shop/older", "/shop/old"),
        ("/shop/account/old", "../login"),
        ("/shop/away", "https://elsewhere.test/v2/new"),
    ] {
        for _ in 0..2 {
            scenario.get(asked).await.status(301).header("Location", location);
        }
        scenario.fetch(&head(asked)).await.status(301).header("Location", location);
    }
    scenario.origin.saw("/v2/old", 1);
}

#[tokio::test]
async fn what_an_unsafe_request_changed_is_invalidated_under_its_clients_urls() {
    let scenario = Setup::rules(MAPPED).start().await;
    for path in ["/v2/a", "/v2/b", "/v2/c"] {
        scenario.origin.on_request(path, move |seen| match &*seen.method {
            "POST" => {
                reply(201).header("Location", "http://api.internal:8000/v2/b").header("Content-Location", "/v2/c")
            }
            _ => reply(200).body(path),
        });
    }
    for path in ["/shop/a", "/shop/b", "/shop/c"] {
        scenario.get(path).await.not_a_hit();
        scenario.get(path).await.hit();
    }
    let created = scenario.fetch(&post("/shop/a", "x")).await;
    created.status(201).header("Location", "http://shop.test/shop/b").header("Content-Location", "/shop/c");
    for path in ["/shop/a", "/shop/b", "/shop/c"] {
        scenario.get(path).await.not_a_hit();
    }
}

#[tokio::test]
async fn a_path_that_could_leave_the_prefix_is_refused() {
    let scenario = Setup::rules(MAPPED).start().await;
    scenario.origin.on("/v2/a%2Fb", reply(200).body("encoded"));
    scenario.get("/shop/a%2Fb").await.status(200).body("encoded");
    for path in ["/shop/..%2Fadmin", "/shop/..;/admin"] {
        scenario.get(path).await.problem(400);
    }
}

const FIELDS: &str = r#"
[[route]]
name = "exception"
path = "/pass/**"
cache = false
set_request_headers = { "X-Api-Key" = "s3cret" }
remove_request_headers = ["x-debug"]

[[route]]
name = "shop"
path = "/**"
ttl = "1m"
set_request_headers = { "X-Api-Key" = "s3cret", Authorization = "Basic bGFyZGVy" }
remove_request_headers = ["x-debug", "accept-language"]
"#;

#[tokio::test]
async fn fields_are_put_in_and_taken_out_of_what_the_origin_is_sent() {
    let scenario = Setup::rules(FIELDS).start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    scenario.origin.on("/pass/p", reply(200).body("p"));
    let asked = |path| get(path).header("X-Api-Key", "mine").header("X-Debug", "1").header("Connection", "X-Api-Key");
    for path in ["/p", "/pass/p"] {
        scenario.fetch(&asked(path)).await.status(200);
        let seen = scenario.origin.only_request(path);
        assert_eq!(seen.head.values("X-Api-Key"), ["s3cret"], "{path}");
        assert_eq!(seen.value("X-Debug"), None, "{path}");
    }
    assert_eq!(scenario.origin.only_request("/p").head.values("Authorization"), ["Basic bGFyZGVy"]);
    // The operator's credential is the same for everyone, so what it fetched is shared.
    scenario.get("/p").await.hit();
}

#[tokio::test]
async fn vary_is_judged_by_what_was_sent() {
    let scenario = Setup::rules(FIELDS).start().await;
    scenario.origin.on("/p", reply(200).header("Vary", "X-Api-Key, X-Debug, Accept-Language").body("p"));
    scenario.fetch(&get("/p").header("X-Api-Key", "a").header("Accept-Language", "de")).await.not_a_hit();
    scenario.fetch(&get("/p").header("X-Api-Key", "b").header("Accept-Language", "fr")).await.hit();
    scenario.fetch(&get("/p").header("X-Debug", "1")).await.hit();
}

const CORS: &str = r#"
[[route]]
name = "api"
path = "/**"
ttl = "1m"
vary_origin = ["https://shop.test", "https://m.shop.test:8443"]
"#;

#[tokio::test]
async fn each_listed_origin_has_one_entry_and_all_others_share_one() {
    // With Vary and without: many APIs reflect Origin and forget to say so.
    for vary in ["Origin", "Accept-Encoding"] {
        let scenario = Setup::rules(CORS).start().await;
        scenario.origin.on_request("/p", move |seen| {
            let answer = reply(200).header("Vary", vary).body("p");
            match seen.value("Origin") {
                Some(origin) => answer.header("Access-Control-Allow-Origin", origin),
                None => answer,
            }
        });
        let from = |origin: &str| get("/p").header("Origin", origin);
        for origin in ["https://shop.test", "https://m.shop.test:8443"] {
            scenario.fetch(&from(origin)).await.not_a_hit().header("Access-Control-Allow-Origin", origin);
            scenario.fetch(&from(origin)).await.hit().header("Access-Control-Allow-Origin", origin);
        }
        scenario.get("/p").await.not_a_hit().without("Access-Control-Allow-Origin");
        for origin in ["https://evil.test", "null", "https://shop.test.evil.test", "HTTPS://SHOP.TEST"] {
            scenario.fetch(&from(origin)).await.hit().without("Access-Control-Allow-Origin");
        }
        let twice = from("https://shop.test").header("Origin", "https://evil.test");
        scenario.fetch(&twice).await.hit().without("Access-Control-Allow-Origin");
        scenario.origin.saw("/p", 3);
    }
}

#[tokio::test]
async fn a_preflight_passes_through_with_the_origin_that_it_came_with() {
    let scenario = Setup::rules(CORS).start().await;
    scenario.origin.on("/p", reply(204));
    scenario.fetch(&request("OPTIONS", "/p").header("Origin", "https://evil.test")).await.status(204);
    assert_eq!(scenario.origin.only_request("/p").head.values("Origin"), ["https://evil.test"]);
}
