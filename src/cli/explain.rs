//! `larder explain`.

use super::client::{AdminClient, Connection, block_on, print, printable};
use super::config_file::ConfigFile;
use crate::rules::literal::NOT_UNRESERVED;
use anyhow::Context as _;
use clap::Args;
use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, PercentEncode, utf8_percent_encode};
use serde_json::Value;
use std::io::Read as _;

/// What `larder explain` takes.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The absolute URL of the request.
    #[arg(value_name = "URL", required_unless_present = "request_id")]
    url: Option<String>,
    /// Show what was decided about the request that had this X-Request-Id, one of the last 10,000, instead.
    #[arg(long, value_name = "ID", conflicts_with_all = ["url", "method", "headers"])]
    request_id: Option<String>,
    /// The method of the request.
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    method: String,
    /// A header of the request, e.g. "Accept-Language: de". May be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The body of the request, where the route keys bodies; @FILE reads it from a file, @- from standard input.
    #[arg(short = 'd', long, value_name = "TEXT|@FILE", default_value = "", conflicts_with = "request_id")]
    data: String,
    #[command(flatten)]
    connection: Connection,
}

/// Prints what would happen to a request.
///
/// # Errors
/// Where the request can't be explained, or nobody can be asked.
pub(super) fn run(file: &ConfigFile, arguments: ExplainArguments) -> anyhow::Result<()> {
    let ExplainArguments { url, request_id, method, headers, data, connection } = arguments;
    let body = body(&data)?;
    let client = AdminClient::find(&connection, || file.admin())?;
    let path = match request_id {
        Some(id) => format!("/explain?request_id={}", encoded(&id)),
        None => path(&method, &url.unwrap_or_default()),
    };
    let said = block_on(client.get_about(&path, &headers, body))?;
    let render = if said.body["decision"].is_object() { render_decided } else { render };
    print(&if connection.json { said.body.to_string() } else { render(&said.body) })
}

/// The body that an argument says.
fn body(data: &str) -> anyhow::Result<Vec<u8>> {
    match data.strip_prefix('@') {
        None => Ok(data.as_bytes().to_vec()),
        Some("-") => {
            let mut read = Vec::new();
            std::io::stdin().lock().read_to_end(&mut read).context("standard input cannot be read")?;
            Ok(read)
        }
        Some(file) => std::fs::read(file).with_context(|| format!("{file} cannot be read")),
    }
}

/// As one value of a query.
pub(super) fn encoded(text: &str) -> PercentEncode<'_> {
    const ENCODED: &AsciiSet = &NOT_UNRESERVED.remove(b'/').remove(b':');
    utf8_percent_encode(text, ENCODED)
}

/// What was decided, for people.
fn render_decided(said: &Value) -> String {
    let decision = &said["decision"];
    let of = |name: &str| shown(&decision[name]);
    let outcome = shown(&said["outcome_explanation"]);
    let mut lines = vec![
        format!("{} {}{} at {}", of("method"), of("host"), of("target"), of("time")),
        format!("  was        {}: {outcome} {} ({})", of("outcome"), shown(&said["reason_explanation"]), of("reason")),
    ];
    let known = [
        ("status", "status"),
        ("route", "route"),
        ("said", "cache_status"),
        ("stored", "admission"),
        ("age", "age"),
        ("server", "upstream"),
        ("server us", "upstream_us"),
        ("tries", "upstream_tries"),
        ("took us", "duration_us"),
        ("bytes", "body_bytes"),
        ("ending", "ending"),
        ("client", "client"),
        ("cause", "cause"),
        ("first line", "first_line"),
        ("request id", "request_id"),
    ];
    for (label, name) in known.into_iter().filter(|(_, name)| !decision[name].is_null()) {
        lines.push(format!("  {label:<10} {}", of(name)));
    }
    lines.join("\n")
}

fn path(method: &str, url: &str) -> String {
    format!("/explain?method={}&url={}", encoded(method), encoded(url))
}

/// A field of the explained request, under the name that keeps it apart from the call's own fields.
fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `Name: value`")?;
    let name = format!("x-explain-{}", name.trim());
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "the name is no header name")?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| "the value holds what no header may")?;
    Ok((name, value))
}

