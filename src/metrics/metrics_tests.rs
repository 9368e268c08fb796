//! What `GET /metrics` says.

use super::sources::FleetUsage;
use super::*;
use crate::histogram::DurationHistogram;
use crate::invalidation::local_log::LocalLog;
use crate::invalidation::purge::{Depth, Purge, Source};
use crate::invalidation::{Invalidation, PurgeOptions};
use crate::scope::Scope;
use std::collections::BTreeSet;
use std::sync::Arc;

fn busy() -> Metrics {
    let durations = DurationHistogram::default();
    durations.record(Duration::from_millis(3));
    let durations = durations.read();
    let mut sources = MetricSources::new(Arc::new(Invalidation::new(Arc::new(LocalLog::new()))));
    sources.tiers = Box::new(|| {
        vec![TierUsage { tier: "memory", entries: 3, bytes: 4_096, bytes_max: 8_192, evictions: vec![("capacity", 1)] }]
    });
    sources.servers = Box::new(move || {
        let (requests, retries) = (vec![("ok", 1)], vec![("upstream-closed", 2)]);
        let (pool, server, connections) = ("default", "127.0.0.1:8000".to_owned(), vec![("idle", 3)]);
        vec![ServerUsage { pool, server, requests, retries, up: 1, connections, durations }]
    });
    sources.rules = Box::new(|| RulesUsage { accepted: 1, refused: 2, rejected_now: 1 });
    sources.fleet = Box::new(|| {
        let (failures, writes) = (vec![("timed-out", 4)], vec![("stored", 5)]);
        Some(FleetUsage {
            answered: 1,
            claims: vec![("won", 2)],
            breaker_open: 1,
            failures,
            lookups: vec![("hit", 6)],
            writes,
        })
    });
    sources.refreshes = Box::new(|| 7);
    sources.admissions = Box::new(|| vec![(RouteName::new("product"), "body-truncated", 9)]);
    sources.events = Box::new(|| {
        let kind = "product.updated".to_owned();
        vec![crate::events::EventCount { source: "stream", kind, result: "purged", count: 8 }]
    });
    let metrics = Metrics::new(sources);
    let product = RouteName::new("product");
    let why = Why::Decided(crate::semantics::reason::Reason::Fresh);
    metrics.request_finished(Some(&product), Outcome::Hit, why, StatusCode::OK, Duration::from_micros(60));
    metrics.request_finished(Some(&product), Outcome::Collapsed, why, StatusCode::OK, Duration::from_secs(2));
    metrics.request_finished(None, Outcome::Pass, why, StatusCode::NOT_FOUND, Duration::from_mins(1));
    metrics
}

#[tokio::test]
async fn every_sample_is_named_and_labelled_as_promised() {
    let metrics = busy();
    let purge = Purge { scopes: vec![Scope::All], depth: Depth::Hard, source: Source::Admin };
    metrics.sources.invalidation.purge(purge, PurgeOptions::default()).await.unwrap();
    let text = metrics.render();
    for line in [
        r#"larder_requests_total{route="product",outcome="hit",status_class="2xx"} 1"#,
        r#"larder_requests_total{route="-",outcome="pass",status_class="4xx"} 1"#,
        r#"larder_request_reasons_total{route="product",outcome="hit",reason="fresh"} 1"#,
        r#"larder_request_duration_seconds_bucket{route="product",outcome="hit",le="0.00005"} 0"#,
        r#"larder_request_duration_seconds_bucket{route="product",outcome="hit",le="0.0001"} 1"#,
        r#"larder_request_duration_seconds_bucket{route="-",outcome="pass",le="30"} 0"#,
        r#"larder_request_duration_seconds_bucket{route="-",outcome="pass",le="+Inf"} 1"#,
        r#"larder_request_duration_seconds_sum{route="-",outcome="pass"} 60"#,
        r#"larder_coalesced_total{route="product"} 1"#,
        r#"larder_upstream_requests_total{server="127.0.0.1:8000",result="ok"} 1"#,
        r#"larder_upstream_request_duration_seconds_count{server="127.0.0.1:8000"} 1"#,
        r#"larder_upstream_retries_total{pool="default",server="127.0.0.1:8000",cause="upstream-closed"} 2"#,
        r#"larder_upstream_server_up{pool="default",server="127.0.0.1:8000"} 1"#,
        r#"larder_upstream_connections{pool="default",server="127.0.0.1:8000",state="idle"} 3"#,
        r#"larder_cache_lookups_total{tier="memory",result="hit"} 0"#,
        r#"larder_cache_lookups_total{tier="memory",result="miss"} 2"#,
        r#"larder_cache_entries{tier="memory"} 3"#,
        r#"larder_cache_bytes{tier="memory"} 4096"#,
        r#"larder_cache_evictions_total{tier="memory",reason="capacity"} 1"#,
        r#"larder_purges_total{scope="all",source="admin"} 1"#,
        r#"larder_purges_total{scope="url",source="unsafe_request"} 0"#,
        "larder_purge_lag_seconds_count 0",
        "larder_invalidation_position 1",
        r#"larder_rules_reload_total{result="refused"} 2"#,
        "larder_redis_breaker_open 1",
        "larder_refreshes_total 7",
        r#"larder_admissions_total{route="product",result="body-truncated"} 9"#,
        r#"larder_events_total{source="stream",type="product.updated",result="purged"} 8"#,
        r#"larder_fleet_claims_total{result="won"} 2"#,
        r#"larder_redis_failures_total{failure="timed-out"} 4"#,
        r#"larder_redis_writes_total{result="stored"} 5"#,
        r#"larder_cache_lookups_total{tier="redis",result="hit"} 6"#,
        "larder_rules_rejected 1",
        concat!("larder_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is missing from\n{text}");
    }
    assert!(text.contains("\nprocess_resident_memory_bytes "));
}

#[test]
fn what_is_rendered_is_the_table_and_the_process_and_nothing_else() {
    let rendered = busy().render();
    let typed: BTreeSet<&str> =
        rendered.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let ours: BTreeSet<&str> = typed.into_iter().filter(|name| !name.starts_with("process_")).collect();
    assert_eq!(ours, table::ALL.iter().map(|row| row.name).collect());
}
