//! Every metric in one table: name, kind, labels, help. The unit is the last word of a name but `total`.

use prometheus::proto::MetricType;

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricRow {
    /// The whole name.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: MetricType,
    /// The labels, in the order in which samples give their values.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $labels:expr, $help:literal;)+) => {
        $(#[doc = $help] pub const $constant: MetricRow =
            MetricRow { name: $name, kind: MetricType::$kind, labels: &$labels, help: $help };)+

        /// Every metric but those of the process, which keep their conventional names (`process_…`).
        pub const ALL: &[&MetricRow] = &[$(&$constant,)+];
    };
}

metrics! {
    REQUESTS COUNTER "larder_requests_total" ["route", "outcome", "status_class"], "Requests answered.";
    REQUEST_REASONS COUNTER "larder_request_reasons_total" ["route", "outcome", "reason"], "Requests answered, by the reason that Cache-Status and the log give.";
    REQUEST_DURATION HISTOGRAM "larder_request_duration_seconds" ["route", "outcome"], "Time from a request's head to the end of its answer.";
    ADMISSIONS COUNTER "larder_admissions_total" ["route", "result"], "Answers to fetches on cacheable routes, by what came of storing them: `stored`, or the reason why not.";
    CLOSED_FOR_ROOM COUNTER "larder_connections_closed_for_room_total" [], "Client connections closed, the longest idle first, because limits.connections was reached.";
    WAITED COUNTER "larder_connections_waited_total" [], "Client connections that had to wait because limits.connections was reached and none was idle.";
    COALESCED COUNTER "larder_coalesced_total" ["route"], "Requests that shared another request's fetch.";
    UPSTREAM_REQUESTS COUNTER "larder_upstream_requests_total" ["server", "result"], "Requests sent to an upstream server, retries included.";
    UPSTREAM_DURATION HISTOGRAM "larder_upstream_request_duration_seconds" ["server"], "Time from sending a request to the head of the upstream's answer.";
    UPSTREAM_RETRIES COUNTER "larder_upstream_retries_total" ["pool", "server", "cause"], "Requests that were tried again, at this server or the next, by the reason why its answer would not do.";
    UPSTREAM_UP GAUGE "larder_upstream_server_up" ["pool", "server"], "1, or 0 while the server keeps failing: it has been taken out, or would be if there were another.";
    UPSTREAM_CONNECTIONS GAUGE "larder_upstream_connections" ["pool", "server", "state"], "Open connections: `active` ones carry a request, `idle` ones wait for one; those that have changed to another protocol are not counted.";
    LOOKUPS COUNTER "larder_cache_lookups_total" ["tier", "result"], "Look-ups in a tier by cacheable requests that were answered.";
    ENTRIES GAUGE "larder_cache_entries" ["tier"], "Responses stored in a tier.";
    BYTES GAUGE "larder_cache_bytes" ["tier"], "Bytes charged to a tier: heads, bodies, keys, tags, bookkeeping.";
    IN_FLIGHT GAUGE "larder_in_flight_bytes" [], "Bytes that bodies under way hold and that their readers have not taken; what the tiers hold is not among them.";
    CUT_OFF COUNTER "larder_in_flight_cut_off_total" [], "Readers cut off because bodies under way had reached in_flight_bytes.";
    EVICTIONS COUNTER "larder_cache_evictions_total" ["tier", "reason"], "Responses that left a tier.";
    PURGES COUNTER "larder_purges_total" ["scope", "source"], "Scopes purged.";
    PURGE_LAG HISTOGRAM "larder_purge_lag_seconds" [], "How long after a purge was appended to the fleet's log this instance applied it, by Redis's clock; a histogram, so that a quantile over all purges and instances can be alerted on.";
    INVALIDATION_POSITION GAUGE "larder_invalidation_position" [], "Purges applied by this instance since it started.";
    BARRIERS GAUGE "larder_invalidation_barriers" [], "Scopes whose last purge is remembered.";
    REDIS_BREAKER GAUGE "larder_redis_breaker_open" [], "1 while Redis counts as away, so that requests do without it.";
    EVENTS COUNTER "larder_events_total" ["source", "type", "result"], "Events that other systems sent; types that no rule names are `other`.";
    REFRESHES COUNTER "larder_refreshes_total" [], "Hot keys fetched again after a purge.";
    FLEET_CLAIMS COUNTER "larder_fleet_claims_total" ["result"], "Fetches claimed for the whole fleet, by what came of that.";
    REDIS_FAILURES COUNTER "larder_redis_failures_total" ["failure"], "Commands to Redis without a usable reply.";
    REDIS_WRITES COUNTER "larder_redis_writes_total" ["result"], "Responses offered to the shared tier.";
    RULES_RELOADS COUNTER "larder_rules_reload_total" ["result"], "Attempts to load rules.";
    RULES_REJECTED GAUGE "larder_rules_rejected" [], "1 while newer rules than those in force stand rejected.";
    BUILD_INFO GAUGE "larder_build_info" ["version"], "Always 1; the version is in the label.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_follow_the_conventions() {
        let mut seen = HashSet::new();
        for row in ALL {
            assert!(seen.insert(row.name), "{} twice", row.name);
            assert!(row.name.starts_with("larder_"), "{}", row.name);
            assert_eq!(row.name.ends_with("_total"), row.kind == MetricType::COUNTER, "{}", row.name);
            assert_eq!(row.name.ends_with("_seconds"), row.kind == MetricType::HISTOGRAM, "{}", row.name);
            assert!(row.help.ends_with('.'), "{}", row.name);
        }
    }
}
