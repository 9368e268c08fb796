//! The report of a replay, for people and for scripts.

use crate::cli::client::printable;
use crate::recorded::Logs;
use crate::replay::from_log::Counts;
use crate::replay::report::{Report, RouteReport, Shown, UNKNOWN};
use bytesize::ByteSize;
use serde_json::{Value, json};

/// What was replayed, and what came of it.
pub(super) struct Replayed {
    pub(super) report: Report,
    pub(super) counts: Counts,
    pub(super) logs: Logs,
    pub(super) memory_bytes: Option<u64>,
}

impl Replayed {
    /// Says which lines could not be read.
    #[expect(clippy::print_stderr, reason = "the command line's own voice")]
    pub(super) fn warn(&self) {
        if let Some(complaint) = self.logs.complaint() {
            eprintln!("warning: {}", printable(&complaint));
        }
    }

    pub(super) fn json(&self) -> Value {
        let Self { report, counts, logs, memory_bytes } = self;
        let (from, to) = report.span.unzip();
        json!({
            "log": {
                "requests": counts.requests,
                "from": from.map(crate::clock::Timestamp::to_rfc3339),
                "to": to.map(crate::clock::Timestamp::to_rfc3339),
                "without_time": counts.untimed,
                "without_host": counts.hostless,
                "damaged_lines": logs.damaged,
                "damaged": logs.damaged_named,
            },
            "rules": { "present": report.present, "proposed": report.proposed },
            "memory_size": memory_bytes,
            "all": report.all,
            "routes": report.routes,
            "unknown": UNKNOWN,
        })
    }

    pub(super) fn text(&self) -> String {
        let Self { report, counts, logs, memory_bytes } = self;
        let mut lines = vec![format!("{} requests{}", counts.requests, span(report))];
        for (count, what) in [
            (logs.damaged, "lines could not be read"),
            (counts.untimed, "requests say no time: each counts as made with the one before"),
            (counts.hostless, "requests name no host"),
        ] {
            if count > 0 {
                lines.push(format!("{count} {what}"));
            }
        }
        lines.push(String::new());
        lines.push(format!(
            "{:<20} {:<9} {:>10} {:>8} {:>8} {:>8} {:>9} {:>11} {:>11} {:>11} {:>11}",
            "route", "rules", "requests", "hits", "stale", "shared", "upstream", "seconds", "sent", "fetched", "memory"
        ));
        table("all", &report.all, &mut lines);
        for route in &report.routes {
            table(&printable(route.route.as_deref().unwrap_or("(no route)")), route, &mut lines);
        }
        if let Some(bytes) = memory_bytes {
            lines.push(format!("\nmemory.size is {}", ByteSize(*bytes)));
        }
        lines.push("\nWhat a log does not tell:".to_owned());
        lines.extend(UNKNOWN.iter().map(|unknown| format!("- {unknown}")));
        lines.join("\n")
    }
}

fn span(report: &Report) -> String {
    let Some((from, to)) = report.span else { return String::new() };
    let lasted = humantime::format_duration(std::time::Duration::from_secs(to.since(from).as_secs()));
    format!(" from {} to {} ({lasted})", from.to_rfc3339(), to.to_rfc3339())
}

fn table(name: &str, route: &RouteReport, lines: &mut Vec<String>) {
    let rows = [("measured", &route.measured), ("present", &route.present), ("proposed", &route.proposed)];
    let rows = rows.into_iter().filter_map(|(rules, shown)| Some((rules, shown.as_ref()?)));
    for (nth, (rules, shown)) in rows.enumerate() {
        lines.push(row(if nth == 0 { name } else { "" }, rules, shown));
    }
}

fn row(name: &str, rules: &str, shown: &Shown) -> String {
    let hits = shown.hit_ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0));
    let seconds = shown.upstream_seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"));
    let memory = shown.memory_peak_bytes.map_or_else(|| "-".to_owned(), |bytes| ByteSize(bytes).to_string());
    format!(
        "{name:<20} {rules:<9} {:>10} {hits:>8} {:>8} {:>8} {:>9} {seconds:>11} {:>11} {:>11} {memory:>11}",
        shown.requests,
        shown.stale,
        shown.collapsed,
        shown.upstream_requests,
        ByteSize(shown.bytes).to_string(),
        ByteSize(shown.upstream_bytes).to_string(),
    )
}