/// An explanation for people. What it doesn't know it leaves out: `--json` has it all.
fn render(explanation: &Value) -> String {
    let mut lines = vec![format!("{} {}", shown(&explanation["method"]), shown(&explanation["url"]))];
    let would = &explanation["would"];
    lines.push(format!("  would be   {}: {} ({})", shown(&would["outcome"]), sentence(would), shown(&would["reason"])));
    for (label, why) in [("asks alone", &would["alone"]), ("not shared", &would["known_uncacheable"])] {
        if why.is_object() {
            lines.push(format!("  {label} {}", sentence(why)));
        }
    }
    let refusal = &explanation["last_refusal"];
    if refusal.is_object() {
        lines.push(format!(
            "  not stored {}: {} ({})",
            shown(&refusal["at"]),
            sentence(refusal),
            shown(&refusal["reason"])
        ));
    }
    for (label, list) in [("hint", "hints"), ("note", "notes")] {
        for text in explanation[list].as_array().into_iter().flatten() {
            lines.push(format!("  {label:<10} {}", shown(text)));
        }
    }
    let known = [
        ("route", "route"),
        ("pattern", "pattern"),
        ("keyed as", "keyed_url"),
        ("asked for", "origin_target"),
        ("of pool", "upstream"),
        ("key", "key"),
    ];
    for (label, field) in known {
        if !explanation[field].is_null() {
            lines.push(format!("  {label:<10} {}", shown(&explanation[field])));
        }
    }
    section(&mut lines, "claims of the token, as keyed", &explanation["claims"]);
    for server in explanation["upstream_servers"].as_array().into_iter().flatten() {
        lines.push(format!("  {:<10} {} is {}", "server", shown(&server["server"]), shown(&server["state"])));
        for why in server["addresses"].as_array().into_iter().flatten().filter(|address| address["why"].is_string()) {
            lines.push(format!("  {:<10} {}: {}", "", shown(&why["address"]), shown(&why["why"])));
        }
    }
    section(&mut lines, "directives of the request", &explanation["request_directives"]);
    if explanation["client_directives"] == "ignore" {
        lines.push("  client_directives = \"ignore\": its no-cache, max-age=0 and Pragma change nothing here, and are passed on".to_owned());
    }
    for stored in explanation["stored"].as_array().into_iter().flatten() {
        lines.extend(render_stored("stored", stored));
    }
    lines.extend(render_shared(&explanation["shared"]));
    section(&mut lines, "fields sent to the origin", &explanation["fetch_headers"]);
    lines.join("\n")
}

fn render_shared(shared: &Value) -> Vec<String> {
    if !shared.is_object() {
        return Vec::new();
    }
    let looked_into = if shared["asked"] == true { "" } else { ", not looked into for this request" };
    let mut lines = vec![format!("  {:<10} {}{looked_into}", "shared", shown(&shared["state"]))];
    for stored in shared["stored"].as_array().into_iter().flatten() {
        lines.extend(render_stored("shared", stored));
    }
    lines
}

fn render_stored(place: &str, stored: &Value) -> Vec<String> {
    let picked = if stored["picked"] == true { "and picked" } else { "but for other request headers" };
    let mut lines = vec![format!(
        "  {place}, {picked}: status {}, {} bytes, stamp {}, {}",
        shown(&stored["status"]),
        shown(&stored["body_bytes"]),
        shown(&stored["stamp"]),
        shown(&stored["standing"]),
    )];
    lines.push(format!(
        "    age {} s, fresh for {} s ({})",
        shown(&stored["age_secs"]),
        shown(&stored["fresh_for_secs"]),
        shown(&stored["lifetime_source"]),
    ));
    if stored["purge"].is_object() {
        lines.push(format!("    {}", purged(&stored["purge"])));
    }
    if stored["tags"].as_array().is_some_and(|tags| !tags.is_empty()) {
        lines.push(format!("    tags {}", shown(&stored["tags"])));
    }
    for (name, values) in stored["fields"].as_object().into_iter().flatten() {
        lines.push(format!("    {}: {}", printable(name), shown(values)));
    }
    lines
}

/// What a purge covered, in one line.
fn purged(purge: &Value) -> String {
    let scope = &purge["scope"];
    let scope = match (scope["kind"].as_str(), scope["name"].as_str()) {
        (Some(kind), Some(name)) => format!(" of {kind} {}", printable(name)),
        (Some(kind), None) => format!(" of {kind}"),
        (None, _) => " whose scope is no longer remembered".to_owned(),
    };
    let receipt = match purge["id"].as_str() {
        Some(id) => format!("id {}, at {}", printable(id), shown(&purge["requested_at"])),
        None => format!(
            "stamp {}; no receipt of this stamp is remembered (a long purge has one, of its last stamp)",
            shown(&purge["stamp"])
        ),
    };
    format!("covered by a {} purge{scope}: {receipt}", shown(&purge["depth"]))
}

