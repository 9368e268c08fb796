//! What receipts and metrics tell of a purge, at the instance that was asked and at the others.

use super::house::{HOST, House, purge};
use crate::support::{get, post, reply};
use larder::testing::config::METRICS;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_receipt_says_at_every_instance_who_asked_which_of_them() {
    let house = House::build().await;
    let by_api = purge(&house.one, r#"{"tags": ["all"], "wait": "10s"}"#).await.status(200).text();
    let id = by_api.split('"').nth(3).expect("the id comes first").to_owned();
    for instance in [&house.one, &house.two] {
        let receipt = instance.admin(get(&format!("/purges/{id}"))).await.status(200).text();
        assert!(receipt.contains(r#""source":"admin","by":"one""#), "{receipt}");
    }
}

#[tokio::test]
async fn a_purge_by_an_unsafe_request_is_told_as_such_elsewhere_too() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).body("changed"));
    house.two.fetch(&post("/p", "").header("Host", HOST)).await.status(200);
    crate::support::deadline::within("the purge at the other instance", async {
        loop {
            let receipts = house.one.admin(get("/purges")).await.text();
            if receipts.contains(r#""source":"unsafe_request","by":"two""#) {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn each_instance_counts_a_purge_once_and_how_long_it_took() {
    let house = House::build().await;
    let count = async |series: &str| [house.one.metric(series).await, house.two.metric(series).await];
    let series = [
        "larder_purge_lag_seconds_count",
        "larder_purges_total{scope=\"tag\",source=\"admin\"}",
        "larder_purges_total{scope=\"tag\",source=\"fleet\"}",
    ];
    let mut before = Vec::new();
    for series in series {
        before.push(count(series).await);
    }
    purge(&house.one, r#"{"tags": ["all"], "wait": "10s"}"#).await.status(200);
    for ((series, before), grown) in series.into_iter().zip(before).zip([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]) {
        let after = count(series).await;
        let expected = [before[0] + grown[0], before[1] + grown[1]];
        assert_eq!(format!("{after:?}"), format!("{expected:?}"), "{series}");
    }
}

#[tokio::test]
async fn every_metric_of_an_instance_is_in_the_reference_and_the_other_way_round() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).body("changed"));
    house.one.fetch(&get("/p").header("Host", HOST)).await.status(200);
    house.one.admin(post("/events", r#"{"type": "unknown"}"#)).await.status(200);
    let text = house.one.admin(get("/metrics")).await.text();
    let typed = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let given: BTreeSet<&str> = typed.filter(|name| !name.starts_with("process_")).collect();
    let listed: BTreeSet<&str> = METRICS.iter().copied().flatten().map(|metric| metric.name).collect();
    // No request of this test shared another's fetch, no listener has a certificate, no database's changes are read,
    // nothing is traced, there is no CDN, no token is believed, and no stamps are given.
    let without = BTreeSet::from([
        "larder_audit_total",
        "larder_cdn_lag_seconds",
        "larder_cdn_purges_total",
        "larder_change_replica_lag_bytes",
        "larder_change_replica_up",
        "larder_change_stream_lag_bytes",
        "larder_change_stream_lag_seconds",
        "larder_coalesced_total",
        "larder_jwks_age_seconds",
        "larder_jwks_keys",
        "larder_jwks_refreshes_total",
        "larder_stamps_total",
        "larder_tls_certificate_expiry_timestamp_seconds",
        "larder_trace_spans_total",
    ]);
    assert_eq!(given.union(&without).copied().collect::<BTreeSet<_>>(), listed);
}
