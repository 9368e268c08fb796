//! What is not in the key is not in the fetch: nothing that one client adds shapes what others get.

use crate::support::{Setup, get, head, reply};

#[tokio::test]
async fn dropped_query_parameters_reach_neither_key_nor_origin() {
    let scenario = Setup::route("ttl = \"1m\"\nquery = { allow = [\"page\", \"sort\"] }").start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    scenario.get("/p?utm_source=x&sort=up&page=2").await.says("stored");
    scenario.get("/p?page=2&gclid=7&sort=up").await.hit();
    scenario.get("/p?page=3&sort=up").await.not_a_hit();
    assert_eq!(scenario.origin.requests("/p")[0].target, "/p?page=2&sort=up");
}

#[tokio::test]
async fn denied_query_parameters_reach_neither_key_nor_origin() {
    let scenario = Setup::route("ttl = \"1m\"\nquery = { deny = [\"utm_*\", \"gclid\"] }").start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    scenario.get("/p?utm_source=x&b=2&a=1").await.says("stored");
    scenario.get("/p?a=1&b=2&gclid=1").await.hit();
    assert_eq!(scenario.origin.only_request("/p").target, "/p?a=1&b=2");
}

#[tokio::test]
async fn only_listed_cookies_are_keyed_and_sent() {
    let scenario = Setup::route("ttl = \"1m\"\ncookies = [\"currency\"]").start().await;
    scenario.origin.on_request("/p", |seen| reply(200).body(seen.value("Cookie").unwrap_or("none")));
    let with = |cookie| get("/p").header("Cookie", cookie);
    scenario.fetch(&with("session=1; currency=EUR")).await.body("currency=EUR");
    scenario.fetch(&with("currency=EUR; session=2")).await.hit().body("currency=EUR");
    scenario.fetch(&with("currency=JPY")).await.not_a_hit().body("currency=JPY");
    scenario.get("/p").await.not_a_hit().body("none");
}

#[tokio::test]
async fn headers_that_poison_caches_are_not_sent_on_a_cacheable_fetch() {
    let poison = [
        "X-Forwarded-Host",
        "X-Host",
        "X-Forwarded-Server",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "X-HTTP-Method",
        "X-Forwarded-Scheme",
        "X-Forwarded-Prefix",
        "X-Original-Host",
        "X_Forwarded_Host",
        "X_Tenant",
        "x.tenant",
        "X-HTTP_Method-Override",
        "X-Amz-Website-Redirect-Location",
        "X-Accel-Mapping",
        "X-Sendfile-Type",
        "Surrogate-Capability",
    ];
    for name in poison {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        scenario.origin.on("/p", reply(200).body("p"));
        scenario.fetch(&get("/p").header(name, "evil.test")).await.status(200);
        let seen = scenario.origin.only_request("/p");
        let told: Vec<_> = seen.head.lines.iter().filter(|(_, value)| value.contains("evil.test")).collect();
        assert!(told.is_empty(), "{name} reached the origin: {told:?}");
        scenario.get("/p").await.hit();
    }
}

#[tokio::test]
async fn a_header_that_the_rule_keys_on_is_sent_and_keyed() {
    let scenario = Setup::route("ttl = \"1m\"\nheaders = [\"x-original-host\"]").start().await;
    scenario.origin.on_request("/p", |seen| reply(200).body(seen.value("X-Original-Host").unwrap_or("none")));
    scenario.fetch(&get("/p").header("X-Original-Host", "a.test")).await.body("a.test");
    scenario.fetch(&get("/p").header("X-Original-Host", "b.test")).await.not_a_hit().body("b.test");
    scenario.fetch(&get("/p").header("X-Original-Host", "a.test")).await.hit().body("a.test");
}

#[tokio::test]
async fn a_clients_conditionals_never_shape_what_is_stored() {
    for (name, value) in
        [("If-None-Match", "\"1\""), ("If-None-Match", "*"), ("If-Modified-Since", "Sun, 06 Nov 2044 08:49:37 GMT")]
    {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        let whole = || reply(200).header("ETag", "\"1\"").header("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
        scenario.origin.on_request("/p", move |seen| {
            match seen.value("If-None-Match").or(seen.value("If-Modified-Since")) {
                None => whole().body("whole"),
                Some(condition) => reply(599).body(format!("a conditional fetch: {condition}")),
            }
        });
        scenario.fetch(&get("/p").header(name, value)).await.status(304);
        scenario.get("/p").await.status(200).hit().body("whole");
    }
}

#[tokio::test]
async fn a_head_request_fetches_nothing_that_answers_a_get_without_a_body() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on("/p", reply(200).body("body"));
    scenario.fetch(&head("/p")).await.status(200).body("");
    scenario.get("/p").await.status(200).body("body");
    scenario.fetch(&head("/p")).await.hit().header("Content-Length", "4");
}

