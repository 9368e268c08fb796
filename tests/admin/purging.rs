//! Purges, through the API and by what clients then get.

use crate::house::{House, Plan, build};
use http::StatusCode;
use larder::testing::fleet::{Keeper, Link, LinkError, LinkFailure};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const PRODUCT: &str = "http://shop/api/products/42";

async fn purge(house: &House, body: Value) -> Value {
    let said = house.post("/purge", body.to_string()).await;
    assert_eq!(said.status, StatusCode::OK, "{body}: {}", said.text);
    said.json()
}

/// After a purge of `body`, is what was stored for `url` still a hit?
async fn check(body: Value, url: &str, expected: &str) {
    let house = build(Plan::default()).await;
    house.store(url).await;
    purge(&house, body.clone()).await;
    assert_eq!(house.browse(url).await, expected, "{url} after {body}");
}

#[tokio::test]
async fn a_purge_takes_what_it_names_and_nothing_else() {
    for (body, expected) in [
        (json!({"all": true}), "miss"),
        (json!({"tags": ["product:42"]}), "miss"),
        (json!({"tags": ["product:4"]}), "hit"),
        (json!({"tags": ["product:4", "catalog"]}), "miss"),
        (json!({"routes": ["product"]}), "miss"),
        (json!({"routes": ["search"]}), "hit"),
        (json!({"urls": [PRODUCT]}), "miss"),
        (json!({"urls": ["https://SHOP:443/api/./products/%34%32"]}), "miss"),
        (json!({"urls": ["http://shop/api/products/42?"]}), "hit"),
        (json!({"urls": ["http://other/api/products/42"]}), "hit"),
        (json!({"urls": ["/api/products/42"]}), "miss"),
        (json!({"urls": ["/api/products/4"]}), "hit"),
        (json!({"prefixes": ["/api/products/"]}), "miss"),
        (json!({"prefixes": ["/api/products/421"]}), "hit"),
        (json!({"prefixes": ["http://shop"]}), "miss"),
        (json!({"prefixes": ["http://sho"]}), "hit"),
    ] {
        check(body, PRODUCT, expected).await;
    }
}

#[tokio::test]
async fn a_purged_url_goes_through_the_query_recipe_of_its_route() {
    let search = "http://shop/api/search?q=tea&utm_source=mail";
    check(json!({"urls": ["http://shop/api/search?session=1&q=tea"]}), search, "miss").await;
    check(json!({"urls": ["/api/search?q=tea&page=9"]}), search, "miss").await;
    check(json!({"urls": ["/api/search?q=coffee"]}), search, "hit").await;
    check(json!({"urls": ["/api/search"]}), search, "hit").await;
    let hosted = "http://a.example.com/api/search?page=2&q=tea";
    check(json!({"urls": ["/api/search?q=coffee&page=2"]}), hosted, "miss").await;
    check(json!({"urls": ["http://b.example.com/api/search?page=2"]}), hosted, "hit").await;
    check(json!({"urls": ["/api/search?q=tea"]}), hosted, "hit").await;
}

#[tokio::test]
async fn a_url_without_a_query_means_exactly_no_query() {
    check(json!({"urls": [PRODUCT]}), "http://shop/api/products/42?lang=de", "hit").await;
    check(json!({"urls": ["/api/products/42?lang=de"]}), "http://shop/api/products/42?lang=de", "miss").await;
}

#[tokio::test]
async fn a_soft_purge_makes_stale_and_a_hard_one_unusable() {
    check(json!({"tags": ["catalog"], "soft": true}), PRODUCT, "stale").await;
    check(json!({"tags": ["catalog"], "soft": false}), PRODUCT, "miss").await;
}

