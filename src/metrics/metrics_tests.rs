//! What `GET /metrics` says.

use super::*;
use crate::histogram::DurationHistogram;
use crate::semantics::reason::Reason;

const PURGES: Metric = Metric::counter("larder_test_purges_total", &["scope", "source"], "Purges.");
const LAG: Metric = Metric::histogram("larder_test_lag_seconds", &[], "Lag.");
const OPEN: Metric = Metric::gauge("larder_test_open", &["server"], "Open.");
const SILENT: Metric = Metric::gauge("larder_test_silent", &[], "Never sampled.");

/// Counts for itself, twice over: two parts may give samples of one metric.
struct Other;

impl Measured for Other {
    fn sample(&self, samples: &mut Samples) {
        let lags = DurationHistogram::default();
        lags.record(Duration::from_millis(3));
        samples.numbers(&PURGES, &["tag"], [("admin", 2), ("event", 0)]);
        samples.durations(&LAG, &[], lags.read());
        samples.number(&OPEN, &["a \"quoted\" name"], 3);
        samples.numbers(&PURGES, &["url"], [("admin", 1)]);
        samples.numbers(&SILENT, &[], []);
    }
}

fn busy() -> Metrics {
    let metrics = Metrics::new(vec![Arc::new(Other)]);
    let product = RouteName::new("product");
    let fresh = Why::Decided(Reason::Fresh);
    let shared = Why::Decided(Reason::SharedTier);
    metrics.request_finished(Some(&product), Outcome::Hit, fresh, StatusCode::OK, Duration::from_micros(60));
    metrics.request_finished(Some(&product), Outcome::Collapsed, fresh, StatusCode::OK, Duration::from_secs(2));
    metrics.request_finished(Some(&product), Outcome::Hit, shared, StatusCode::OK, Duration::from_micros(60));
    metrics.request_finished(None, Outcome::Pass, fresh, StatusCode::NOT_FOUND, Duration::from_mins(1));
    metrics
}

#[test]
fn every_sample_is_named_and_labelled_as_promised() {
    let text = busy().render();
    for line in [
        r#"larder_requests_total{route="product",outcome="hit",status_class="2xx"} 2"#,
        r#"larder_requests_total{route="-",outcome="pass",status_class="4xx"} 1"#,
        r#"larder_request_reasons_total{route="product",outcome="hit",reason="fresh"} 1"#,
        r#"larder_request_duration_seconds_bucket{route="product",outcome="hit",le="0.00005"} 0"#,
        r#"larder_request_duration_seconds_bucket{route="product",outcome="hit",le="0.0001"} 2"#,
        r#"larder_request_duration_seconds_bucket{route="-",outcome="pass",le="30"} 0"#,
        r#"larder_request_duration_seconds_bucket{route="-",outcome="pass",le="+Inf"} 1"#,
        r#"larder_request_duration_seconds_sum{route="-",outcome="pass"} 60"#,
        r#"larder_coalesced_total{route="product"} 1"#,
        // The memory tier did not have what the shared tier answered.
        r#"larder_cache_lookups_total{tier="memory",result="hit"} 1"#,
        r#"larder_cache_lookups_total{tier="memory",result="miss"} 2"#,
        "larder_connections_waited_total 0",
        r#"larder_test_purges_total{scope="tag",source="admin"} 2"#,
        r#"larder_test_purges_total{scope="tag",source="event"} 0"#,
        r#"larder_test_purges_total{scope="url",source="admin"} 1"#,
        "larder_test_lag_seconds_count 1",
        "larder_test_lag_seconds_sum 0.003",
        r#"larder_test_open{server="a \"quoted\" name"} 3"#,
        concat!(
            "larder_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\",revision=\"",
            env!("LARDER_REVISION"),
            "\"} 1"
        ),
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is missing from\n{text}");
    }
    assert!(text.contains("\nprocess_resident_memory_bytes "));
    assert!(!text.contains("larder_test_silent"), "{text}");
}

#[test]
fn each_metric_is_introduced_once() {
    let text = busy().render();
    let mut names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "{text}");
}
