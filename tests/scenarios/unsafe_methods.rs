//! What a successful write makes stale: RFC 9111 section 4.4.

use crate::support::{Barrier, Scenario, Setup, get, post, reply, request};

async fn stored(paths: &[&str]) -> Scenario {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    for path in paths {
        scenario.origin.on(path, reply(200).body("stored"));
        scenario.get(path).await;
        scenario.get(path).await.hit();
    }
    scenario
}

#[tokio::test]
async fn a_successful_unsafe_request_invalidates_its_target() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "UNKNOWN"] {
        for status in [200, 201, 204, 303] {
            let scenario = stored(&["/p"]).await;
            scenario.origin.on("/p", reply(status));
            scenario.fetch(&request(method, "/p").body("x")).await.status(status);
            scenario.get("/p").await.not_a_hit();
        }
    }
}

#[tokio::test]
async fn a_failed_or_safe_request_invalidates_nothing() {
    for (method, status) in [("POST", 400), ("PUT", 404), ("DELETE", 500), ("OPTIONS", 200)] {
        let scenario = stored(&["/p"]).await;
        scenario.origin.on("/p", reply(status));
        scenario.fetch(&request(method, "/p")).await.status(status);
        scenario.get("/p").await.hit().body("stored");
    }
}

#[tokio::test]
async fn location_and_content_location_of_the_same_origin_are_invalidated_too() {
    for field in ["Location", "Content-Location"] {
        for (value, hit) in [("/q", false), ("http://shop.test/q", false), ("http://other.test/q", true)] {
            let scenario = stored(&["/p", "/q"]).await;
            scenario.origin.on("/p", reply(201).header(field, value));
            scenario.fetch(&post("/p", "x")).await.status(201);
            let after = scenario.get("/q").await;
            assert_eq!(after.is_hit(), hit, "{field}: {value}\n{after}");
        }
    }
}

#[tokio::test]
async fn a_write_overtakes_a_fetch_that_began_before_it() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let gate = Barrier::new();
    scenario.origin.on_each("/p", [reply(200).hold(&gate).body("old price"), reply(204), reply(200).body("new price")]);
    let mut reading = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    scenario.fetch(&request("PUT", "/p").body("x")).await.status(204);
    gate.open();
    reading.response().await.body("old price");
    scenario.get("/p").await.not_a_hit().body("new price");
}

#[tokio::test]
async fn a_post_with_its_own_content_location_answers_a_later_get() {
    let scenario = Setup::route("methods = [\"GET\", \"POST\"]").start().await;
    let created = reply(200).header("Cache-Control", "max-age=60").header("Content-Location", "http://shop.test/p");
    scenario.origin.on_each("/p", [created.body("the product"), reply(200).body("fetched")]);
    scenario.fetch(&post("/p", "x")).await.body("the product");
    scenario.get("/p").await.hit().body("the product");
}

/// A POST whose answer comes only once `meanwhile` has been done; then whether a GET is a hit.
async fn is_kept_after(meanwhile: &str) -> bool {
    let scenario = Setup::route("").start().await;
    let gate = Barrier::new();
    let made = reply(200).header("Cache-Control", "max-age=60").header("Content-Location", "/p").body("made");
    let made = made.hold(&gate);
    scenario.origin.on_request("/p", move |seen| if seen.method == "POST" { made.clone() } else { reply(200) });
    scenario.origin.on("/q", reply(204));
    let mut posting = scenario.begin(&post("/p", "x")).await;
    gate.reached_by(1).await;
    scenario.fetch(&request("PUT", meanwhile).body("x")).await;
    gate.open();
    posting.response().await.body("made");
    scenario.get("/p").await.is_hit()
}

#[tokio::test]
async fn a_posts_answer_is_kept_unless_another_write_overtakes_it() {
    assert!(is_kept_after("/q").await, "a write elsewhere has nothing to do with it");
    assert!(!is_kept_after("/p").await, "the answer is older than the write");
}

#[tokio::test]
async fn a_posts_answer_is_kept_only_if_a_fetch_would_have_asked_for_the_same() {
    for (field, value, kept) in [
        ("Content-Type", "text/plain", true),
        ("Accept-Language", "de", true),
        ("Cookie", "currency=EUR", true),
        ("Cookie", "session=1", false),
        ("X-Forwarded-Host", "evil.test", true),
        ("X-Original-Host", "evil.test", false),
        ("If-Match", "\"1\"", false),
    ] {
        let scenario = Setup::route("cookies = [\"currency\"]").start().await;
        let made = reply(200).header("Cache-Control", "max-age=60").header("Content-Location", "/p").body("made");
        scenario.origin.on_each("/p", [made, reply(200)]);
        scenario.fetch(&post("/p", "x").header(field, value)).await.body("made");
        let cookie = if field == "Cookie" { value } else { "" };
        let after = scenario.fetch(&get("/p").header("Cookie", cookie)).await;
        assert_eq!(after.is_hit(), kept, "{field}: {value}\n{after}");
    }
    let scenario = Setup::route("query = { allow = [\"page\"] }").start().await;
    let made = reply(200).header("Cache-Control", "max-age=60").header("Content-Location", "/p").body("made");
    scenario.origin.on_each("/p", [made, reply(200)]);
    scenario.fetch(&post("/p?as=admin", "x")).await.body("made");
    scenario.get("/p").await.not_a_hit();
}

