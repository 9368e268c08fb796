//! Several pools of upstream servers, of which a route chooses one.

use crate::support::origin::Origin;
use crate::support::{Barrier, Request, Scenario, Setup, get, head, post, reply, request};

const RULES: &str = r#"
[[route]]
name = "live"
path = "/search/live/**"
cache = false
upstream = "search"

[[route]]
name = "search"
path = "/search/**"
ttl = "1m"
stale_while_revalidate = "1h"
upstream = "search"

[[route]]
name = "named"
path = "/named/**"
upstream = "default"

[[route]]
name = "all"
path = "/shop/**"
ttl = "1m"
"#;

/// Larder before two pools, and the only server of the one named `search`.
async fn start() -> (Scenario, Origin) {
    let search = Origin::start().await;
    let pool = format!("[upstreams.search]\nservers = [\"http://{}\"]\nretries = {{ attempts = 0 }}", search.address);
    (Setup::rules(RULES).section(&pool).start().await, search)
}

/// Both answer any of these with their own name.
fn answer(scenario: &Scenario, search: &Origin, paths: &[&str]) {
    for path in paths {
        scenario.origin.on(path, reply(200).body("default"));
        search.on(path, reply(200).body("search"));
    }
}

#[tokio::test]
async fn every_way_to_the_origin_goes_to_the_routes_own_pool() {
    let (scenario, search) = start().await;
    let rows: [(Request, &str); 9] = [
        (get("/search/p"), "search"),
        (get("/search/r").header("Range", "bytes=0-99"), "search"),
        (get("/search/s").header("Cache-Control", "no-cache"), "search"),
        (post("/search/t", "body"), "search"),
        (request("OPTIONS", "/search/u"), "search"),
        (get("/search/live/p"), "search"),
        (get("/named/p"), "default"),
        (get("/shop/p"), "default"),
        (get("/elsewhere"), "default"),
    ];
    let paths: Vec<_> = rows.iter().map(|(request, _)| request.target.as_str()).collect();
    answer(&scenario, &search, &paths);
    for (request, pool) in &rows {
        let response = scenario.fetch(request).await;
        assert_eq!(response.text(), *pool, "{} {}: {response}", request.method, request.target);
    }
    answer(&scenario, &search, &["/search/head"]);
    scenario.fetch(&head("/search/head")).await.status(200);
    search.saw("/search/head", 1);
    scenario.origin.saw("/search/head", 0);
}

#[tokio::test]
async fn what_is_refreshed_behind_a_client_is_asked_of_the_same_pool() {
    let (scenario, search) = start().await;
    answer(&scenario, &search, &["/search/p"]);
    scenario.get("/search/p").await.body("search");
    scenario.purge(r#"{"all": true, "soft": true}"#).await;
    search.on("/search/p", reply(200).body("search again"));
    scenario.get("/search/p").await.hit().body("search");
    scenario.until("the refreshed answer", &get("/search/p"), |answer| answer.text() == "search again").await;
    scenario.origin.saw("/search/p", 0);
}

#[tokio::test]
async fn a_pool_that_fails_is_helped_out_by_no_other_and_takes_none_with_it() {
    let (scenario, search) = start().await;
    answer(&scenario, &search, &["/search/p", "/shop/p"]);
    search.on("/search/p", reply(503).body("down"));
    for _ in 0..8 {
        scenario.get("/search/p").await.status(503).body("down");
    }
    scenario.origin.saw("/search/p", 0);
    scenario.get("/shop/p").await.status(200).body("default");
    let up = |pool: &str, address| format!("larder_upstream_server_up{{pool=\"{pool}\",server=\"{address}\"}}");
    assert!(scenario.metric(&up("search", search.address)).await < 0.5);
    assert!(scenario.metric(&up("default", scenario.origin.address)).await > 0.5);
    let asked =
        format!("larder_upstream_requests_total{{pool=\"search\",server=\"{}\",result=\"answered\"}}", search.address);
    assert!((scenario.metric(&asked).await - 8.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_full_pool_serves_what_is_stale_and_else_lets_wait_and_then_says_503() {
    let keys = "max_requests = 1\nrequest_timeout = \"400ms\"";
    let route =
        |name: &str, path: &str, keys: &str| format!("[[route]]\nname = \"{name}\"\npath = \"{path}\"\n{keys}\n");
    let (patient, all) = ("read_timeout = \"1h\"", "ttl = \"1m\"\nstale_if_error = \"1h\"");
    let rules = route("patient", "/held", patient) + &route("all", "/**", all);
    let scenario = Setup::rules(&rules).upstream(keys).start().await;
    scenario.origin.on("/stored", reply(200).body("stored"));
    scenario.get("/stored").await.body("stored");
    scenario.purge(r#"{"all": true, "soft": true}"#).await;
    let barrier = Barrier::default();
    scenario.origin.on("/held", reply(200).body("held").hold(&barrier));
    let mut held = scenario.begin(&get("/held")).await;
    scenario.origin.requested("/held", 1).await;
    scenario.get("/stored").await.status(200).body("stored").forwarded("stale").detail("max-requests");
    for request in [get("/other"), post("/other", "body")] {
        let refused = scenario.fetch(&request).await;
        refused.status(503).header("Retry-After", "1");
        assert!(refused.text().contains("\"reason\":\"max-requests\""), "{refused}");
        assert!(refused.value("Proxy-Status").is_some_and(|status| status.contains("connection_limit_reached")));
    }
    scenario.origin.saw("/other", 0);
    barrier.open();
    held.response().await.status(200);
}

#[tokio::test]
async fn explain_says_which_pool_would_be_asked() {
    let (scenario, _search) = start().await;
    for (path, pool) in [("search", "search"), ("search/live", "search"), ("shop", "default"), ("elsewhere", "default")]
    {
        let explained = scenario.admin(get(&format!("/explain?url=http%3A%2F%2Fshop.test%2F{path}%2Fp"))).await.text();
        let told = explained.replace("\": ", "\":");
        assert!(told.contains(&format!("\"upstream\":\"{pool}\"")), "{path}: {explained}");
    }
}

#[tokio::test]
async fn rules_that_name_an_unknown_pool_are_refused_wherever_they_come_from() {
    let (scenario, search) = start().await;
    answer(&scenario, &search, &["/search/p"]);
    let wrong = RULES.replacen("upstream = \"search\"", "upstream = \"serach\"", 1);
    let checked = scenario.admin(post("/rules/check", &wrong)).await.text();
    std::fs::write(scenario.rules_file(), &wrong).expect("the file is there");
    let reloaded = scenario.admin(post("/reload", "")).await;
    assert_ne!(reloaded.status, 200, "{reloaded}");
    for said in [checked, reloaded.text()] {
        for part in ["there is no pool `serach` of upstream servers", "did you mean `search`?"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
    scenario.get("/search/p").await.body("search");
}