#[tokio::test]
async fn a_body_on_a_get_is_part_of_neither_a_stored_answer_nor_the_next_request() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on("/p", reply(200).echoing_the_body());
    scenario.fetch(&get("/p").body("poison")).await.status(200).body("poison").does_not_say("stored");
    scenario.get("/p").await.not_a_hit().body("");
    scenario.fetch(&get("/p").body("GET /q HTTP/1.1\r\nHost: shop.test\r\n\r\n")).await.not_a_hit();
    scenario.origin.saw("/q", 0);
}

#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways_is_never_cached() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    for path in ["/a%2Fb", "/a%5Cb", "/a;b=1", "/a%3Bb", "/a%00b", "/a%zzb", "/a//b"] {
        scenario.origin.on(path, reply(200).body("read"));
        for _ in 0..2 {
            scenario.get(path).await.status(200).says("detail=ambiguous-path");
        }
        scenario.origin.saw(path, 2);
    }
}

#[tokio::test]
async fn the_path_that_is_matched_is_the_path_that_is_keyed_and_sent() {
    let rules = "[[route]]\nname = \"private\"\npath = \"/private/**\"\ncache = false\n\
                 [[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n";
    let scenario = Setup::rules(rules).start().await;
    scenario.origin.on("/private/x", reply(200).body("secret"));
    for target in ["/public/../private/x", "/%70rivate/x", "/./private/x", "/public/%2E%2e/private/x"] {
        for _ in 0..2 {
            scenario.get(target).await.not_a_hit();
        }
    }
    scenario.origin.on("/p/a", reply(200).body("a"));
    scenario.get("/p/%61").await.says("stored");
    scenario.get("/p/x/../a").await.hit();
}

#[tokio::test]
async fn an_error_is_stored_only_where_someone_says_for_how_long() {
    let scenario = Setup::route("ttl = \"1m\"\nttl_by_status = { \"404\" = \"30s\" }").start().await;
    for (path, status) in [("/400", 400), ("/403", 403), ("/500", 500), ("/503", 503)] {
        scenario.origin.on(path, reply(status).body("error"));
        scenario.get(path).await.status(status);
        scenario.get(path).await.status(status).not_a_hit();
    }
    scenario.origin.on("/404", reply(404).body("none"));
    scenario.get("/404").await.status(404);
    scenario.get("/404").await.status(404).hit();
    scenario.origin.on("/400-explicit", reply(400).header("Cache-Control", "max-age=60").body("error"));
    scenario.get("/400-explicit").await;
    scenario.get("/400-explicit").await.status(400).hit();
}

#[tokio::test]
async fn nothing_on_the_data_port_purges_anything() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    scenario.origin.on("/purge", reply(404));
    scenario.get("/p").await;
    scenario.fetch(&crate::support::post("/purge", "{\"all\": true}")).await.status(404);
    scenario.origin.on("/p", reply(405));
    for method in ["PURGE", "BAN"] {
        scenario.fetch(&crate::support::request(method, "/p")).await.status(405);
    }
    scenario.get("/p").await.hit().body("p");
}

#[tokio::test]
async fn a_clients_max_forwards_does_not_reach_the_origin_of_a_cacheable_fetch() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    scenario.fetch(&get("/p").header("Max-Forwards", "0")).await.status(200);
    assert_eq!(scenario.origin.only_request("/p").value("Max-Forwards"), None);
}

#[tokio::test]
async fn a_name_with_two_readings_is_sent_where_the_rule_keys_on_it_and_where_nothing_is_stored() {
    for (rule, other_is_a_hit) in [("ttl = \"1m\"\nheaders = [\"x_tenant\"]", false), ("cache = false", false)] {
        let scenario = Setup::route(rule).start().await;
        scenario.origin.on_request("/p", |seen| reply(200).body(seen.value("X_Tenant").unwrap_or("none")));
        for tenant in ["a", "b"] {
            let response = scenario.fetch(&get("/p").header("X_Tenant", tenant)).await;
            response.body(tenant);
            assert_eq!(response.is_hit(), other_is_a_hit, "{rule}");
        }
    }
}
