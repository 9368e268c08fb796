//! Warming: what is fetched before anyone asks, and how it gives way to those who do.

use crate::support::{Barrier, Scenario, Setup, deadline, get, post, reply, request};
use serde_json::{Value, json};

/// Begins to warm; the path of its job.
async fn begin(scenario: &Scenario, body: &Value) -> String {
    let said = scenario.admin(post("/warm", &body.to_string())).await;
    said.status(202);
    said.value("Location").expect("it says where the job is").to_owned()
}

async fn job(scenario: &Scenario, place: &str) -> Value {
    let said = scenario.admin(get(place)).await;
    serde_json::from_str(&said.text()).expect("a job is JSON")
}

/// Waits until a job looks as it should.
async fn until(scenario: &Scenario, place: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    deadline::within(what, async {
        loop {
            let job = job(scenario, place).await;
            if holds(&job) {
                return job;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

async fn warm(scenario: &Scenario, body: Value) -> Value {
    let place = begin(scenario, &body).await;
    until(scenario, &place, "the job ends", |job| job["state"] != "running").await
}

fn urls(paths: &[&str]) -> Value {
    json!({"urls": paths, "host": "shop.test"})
}

#[tokio::test]
async fn what_was_warmed_is_a_hit_for_the_first_client() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on("/p", reply(200).body("warm"));
    let job = warm(&scenario, urls(&["/p"])).await;
    assert_eq!(job["results"], json!({"fetched": 1}), "{job}");
    scenario.get("/p").await.hit().body("warm");
    scenario.origin.saw("/p", 1);
    // It is no request of a client, and the origin is told so by nothing but that it knows none.
    let seen = scenario.origin.only_request("/p");
    assert_eq!(seen.value("X-Forwarded-For"), None);
    let metrics = scenario.admin(get("/metrics")).await.text();
    assert!(metrics.contains("larder_warm_urls_total{result=\"fetched\"} 1"), "{metrics}");
    assert!(metrics.contains("larder_jobs{kind=\"warm\",state=\"done\"} 1"), "{metrics}");
    let counted = metrics.lines().filter(|line| line.starts_with("larder_requests_total{") && !line.ends_with(" 0"));
    let counted: Vec<_> = counted.collect();
    assert_eq!(counted.len(), 1, "a client's hit alone is counted: {counted:?}");
}

#[tokio::test]
async fn a_client_that_comes_meanwhile_shares_the_fetch() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let gate = Barrier::new();
    scenario.origin.on("/p", reply(200).hold(&gate).body("shared"));
    let place = begin(&scenario, &urls(&["/p"])).await;
    gate.reached_by(1).await;
    let mut client = scenario.begin(&get("/p")).await;
    // And warming joins what somebody fetches already.
    let joined = warm(&scenario, urls(&["/p"])).await;
    assert_eq!(joined["results"], json!({"under-way": 1}));
    gate.open();
    client.response().await.status(200).body("shared");
    until(&scenario, &place, "the job ends", |job| job["state"] == "done").await;
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn warming_leaves_clients_half_of_what_may_be_fetched_at_once() {
    for (what, rule, upstream) in [("miss_limit", "miss_limit = 2", ""), ("max_requests", "", "max_requests = 2")] {
        let rule = format!("ttl = \"1m\"\ncoalesce_wait = \"1h\"\n{rule}");
        let scenario = Setup::route(&rule).upstream(upstream).start().await;
        let gate = Barrier::new();
        scenario.origin.on("/slow", reply(200).hold(&gate).body("slow"));
        scenario.origin.on("/p", reply(200).body("client"));
        scenario.origin.on("/w", reply(200).body("warm"));
        let mut slow = scenario.begin(&get("/slow")).await;
        gate.reached_by(1).await;
        let place = begin(&scenario, &urls(&["/w"])).await;
        until(&scenario, &place, &format!("warming gives way: {what}"), |job| job["gives_way"] == true).await;
        // The other place is for clients.
        scenario.get("/p").await.status(200).body("client");
        scenario.origin.saw("/w", 0);
        gate.open();
        slow.response().await.status(200);
        let job = until(&scenario, &place, "the job ends", |job| job["state"] == "done").await;
        assert_eq!((&job["results"], &job["gives_way"]), (&json!({"fetched": 1}), &json!(false)), "{what}");
        scenario.get("/w").await.hit();
    }
}

#[tokio::test]
async fn what_is_not_stored_or_fails_is_told_with_its_reason() {
    let scenario =
        Setup::rules("[[route]]\npath = \"/own/**\"\ncache = false\n[[route]]\npath = \"/**\"\nttl = \"1m\"")
            .start()
            .await;
    scenario.origin.on("/private", reply(200).header("Cache-Control", "private").body("mine"));
    scenario.origin.on("/broken", reply(500).body("broken"));
    scenario.origin.on("/gone", reply(404).header("Cache-Control", "max-age=60").body("gone"));
    let paths = ["/private", "/broken", "/gone", "/own/page"];
    let job = warm(&scenario, json!({"urls": paths, "host": "shop.test", "concurrent": 1})).await;
    assert_eq!(job["state"], "done");
    assert_eq!(job["results"], json!({"not-stored": 1, "failed": 1, "fetched": 1, "not-cached": 1}), "{job}");
    let problems: Vec<_> = job["problems"].as_array().expect("it is a list").iter().collect();
    let problem = |path: &str, reason: &str| json!({"item": format!("http://shop.test{path}"), "reason": reason});
    assert_eq!(
        problems,
        [
            &problem("/private", "response-private"),
            &problem("/broken", "upstream-error-status"),
            &problem("/own/page", "route-passes")
        ]
    );
    scenario.origin.saw("/own/page", 0);
    scenario.get("/gone").await.status(404).hit();
}

#[tokio::test]
async fn a_sitemap_is_read_through_the_instance_and_its_pages_are_warmed() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let of = |paths: &[&str]| {
        let item = |path: &&str| format!("<url><loc>http://shop.test{path}</loc></url>");
        format!("<?xml version=\"1.0\"?><urlset>{}</urlset>", paths.iter().map(item).collect::<String>())
    };
    let index = "<sitemapindex><sitemap><loc>http://shop.test/1.xml</loc></sitemap>\
                 <sitemap><loc>http://shop.test/missing.xml</loc></sitemap>\
                 <sitemap><loc>http://shop.test/2.xml</loc></sitemap></sitemapindex>";
    scenario.origin.on("/sitemap.xml", reply(200).body(index));
    scenario.origin.on("/1.xml", reply(200).body(of(&["/a", "/b"])));
    scenario.origin.on("/2.xml", reply(200).body(of(&["/c"])));
    scenario.origin.on("/missing.xml", reply(404));
    for path in ["/a", "/b", "/c"] {
        scenario.origin.on(path, reply(200).body(path));
    }
    let job = warm(&scenario, json!({"sitemap": "http://shop.test/sitemap.xml"})).await;
    assert_eq!((&job["state"], &job["total"]), (&json!("done"), &json!(3)), "{job}");
    assert_eq!(job["results"], json!({"fetched": 3}));
    assert_eq!(job["problems"][0]["item"], "http://shop.test/missing.xml");
    for path in ["/a", "/b", "/c"] {
        scenario.get(path).await.hit().body(path);
    }
    let failed = warm(&scenario, json!({"sitemap": "http://shop.test/a"})).await;
    assert_eq!(failed["state"], "failed");
    assert!(failed["why"].as_str().is_some_and(|why| why.contains("neither a urlset")), "{failed}");
}

#[tokio::test]
async fn a_variant_is_warmed_by_its_fields() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let reply = |language: &str| reply(200).header("Vary", "Accept-Language").body(language);
    scenario.origin.on_request("/p", move |seen| reply(seen.value("Accept-Language").unwrap_or("none")));
    let job = warm(&scenario, json!({"urls": ["/p"], "host": "shop.test", "headers": {"Accept-Language": "de"}})).await;
    assert_eq!(job["results"], json!({"fetched": 1}));
    scenario.fetch(&get("/p").header("Accept-Language", "de")).await.hit().body("de");
    scenario.fetch(&get("/p").header("Accept-Language", "fr")).await.not_a_hit().body("fr");
}

#[tokio::test]
async fn a_job_that_is_called_off_begins_nothing_more() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let gate = Barrier::new();
    scenario.origin.on("/a", reply(200).hold(&gate).body("a"));
    scenario.origin.on("/b", reply(200).body("b"));
    let place = begin(&scenario, &json!({"urls": ["/a", "/b"], "host": "shop.test", "concurrent": 1})).await;
    gate.reached_by(1).await;
    let cancelled = scenario.admin(request("DELETE", &place)).await;
    cancelled.status(200);
    assert!(cancelled.text().contains("\"state\":\"cancelled\""), "{cancelled}");
    gate.open();
    // What had begun is stored all the same: a client that waits for it may share it.
    scenario.until("what had begun is stored", &get("/a"), crate::support::expect::Response::is_hit).await.body("a");
    scenario.origin.saw("/b", 0);
}
