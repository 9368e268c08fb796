//! `GET /`: the numbers of `GET /stats` as one page that needs no script and nothing from elsewhere, and the page to log in.

use super::AdminState;
use super::guard::Admitted;
use super::problem::WANTS_TOKEN;
use super::stats::{ShownServer, ShownTier, Stats, Traffic, gather};
use axum::extract::{Extension, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, WWW_AUTHENTICATE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use bytesize::ByteSize;
use std::fmt::Write as _;
use std::time::Duration;

const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A form's `Origin` is sent to this listener alone; with `no-referrer` a browser would send it to none.
const FIELDS: [(HeaderName, &str); 3] =
    [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, "same-origin")];

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;\
    color:#1c2024;background:#fff}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
    table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #ddd}\
    th:first-child,td:first-child{text-align:left}p.warning{color:#a40000;font-weight:600}\
    @media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181a}th,td{border-color:#333}}";

const OUTCOMES: [&str; 9] = ["hit", "stale", "revalidated", "miss", "collapsed", "bypass", "pass", "redirect", "error"];

pub(super) async fn show(State(state): State<AdminState>, Extension(admitted): Extension<Admitted>) -> Response {
    (FIELDS, page(&gather(&state), admitted)).into_response()
}

/// The page that asks for the token, and what was wrong with the one given.
pub(super) fn log_in(fault: Option<&str>) -> Response {
    let fault = fault.map(|fault| format!("<p class=\"warning\">{}</p>", escaped(fault))).unwrap_or_default();
    let body = format!(
        "<h1>Larder</h1>{fault}<form method=\"post\" action=\"/login\"><label>Token <input name=\"token\" \
         type=\"password\" autocomplete=\"current-password\" required autofocus></label> <button>Log in</button></form>"
    );
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, WANTS_TOKEN)], FIELDS, document("", &body)).into_response()
}

fn document(head: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Larder</title>\
         <meta name=\"viewport\" content=\"width=device-width\">{head}<style>{STYLE}</style></head><body>{body}</body></html>"
    )
}

fn page(stats: &Stats, admitted: Admitted) -> String {
    let uptime = humantime::format_duration(Duration::from_secs(stats.uptime_secs));
    let rejected = if stats.rules_rejected {
        "<p class=\"warning\">Newer rules were rejected; GET /rules says why.</p>"
    } else {
        ""
    };
    let log_out = match admitted {
        Admitted::Session => "<form method=\"post\" action=\"/logout\"><button>Log out</button></form>",
        Admitted::Freely | Admitted::Token => "",
    };
    let body = format!(
        "<h1>Larder {version}, instance {instance}</h1>{log_out}{rejected}\
         <p>Up for {uptime}. {purges} purges applied, {barriers} barriers.</p>\
         <h2>Requests</h2>{traffic}<h2>Tiers</h2>{tiers}<h2>Upstream</h2>{servers}",
        version = stats.version,
        instance = escaped(&stats.instance),
        purges = stats.purges_applied,
        barriers = stats.barriers,
        traffic = traffic_table(stats),
        tiers = tier_table(&stats.tiers),
        servers = server_table(&stats.servers),
    );
    document("<meta http-equiv=\"refresh\" content=\"5\">", &body)
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
        [vec![tier.tier.clone(), tier.entries.to_string()], sizes.to_vec()].concat()
    };
    table(&["tier", "entries", "size", "limit"], &tiers.iter().map(row).collect::<Vec<_>>())
}

fn server_table(servers: &[ShownServer]) -> String {
    let row = |server: &ShownServer| {
        let results = server.requests.iter().map(|(result, count)| format!("{count} {result}"));
        vec![
            server.pool.clone(),
            server.name().to_owned(),
            results.collect::<Vec<_>>().join(", "),
            format!("{:.2}", server.mean_ms),
        ]
    };
    table(&["pool", "server", "requests", "mean ms"], &servers.iter().map(row).collect::<Vec<_>>())
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