#[tokio::test]
async fn a_successful_write_purges_what_its_route_names() {
    let rules = r#"
        [[route]]
        path = "/p/{id}"
        ttl = "1m"
        purge_on_write = ["product:{id}", "search"]
        [[route]]
        path = "/page/{id}"
        ttl = "1m"
        tags = ["product:{id}"]
        [[route]]
        path = "/search"
        ttl = "1m"
        tags = ["search"]
    "#;
    for (status, hits) in [(204, false), (303, false), (409, true)] {
        let scenario = Setup::rules(rules).start().await;
        for path in ["/page/7", "/page/8", "/search"] {
            scenario.origin.on(path, reply(200).body("stored"));
            scenario.get(path).await.status(200);
        }
        scenario.origin.on("/p/7", reply(status));
        scenario.fetch(&request("PUT", "/p/7").body("x")).await.status(status);
        for path in ["/page/7", "/search"] {
            assert_eq!(scenario.get(path).await.is_hit(), hits, "{path} after {status}");
        }
        scenario.get("/page/8").await.hit();
    }
}

#[tokio::test]
async fn the_answer_to_a_write_invalidates_the_groups_that_it_names() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    for (path, group) in [("/a", "\"shoes\""), ("/b", "\"hats\"")] {
        scenario.origin.on(path, reply(200).header("Cache-Groups", group).body("stored"));
        scenario.get(path).await.status(200);
    }
    scenario.origin.on("/write", reply(200).header("Cache-Group-Invalidation", "\"shoes\", \"socks\""));
    scenario.fetch(&post("/write", "x")).await.status(200);
    scenario.get("/a").await.not_a_hit();
    scenario.get("/b").await.hit();
}

/// A shop whose search takes what is asked for in its query, and a client that writes there under queries that it makes up.
async fn after_many_writes(targets: impl Iterator<Item = String>) -> (Scenario, f64) {
    let rules = "[[route]]\npath = \"/ignored\"\nttl = \"1m\"\nquery = { allow = [\"q\"] }\n\
                 [[route]]\npath = \"/private/**\"\ncache = false\n[[route]]\npath = \"/**\"\nttl = \"1m\"";
    let scenario = Setup::rules(rules).start().await;
    let mut writer = scenario.connect().await;
    for path in ["/search", "/search/more", "/searching", "/", "/ignored", "/private/a"] {
        scenario.origin.on(path, reply(200).body("x"));
    }
    for path in ["/search?q=tea", "/search/more?q=tea", "/searching?q=tea", "/?q=tea"] {
        scenario.get(path).await.status(200);
        scenario.get(path).await.hit();
    }
    for target in targets {
        writer.send(&request("POST", &target)).await;
        writer.response().await.status(200);
    }
    let barriers = scenario.metric("larder_invalidation_barriers").await;
    (scenario, barriers)
}

#[tokio::test]
async fn a_client_that_makes_up_queries_costs_no_more_than_a_path_and_takes_nothing_beside_it() {
    let padding = "x".repeat(800);
    let made_up = |path: &'static str| {
        let padding = padding.clone();
        (0..500).map(move |n| format!("{path}?q={n}{padding}"))
    };
    let (scenario, barriers) = after_many_writes(made_up("/search")).await;
    assert!(barriers < 400.0, "{barriers} barriers");
    for path in ["/search/more?q=tea", "/searching?q=tea", "/?q=tea"] {
        scenario.get(path).await.hit();
    }
    // What was written to is gone, and so is what can't be told apart from it any more.
    scenario.get("/search?q=tea").await.not_a_hit();
    let (scenario, _) = after_many_writes(made_up("/")).await;
    for path in ["/search?q=tea", "/search/more?q=tea"] {
        scenario.get(path).await.hit();
    }
}

#[tokio::test]
async fn behind_a_balancer_the_budget_is_that_of_the_client_and_not_of_the_balancer() {
    let scenario = Setup::route("ttl = \"1m\"").listen("trusted_proxies = [\"127.0.0.1\"]").start().await;
    for path in ["/made-up", "/search"] {
        scenario.origin.on(path, reply(200).body("x"));
    }
    let mut balancer = scenario.connect().await;
    let padding = "x".repeat(800);
    let targets = (0..500).map(|n| format!("/made-up?q={n}{padding}"));
    let other = format!("/search?q=other{padding}");
    let writes = targets.map(|target| (target, "203.0.113.1")).chain([(other.clone(), "203.0.113.2")]);
    scenario.get("/search?q=tea").await.status(200);
    for (target, client) in writes {
        balancer.send(&request("POST", &target).header("X-Forwarded-For", client)).await;
        balancer.response().await.status(200);
    }
    // The second client has named one URL, and that is all it took.
    scenario.get("/search?q=tea").await.hit();
    balancer.send(&request("POST", &other).header("X-Forwarded-For", "203.0.113.1")).await;
    balancer.response().await.status(200);
    scenario.get("/search?q=tea").await.not_a_hit();
}

#[tokio::test]
async fn what_is_not_keyed_or_can_not_be_stored_raises_no_barrier_of_its_own() {
    let dropped = (0..100).map(|n| format!("/ignored?utm={n}"));
    let private = (0..100).map(|n| format!("/private/a?q={n}"));
    let (_, barriers) = after_many_writes(dropped.chain(private)).await;
    assert!((barriers - 1.0).abs() < f64::EPSILON, "{barriers} barriers");
}

#[tokio::test]
async fn a_client_that_varies_paths_takes_what_it_wrote_to_and_nothing_else() {
    let paths = (0..400).map(|n| format!("/made/up/{n}"));
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on("/made/up", reply(200).body("x"));
    scenario.get("/made/up").await.status(200);
    let mut writer = scenario.connect().await;
    for path in paths {
        scenario.origin.on(&path, reply(200));
        writer.send(&request("PUT", &path).body("x")).await;
        writer.response().await.status(200);
    }
    scenario.get("/made/up").await.hit();
}