#[tokio::test]
async fn a_purge_leaves_a_receipt() {
    let house = build(Plan::default()).await;
    let receipt = purge(&house, json!({"tags": ["a"], "urls": ["http://SHOP/x/../y"], "wait": "2s"})).await;
    assert_eq!((&receipt["applied"], &receipt["pending"]), (&json!(["one"]), &json!([])));
    assert_eq!(receipt["stamp"], "0-1");
    assert_eq!(receipt["scopes"][1], json!({"kind": "url", "name": "http://shop/y", "may_match": false}));
    let id = receipt["id"].as_str().unwrap();
    assert_eq!(house.get(&format!("/purges/{id}")).await.json(), receipt);

    let later = purge(&house, json!({"all": true})).await;
    assert_eq!(house.get("/purges").await.json(), json!({"purges": [later, receipt]}));
    let unknown = house.get("/purges/0-99").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_no_purge_is_refused_whole_and_the_field_named() {
    let house = build(Plan::default()).await;
    for (body, field) in [
        ("", None),
        ("{", None),
        ("null", None),
        (r#"[["a"]]"#, None),
        ("{}", None),
        (r#"{"tags":["a"],"tags":["b"]}"#, None),
        (r#"{"tags":["a"],"urrls":["/"]}"#, None),
        (r#"{"tags":["a","b\nc"]}"#, Some("tags[1]")),
        (r#"{"tags":["a"],"urls":["/ok","shop/x"]}"#, Some("urls[1]")),
        (r#"{"tags":["a"],"urls":["http://user@shop/"]}"#, Some("urls[0]")),
        (r#"{"tags":["a"],"prefixes":[7]}"#, Some("prefixes[0]")),
        (r#"{"tags":["a"],"routes":["produkt"]}"#, Some("routes[0]")),
        (r#"{"tags":["a"],"all":"yes"}"#, Some("all")),
        (r#"{"tags":["a"],"wait":"forever"}"#, Some("wait")),
    ] {
        let said = house.post("/purge", body).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(said.header("content-type"), "application/problem+json", "{body}");
        assert_eq!(said.json()["field"].as_str(), field, "{body}");
    }
    assert!(house.engine.invalidation().receipts().is_empty(), "half a purge was done");
}

#[tokio::test]
async fn an_unknown_route_is_told_the_nearest_name() {
    let house = build(Plan::default()).await;
    let said = house.post("/purge", r#"{"routes":["produkt"]}"#).await.json();
    assert_eq!(said["hint"], "did you mean `product`?");
}

/// A Redis that is away.
#[derive(Debug)]
struct Away;

#[async_trait::async_trait]
impl Link for Away {
    async fn call(&self, _: &redis::Cmd, _: Duration) -> Result<redis::Value, LinkError> {
        Err(LinkError::of(LinkFailure::Away))
    }

    async fn keeper(&self, _: &str, _: Duration) -> Result<Keeper, LinkError> {
        Err(LinkError::of(LinkFailure::Away))
    }

    fn generation(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn a_purge_that_the_log_cannot_take_is_503_and_holds_here() {
    let house = build(Plan { link: Some(Arc::new(Away)), ..Plan::default() }).await;
    assert_eq!(house.browse(PRODUCT).await, "miss");
    let before = house.engine.invalidation().applied();
    let said = house.post("/purge", r#"{"tags":["catalog"]}"#).await;
    assert_eq!((said.status.as_u16(), said.header("retry-after")), (503, "1"));
    assert!(house.engine.invalidation().applied() > before);
    assert_eq!(house.browse(PRODUCT).await, "miss");
}

/// Of each scope of a purge: whether it may match, and its hint.
async fn matches(house: &House, body: &str) -> Vec<(bool, String)> {
    let said = house.post("/purge", body).await;
    let shown =
        |scope: &Value| (scope["may_match"].as_bool().unwrap(), scope["hint"].as_str().unwrap_or_default().to_owned());
    said.json()["scopes"].as_array().unwrap_or_else(|| panic!("{}", said.text)).iter().map(shown).collect()
}

#[tokio::test]
async fn a_receipt_says_what_may_match_and_what_may_have_been_meant() {
    let house = build(Plan::default()).await;
    let nothing = matches(&house, r#"{"tags":["product:42"],"all":true}"#).await;
    assert!(nothing.iter().all(|(may_match, _)| !may_match), "nothing is stored: {nothing:?}");
    house.store("http://shop/api/products/42").await;
    house.store("http://shop/list?page=2").await;
    house.store("http://shop/folder/").await;
    for (body, expected, hint) in [
        (r#"{"tags":["product:42"]}"#, true, ""),
        (r#"{"tags":["product:43"]}"#, false, ""),
        (r#"{"tags":["prodct:42"]}"#, false, "did you mean `product:{id}`?"),
        (r#"{"tags":["katalog"]}"#, false, "did you mean `catalog`?"),
        (r#"{"tags":["unheard-of"]}"#, false, "only the origin can"),
        (r#"{"routes":["product"]}"#, true, ""),
        (r#"{"routes":["search"]}"#, false, ""),
        (r#"{"urls":["/api/products/42"]}"#, true, ""),
        (r#"{"urls":["https://shop/api/products/42"]}"#, true, ""),
        (r#"{"urls":["/api/products/43"]}"#, false, ""),
        (r#"{"urls":["/api/products/42?utm_source=x"]}"#, false, "stored without a query"),
        (r#"{"urls":["/list"]}"#, false, "the prefix `/list?` means any"),
        (r#"{"urls":["/list?page=3"]}"#, false, "the prefix `/list?` means any"),
        (r#"{"urls":["/folder"]}"#, false, "did you mean `/folder/`?"),
        (r#"{"urls":["http://www.shop/api/products/42"]}"#, false, "`/api/products/42` means every host"),
        (r#"{"prefixes":["/api/prod"]}"#, true, ""),
        (r#"{"prefixes":["/ap/"]}"#, false, ""),
        (r#"{"prefixes":["http://www.shop/api/"]}"#, false, "`/api/` means every host"),
        (r#"{"all":true}"#, true, ""),
    ] {
        let found = matches(&house, body).await;
        let [(may_match, said)] = found.as_slice() else { panic!("{body}: {found:?}") };
        assert_eq!(
            (*may_match, said.contains(hint), said.is_empty()),
            (expected, true, hint.is_empty()),
            "{body}: {said}"
        );
    }
}

#[tokio::test]
async fn what_rules_since_give_what_is_stored_may_match() {
    let house = build(Plan::default()).await;
    house.store("http://shop/api/products/42").await;
    let rules = |tag| {
        let path = larder::testing::rules::PathPattern::parse("/api/products/{id}").unwrap();
        let mut route = larder::testing::rules::Route::plain(larder::testing::scope::RouteName::new("renamed"), path);
        route.tags = vec![larder::testing::rules::TagTemplate::parse(tag).unwrap()];
        larder::testing::rules::RuleSet::new(vec![route]).unwrap()
    };
    for tag in ["sku:{id}", "item:{id}"] {
        house.engine.replace_rules(rules(tag));
    }
    for (body, expected) in [
        (r#"{"tags":["product:42"]}"#, true),
        (r#"{"tags":["sku:42"]}"#, true),
        (r#"{"tags":["item:42"]}"#, true),
        (r#"{"tags":["other:42"]}"#, false),
        (r#"{"routes":["product"]}"#, true),
        (r#"{"routes":["renamed"]}"#, true),
    ] {
        assert_eq!(matches(&house, body).await[0].0, expected, "{body}");
    }
}

/// What a dry run of `body` says it would take: entries, those fresh among them, and those among the hot keys.
async fn preview(house: &House, body: Value) -> (u64, u64, u64) {
    let said = house.post("/purge?dry_run=true", body.to_string()).await;
    assert_eq!(said.status, StatusCode::OK, "{body}: {}", said.text);
    let said = said.json();
    assert_eq!(said["dry_run"], true);
    let number = |value: &Value| value.as_u64().expect("it is a number");
    assert_eq!(number(&said["entries"]) > 0, number(&said["bytes"]) > 0, "{said}");
    (number(&said["entries"]), number(&said["fetches"]["at_most"]), number(&said["fetches"]["hot"]))
}

#[tokio::test]
async fn a_dry_run_foretells_what_a_purge_takes_and_takes_nothing() {
    let house = build(Plan::default()).await;
    let urls = [PRODUCT, "http://shop/api/products/43", "http://shop/api/search?q=tea", "http://other/else"];
    for url in urls {
        house.store(url).await;
    }
    for _ in 0..8 {
        assert_eq!(house.browse(PRODUCT).await, "hit");
    }
    for (body, entries) in [
        (json!({"all": true}), 4),
        (json!({"tags": ["catalog"]}), 2),
        (json!({"tags": ["product:42"]}), 1),
        (json!({"tags": ["product:42", "catalog"], "urls": [PRODUCT]}), 2),
        (json!({"tags": ["product:4"]}), 0),
        (json!({"routes": ["search"]}), 1),
        (json!({"prefixes": ["http://shop/"]}), 3),
        (json!({"urls": ["/api/search?q=tea&utm=1"]}), 1),
    ] {
        let mut soft = body.clone();
        soft["soft"] = json!(true);
        for body in [body.clone(), soft] {
            let (foretold, fetches, _) = preview(&house, body.clone()).await;
            assert_eq!((foretold, fetches), (entries, entries), "{body}");
        }
    }
    let said = house.post("/purge?dry_run=true", r#"{"tags": ["catalog"]}"#).await.json();
    assert_eq!(said["hottest"][0], json!({"url": PRODUCT, "route": "product"}));
    // In the body it is as good.
    let said = house.post("/purge", r#"{"tags": ["catalog"], "dry_run": true}"#).await.json();
    assert_eq!(said["dry_run"], true);
    assert!(house.engine.invalidation().receipts().is_empty(), "a dry run has left a receipt");
    for url in urls {
        assert_eq!(house.browse(url).await, "hit", "{url} after dry runs");
    }
}

#[tokio::test]
async fn a_dry_run_does_not_count_what_a_purge_has_taken_already() {
    let house = build(Plan::default()).await;
    house.store(PRODUCT).await;
    house.store("http://shop/api/products/43").await;
    purge(&house, json!({"tags": ["product:42"], "soft": true})).await;
    // A soft one would change nothing more of it, a hard one would; it is stale, and costs no fetch that it does not cost now.
    assert_eq!(preview(&house, json!({"tags": ["catalog"], "soft": true})).await.0, 1);
    let (entries, fetches, _) = preview(&house, json!({"tags": ["catalog"]})).await;
    assert_eq!((entries, fetches), (2, 1));
    purge(&house, json!({"tags": ["product:42"]})).await;
    assert_eq!(preview(&house, json!({"tags": ["catalog"]})).await.0, 1);
}

#[tokio::test]
async fn a_purge_with_an_unknown_query_purges_nothing() {
    let house = build(Plan::default()).await;
    house.store(PRODUCT).await;
    for query in ["dryrun=true", "dry_run=yes", "dry_run", "dry_run=true&dry_run=true", "soft=true", "%"] {
        let said = house.post(&format!("/purge?{query}"), r#"{"all": true}"#).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST, "{query}: {}", said.text);
        assert_eq!(said.header("content-type"), "application/problem+json", "{query}");
    }
    assert!(house.engine.invalidation().receipts().is_empty());
    assert_eq!(house.browse(PRODUCT).await, "hit");
}
