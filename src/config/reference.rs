//! The reference of every key, outcome, reason and metric, as kept in `docs/reference.md`: generated from the schemas, the
//! enums and the table of metrics, so that it cannot differ from them.

use super::schema::{proxy_schema, rules_schema};
use crate::engine::outcome::Outcome;
use crate::metric::Metric;
use crate::semantics::reason::Reason;
use crate::{
    cdn, clients, consistency, decisions, engine, events, fleet, in_flight, invalidation, jobs, jwks, metrics, proxy,
    stamps, store, supervisor, traces, upstream, warming,
};
use serde_json::Value;
use std::fmt::Write as _;

/// Every metric but those of the process, by whom they are counted.
pub const METRICS: &[&[&Metric]] = &[
    metrics::requests::METRICS,
    metrics::connections::METRICS,
    metrics::upstream_waits::METRICS,
    decisions::METRICS,
    proxy::tls::metrics::METRICS,
    store::metrics::METRICS,
    in_flight::metrics::METRICS,
    clients::metrics::METRICS,
    upstream::metrics::METRICS,
    engine::metrics::METRICS,
    consistency::METRICS,
    stamps::counts::METRICS,
    invalidation::metrics::METRICS,
    events::METRICS,
    events::changes::METRICS,
    cdn::metrics::METRICS,
    fleet::metrics::METRICS,
    super::reload::METRICS,
    supervisor::METRICS,
    jobs::METRICS,
    jwks::METRICS,
    warming::METRICS,
    traces::METRICS,
    metrics::METRICS,
];

const INTRODUCTION: &str = "# Reference

Generated from the program; a test compares. To regenerate it: `LARDER_BLESS=1 cargo nextest run --test config schema`.

- [proxy.toml](#proxytoml)
- [Rules](#rules)
- [Outcomes](#outcomes) and [reasons](#reasons)
- [Metrics](#metrics)

Each key of proxy.toml can be set by an environment variable named after it: `memory.size` by `LARDER_MEMORY_SIZE`
([how](operations.md#environment-variables)).

Durations are written like `\"30s\"` or `\"5m\"`, sizes like `\"256MiB\"`. The same keys are in the JSON Schemas under
[schema/](../schema), for editors.
";

/// The text of `docs/reference.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    for (title, schema) in [("proxy.toml", proxy_schema()), ("Rules", rules_schema())] {
        let schema: Value = serde_json::from_str(&schema).unwrap_or_default();
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "\n## {title}");
        tables("", &schema, &mut text);
    }
    text.push_str("\n## Outcomes\n\n| outcome | meaning |\n|---|---|\n");
    for outcome in Outcome::ALL {
        let _ = writeln!(text, "| `{}` | {} |", outcome.label(), outcome.explanation());
    }
    text.push_str(
        "\n## Reasons\n\nIn Cache-Status (`detail`), log, metrics and `explain`.\n\n| reason | meaning |\n|---|---|\n",
    );
    for reason in Reason::ALL {
        let _ = writeln!(text, "| `{}` | {} |", reason.label(), reason.explanation());
    }
    text.push_str("\n## Metrics\n\n`GET /metrics` of the admin API, besides the `process_…` metrics.\n");
    text.push_str("\n| metric | kind | labels | what it is |\n|---|---|---|---|\n");
    for row in METRICS.iter().copied().flatten() {
        let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = format!("{:?}", row.kind).to_lowercase();
        let _ = writeln!(text, "| `{}` | {kind} | {} | {} |", row.name, labels.join(", "), row.help);
    }
    text
}

/// The keys of one table of the file, and then each table within it.
fn tables(above: &str, schema: &Value, text: &mut String) {
    let properties = || schema["properties"].as_object().into_iter().flatten();
    let is_required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let mut heading = "\n| key | type | default | what it does |\n|---|---|---|---|\n";
    for (name, property) in properties().filter(|(_, property)| inner(property).is_none()) {
        let described = described(property);
        let (meaning, default) = match described.rsplit_once(" Default: ") {
            Some((meaning, default)) => (meaning, default.trim_end_matches('.')),
            None if is_required(name) => (&*described, "required"),
            None => (&*described, "not set"),
        };
        let _ = writeln!(text, "{heading}| `{name}` | {} | {default} | {meaning} |", kind(property));
        heading = "";
    }
    for (name, property) in properties() {
        let Some((inner, brackets)) = inner(property) else { continue };
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let (open, close) = brackets;
        let _ = writeln!(text, "\n### `{open}{path}{close}`\n\n{}", described(property));
        tables(&path, inner, text);
    }
}

/// The table that a key stands for, or those in its list, and the brackets of its heading in TOML.
fn inner(property: &Value) -> Option<(&Value, (&'static str, &'static str))> {
    let is_table = |value: &Value| value["properties"].is_object();
    if is_table(property) {
        return Some((property, ("[", "]")));
    }
    Some(&property["items"]).filter(|items| is_table(items)).map(|items| (items, ("[[", "]]")))
}

fn described(property: &Value) -> String {
    property["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

fn kind(property: &Value) -> String {
    if let Some(words) = property["enum"].as_array() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    match &property["type"] {
        Value::String(kind) if kind == "array" => "list".to_owned(),
        Value::String(kind) if kind == "object" => "table".to_owned(),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any of several".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Kind;
    use std::collections::HashSet;

    #[test]
    fn names_of_metrics_are_unique_and_follow_the_conventions() {
        let mut seen = HashSet::new();
        for Metric { name, kind, help, .. } in METRICS.iter().copied().flatten() {
            assert!(seen.insert(name), "{name} twice");
            assert!(name.starts_with("larder_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            // A point in time is a gauge, and so is how far behind, or how old, something is now.
            let is_read_now = name.ends_with("_timestamp_seconds")
                || name.ends_with("_stream_lag_seconds")
                || name.ends_with("_age_seconds")
                || name == &"larder_cdn_lag_seconds";
            let is_duration = name.ends_with("_seconds") && !is_read_now;
            assert_eq!(is_duration, *kind == Kind::Histogram, "{name}");
            assert!(help.ends_with('.'), "{name}");
        }
    }
}
