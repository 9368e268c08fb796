//! Health, metrics, numbers.

use crate::house::{Plan, build};
use http::StatusCode;
use larder::testing::engine::Outcome;
use larder::testing::metrics::Why;
use larder::testing::scope::RouteName;
use larder::testing::semantics::Reason;
use std::time::Duration;

#[tokio::test]
async fn alive_at_once_and_ready_when_told() {
    let house = build(Plan::default()).await;
    assert_eq!(house.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(house.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    house.readiness.set(true);
    assert_eq!(house.get("/readyz").await.status, StatusCode::OK);
    house.readiness.set(false);
    assert_eq!(house.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn metrics_and_stats_agree_on_what_happened() {
    let house = build(Plan::default()).await;
    let product = RouteName::new("product<1>");
    let why = Why::Decided(Reason::Fresh);
    for outcome in [Outcome::Hit, Outcome::Hit, Outcome::Miss] {
        house.metrics.request_finished(Some(&product), outcome, why, StatusCode::OK, Duration::from_millis(2));
    }
    house.store("http://shop/api/products/42").await;
    house.post("/purge", r#"{"tags":["nothing"]}"#).await;

    let metrics = house.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in [
        r#"larder_requests_total{route="product<1>",outcome="hit",status_class="2xx"} 2"#,
        r#"larder_cache_entries{tier="memory"} 1"#,
        r#"larder_purges_total{scope="tag",source="admin"} 1"#,
    ] {
        assert!(metrics.text.lines().any(|have| have == line), "{line} is missing from\n{}", metrics.text);
    }

    let stats = house.get("/stats").await.json();
    assert_eq!(
        (&stats["overall"]["requests"], &stats["routes"]["product<1>"]["outcomes"]["hit"]),
        (&3.into(), &2.into())
    );
    assert_eq!((&stats["tiers"][0]["entries"], &stats["purges_applied"]), (&1.into(), &1.into()));
}
