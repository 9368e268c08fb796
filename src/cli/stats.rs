//! `larder stats`: the numbers of an instance on one screen.

use super::client::{AdminClient, Connection, block_on, print, printable};
use super::config_file::ConfigFile;
use super::explain::shown;
use bytesize::ByteSize;
use clap::Args;
use serde_json::Value;
use std::time::Duration;

/// What `larder stats` takes.
#[derive(Debug, Args)]
pub(super) struct StatsArguments {
    #[command(flatten)]
    connection: Connection,
}

/// Reasons that are listed of each route.
const REASONS_MAX: usize = 5;

/// Prints what the instance has counted since its start.
///
/// # Errors
/// If the instance can't be asked.
pub(super) fn run(file: &ConfigFile, arguments: &StatsArguments) -> anyhow::Result<()> {
    let client = AdminClient::find(&arguments.connection, || file.admin())?;
    let said = block_on(client.get("/stats", &[]))?;
    print(&if arguments.connection.json { said.body.to_string() } else { render(&said.body) })
}

fn render(stats: &Value) -> String {
    let up = Duration::from_secs(stats["uptime_secs"].as_u64().unwrap_or_default());
    let mut lines = vec![format!(
        "larder {}, instance {}, up {}",
        shown(&stats["version"]),
        shown(&stats["instance"]),
        humantime::format_duration(up)
    )];
    if stats["rules_rejected"] == true {
        lines.push("the rules on disk were rejected, earlier ones are in force: GET /rules says why".to_owned());
    }
    lines.push(String::new());
    lines.push(traffic_heading("route"));
    lines.push(traffic("all", &stats["overall"]));
    for (route, counts) in stats["routes"].as_object().into_iter().flatten() {
        lines.push(traffic(&printable(route), counts));
    }
    lines.push(String::new());
    for (route, counts) in stats["routes"].as_object().into_iter().flatten() {
        if let Some(why) = why_not(counts) {
            lines.push(format!("no hits of {}: {why}", printable(route)));
        }
    }
    for tier in stats["tiers"].as_array().into_iter().flatten() {
        lines.push(self::tier(tier));
    }
    for server in stats["servers"].as_array().into_iter().flatten() {
        lines.push(self::server(server));
    }
    lines.push(format!("purges applied {}, barriers {}", shown(&stats["purges_applied"]), shown(&stats["barriers"])));
    lines.join("\n")
}

fn traffic_heading(first: &str) -> String {
    format!(
        "{first:<20} {:>12} {:>7} {:>10} {:>10} {:>10} {:>12}",
        "requests", "hits", "p50 ms", "p95 ms", "p99 ms", "saved s"
    )
}

fn traffic(name: &str, counts: &Value) -> String {
    let bound = |name: &str| counts[name].as_f64().map_or_else(|| "-".to_owned(), |millis| format!("{millis:.2}"));
    let hits = counts["hit_ratio"].as_f64().map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0));
    let saved = counts["origin_seconds_saved"].as_f64().unwrap_or_default();
    format!(
        "{name:<20} {:>12} {hits:>7} {:>10} {:>10} {:>10} {saved:>12.1}",
        shown(&counts["requests"]),
        bound("p50_ms"),
        bound("p95_ms"),
        bound("p99_ms"),
    )
}

/// What requests of a route were that were no hits, and why: most first.
fn why_not(counts: &Value) -> Option<String> {
    let outcomes = counts["reasons"].as_object()?.iter().filter(|(outcome, _)| *outcome != "hit");
    let mut reasons: Vec<(u64, &String, &String)> = outcomes
        .flat_map(|(outcome, reasons)| reasons.as_object().into_iter().flatten().map(move |counted| (outcome, counted)))
        .map(|(outcome, (reason, times))| (times.as_u64().unwrap_or_default(), outcome, reason))
        .collect();
    reasons.sort_unstable_by(|one, other| other.cmp(one));
    let named = |(times, outcome, reason): &(u64, &String, &String)| {
        format!("{} ({}) {times}", printable(outcome), printable(reason))
    };
    let listed: Vec<_> = reasons.iter().take(REASONS_MAX).map(named).collect();
    (!listed.is_empty()).then(|| listed.join(", "))
}

fn tier(tier: &Value) -> String {
    let size = |name: &str| ByteSize(tier[name].as_u64().unwrap_or_default()).display().iec().to_string();
    let evicted: Vec<_> = tier["evictions"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, times)| **times != 0)
        .map(|(why, times)| format!("{} {times}", printable(why)))
        .collect();
    let evicted = if evicted.is_empty() { String::new() } else { format!("; evicted: {}", evicted.join(", ")) };
    format!(
        "{} holds {} of {} in {} entries{evicted}",
        shown(&tier["tier"]),
        size("bytes"),
        size("bytes_max"),
        shown(&tier["entries"])
    )
}

fn server(server: &Value) -> String {
    format!(
        "upstream {} {} is {}, mean {} ms",
        shown(&server["pool"]),
        shown(&server["server"]),
        shown(&server["state"]),
        shown(&server["mean_ms"])
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_screen_tells_how_it_goes() {
        let traffic = json!({
            "requests": 10, "hit_ratio": 0.7, "p50_ms": 0.05, "p95_ms": 10.0, "p99_ms": null,
            "origin_seconds_saved": 1.25, "reasons": {"hit": {"fresh": 7}, "miss": {"no-entry": 1}, "revalidated": {"expired": 2}},
        });
        let stats = json!({
            "version": "1.0", "instance": "a", "uptime_secs": 61, "overall": traffic, "routes": {"product": traffic},
            "tiers": [{"tier": "memory", "entries": 2, "bytes": 1024, "bytes_max": 2048, "evictions": {"size": 3, "ttl": 0}}],
            "servers": [{"pool": "default", "server": "api:80", "state": "up", "mean_ms": 1.5}],
            "purges_applied": 4, "barriers": 5, "rules_rejected": true,
        });
        let expected = "larder 1.0, instance a, up 1m 1s\n\
            the rules on disk were rejected, earlier ones are in force: GET /rules says why\n\n\
            route                    requests    hits     p50 ms     p95 ms     p99 ms      saved s\n\
            all                            10  70.0 %       0.05      10.00          -          1.2\n\
            product                        10  70.0 %       0.05      10.00          -          1.2\n\n\
            no hits of product: revalidated (expired) 2, miss (no-entry) 1\n\
            memory holds 1.0 KiB of 2.0 KiB in 2 entries; evicted: size 3\n\
            upstream default api:80 is up, mean 1.5 ms\n\
            purges applied 4, barriers 5";
        assert_eq!(render(&stats), expected);
    }
}