fn section(lines: &mut Vec<String>, title: &str, fields: &Value) {
    let Some(fields) = fields.as_object().filter(|fields| !fields.is_empty()) else { return };
    lines.push(format!("  {title}"));
    lines.extend(fields.iter().map(|(name, values)| format!("    {}: {}", printable(name), shown(values))));
}

fn sentence(because: &Value) -> String {
    shown(&because["explanation"])
}

/// A value for people: text as it is, a list joined by commas.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_url_travels_as_one_value() {
        let expected = "/explain?method=GET&url=http://shop/a%20b%3Fx%3D1%26y%3D%C3%BC%23";
        assert_eq!(path("GET", "http://shop/a b?x=1&y=ü#"), expected);
    }

    #[test]
    fn headers_are_kept_apart_from_the_calls_own() {
        let (name, value) = header("Authorization: Bearer x:y").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-explain-authorization", "Bearer x:y"));
        for wrong in ["Accept", "A b: c", "A: \u{7}"] {
            assert!(header(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_explanation_reads_top_down() {
        let explanation = json!({
            "method": "GET", "url": "http://shop/p/1", "route": "product", "pattern": "/p/{id}",
            "keyed_url": "http://shop/p/1", "key": "ab", "request_directives": {}, "fetch_headers": {"host": ["shop"]},
            "would": {"outcome": "hit", "reason": "fresh", "explanation": "It is fresh."},
            "hints": ["Write it down."], "notes": ["It is elsewhere."],
            "stored": [{
                "picked": true, "status": 200, "body_bytes": 12, "stamp": "0-0", "standing": "clear", "age_secs": 3,
                "fresh_for_secs": 60, "lifetime_source": "max-age", "tags": ["a", "b"], "fields": {"etag": ["\"x\""]},
            }],
        });
        let expected = "GET http://shop/p/1\n  \
            would be   hit: It is fresh. (fresh)\n  \
            hint       Write it down.\n  \
            note       It is elsewhere.\n  \
            route      product\n  \
            pattern    /p/{id}\n  \
            keyed as   http://shop/p/1\n  \
            key        ab\n  \
            stored, and picked: status 200, 12 bytes, stamp 0-0, clear\n    \
            age 3 s, fresh for 60 s (max-age)\n    \
            tags a, b\n    \
            etag: \"x\"\n  \
            fields sent to the origin\n    \
            host: shop";
        assert_eq!(render(&explanation), expected);
    }

    #[test]
    fn a_purge_is_told_in_one_line() {
        let receipt = json!({
            "stamp": "7-0", "depth": "hard", "scope": {"kind": "tag", "name": "a"}, "id": "x-7-0",
            "requested_at": "2026-01-01T00:00:00.000Z",
        });
        let forgotten = json!({"stamp": "7-0", "depth": "soft", "scope": null, "id": null, "requested_at": null});
        for (purge, expected) in [
            (receipt, "covered by a hard purge of tag a: id x-7-0, at 2026-01-01T00:00:00.000Z"),
            (
                forgotten,
                "covered by a soft purge whose scope is no longer remembered: stamp 7-0; \
                 no receipt of this stamp is remembered (a long purge has one, of its last stamp)",
            ),
        ] {
            assert_eq!(purged(&purge), expected);
        }
    }

    #[test]
    fn what_the_shared_tier_holds_is_told_apart_from_what_memory_holds() {
        let stored = json!({
            "picked": true, "status": 200, "body_bytes": 12, "stamp": "7-0", "standing": "purged", "age_secs": 3,
            "fresh_for_secs": 60, "lifetime_source": "max-age", "tags": [], "fields": {},
        });
        let entry =
            "\n  shared, and picked: status 200, 12 bytes, stamp 7-0, purged\n    age 3 s, fresh for 60 s (max-age)";
        for (shared, expected) in [
            (json!({"state": "present", "asked": true, "stored": [stored]}), format!("  shared     present{entry}")),
            (json!({"state": "absent", "asked": true, "stored": []}), "  shared     absent".to_owned()),
            (
                json!({"state": "unavailable", "asked": false, "stored": []}),
                "  shared     unavailable, not looked into for this request".to_owned(),
            ),
            (Value::Null, String::new()),
        ] {
            assert_eq!(render_shared(&shared).join("\n"), expected, "{shared}");
        }
    }
}
