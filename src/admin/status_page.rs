//! `GET /`: the numbers of `GET /stats` as one page that needs no script and nothing from elsewhere.

use super::AdminState;
use super::stats::{ShownServer, ShownTier, Stats, Traffic, gather};
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use bytesize::ByteSize;
use std::fmt::Write as _;
use std::time::Duration;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;\
    color:#1c2024;background:#fff}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
    table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #ddd}\
    th:first-child,td:first-child{text-align:left}p.warning{color:#a40000;font-weight:600}\
    @media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181a}th,td{border-color:#333}}";

const OUTCOMES: [&str; 8] = ["hit", "stale", "revalidated", "miss", "collapsed", "bypass", "pass", "error"];

pub(super) async fn show(State(state): State<AdminState>) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, page(&gather(&state))).into_response()
}

fn page(stats: &Stats) -> String {
    let uptime = humantime::format_duration(Duration::from_secs(stats.uptime_secs));
    let rejected = if stats.rules_rejected {
        "<p class=\"warning\">Newer rules were rejected; GET /rules says why.</p>"
    } else {
        ""
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Larder</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"5\">\
         <style>{STYLE}</style></head><body><h1>Larder {version}, instance {instance}</h1>{rejected}\
         <p>Up for {uptime}. {purges} purges applied, {barriers} barriers.</p>\
         <h2>Requests</h2>{traffic}<h2>Tiers</h2>{tiers}<h2>Upstream</h2>{servers}</body></html>",
        version = stats.version,
        instance = escaped(&stats.instance),
        purges = stats.purges_applied,
        barriers = stats.barriers,
        traffic = traffic_table(stats),
        tiers = tier_table(&stats.tiers),
        servers = server_table(&stats.servers),
    )
}

fn traffic_table(stats: &Stats) -> String {
    let heads = ["route", "requests", "hit ratio"].iter().chain(&OUTCOMES).chain(&["mean ms", "p50 ms", "p99 ms"]);
    let mut rows = vec![traffic_row("all", &stats.overall)];
    rows.extend(stats.routes.iter().map(|(route, traffic)| traffic_row(route, traffic)));
    table(heads, &rows)
}

fn traffic_row(name: &str, traffic: &Traffic) -> Vec<String> {
    let ratio = traffic.hit_ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0));
    let bound = |bound: Option<f64>| bound.map_or_else(|| "–".to_owned(), |bound| format!("≤ {bound}"));
    let mut row = vec![name.to_owned(), traffic.requests.to_string(), ratio];
    row.extend(OUTCOMES.map(|outcome| traffic.outcomes.get(outcome).copied().unwrap_or_default().to_string()));
    row.extend([format!("{:.2}", traffic.mean_ms), bound(traffic.p50_ms), bound(traffic.p99_ms)]);
    row
}

fn tier_table(tiers: &[ShownTier]) -> String {
    let row = |tier: &ShownTier| {
        let sizes = [ByteSize(tier.bytes).to_string(), ByteSize(tier.bytes_max).to_string()];
        [vec![tier.tier.to_owned(), tier.entries.to_string()], sizes.to_vec()].concat()
    };
    table(&["tier", "entries", "size", "limit"], &tiers.iter().map(row).collect::<Vec<_>>())
}

fn server_table(servers: &[ShownServer]) -> String {
    let row = |server: &ShownServer| {
        let results = server.requests.iter().map(|(result, count)| format!("{count} {result}"));
        vec![server.server.clone(), results.collect::<Vec<_>>().join(", "), format!("{:.2}", server.mean_ms)]
    };
    table(&["server", "requests", "mean ms"], &servers.iter().map(row).collect::<Vec<_>>())
}

fn table<'a>(heads: impl IntoIterator<Item = &'a &'a str>, rows: &[Vec<String>]) -> String {
    let mut html = String::from("<table><tr>");
    for head in heads {
        let _ = write!(html, "<th>{}</th>", escaped(head));
    }
    for row in rows {
        html.push_str("</tr><tr>");
        for cell in row {
            let _ = write!(html, "<td>{}</td>", escaped(cell));
        }
    }
    html.push_str("</tr></table>");
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_the_outcomes() {
        assert_eq!(OUTCOMES, crate::engine::outcome::Outcome::ALL.map(crate::engine::outcome::Outcome::label));
    }

    #[test]
    fn cells_cannot_break_out_of_the_page() {
        let html = table(&["a"], &[vec!["<script>\"&".to_owned()]]);
        assert_eq!(html, "<table><tr><th>a</th></tr><tr><td>&lt;script&gt;&quot;&amp;</td></tr></table>");
    }
}
