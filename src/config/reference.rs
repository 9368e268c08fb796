//! The reference of every key and every reason, as kept in `docs/reference.md`: made from the schemas and the enums, so that
//! it can't say anything else than they do.

use super::schema::{proxy_schema, rules_schema};
use crate::engine::outcome::Outcome;
use crate::semantics::reason::Reason;
use serde_json::Value;
use std::fmt::Write as _;

/// The text of `docs/reference.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(
        "# Reference\n\nMade from the program: every key with its type, its default and what it does, and every word that \
         Cache-Status, log,\nmetrics and `explain` give as a reason. A test compares; `LARDER_BLESS=1 cargo nextest run --test \
         config schema` writes it anew.\n",
    );
    for (title, schema) in [("proxy.toml", proxy_schema()), ("Rules", rules_schema())] {
        let schema: Value = serde_json::from_str(&schema).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## {title}\n\n| key | type | what it does |\n|---|---|---|\n");
        keys("", &schema, &mut text);
    }
    text.push_str("\n## Outcomes\n\n| word | meaning |\n|---|---|\n");
    for outcome in Outcome::ALL {
        let _ = writeln!(text, "| `{}` | {} |", outcome.label(), outcome.explanation());
    }
    text.push_str("\n## Reasons\n\n| word | meaning |\n|---|---|\n");
    for reason in Reason::ALL {
        let _ = writeln!(text, "| `{}` | {} |", reason.label(), reason.explanation());
    }
    text
}

fn keys(above: &str, schema: &Value, text: &mut String) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let described = property["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(text, "| `{path}` | {} | {described} |", kind(property));
        keys(&path, property, text);
        keys(&format!("{path}[]"), &property["items"], text);
    }
}

fn kind(property: &Value) -> String {
    if let Some(words) = property["enum"].as_array() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    match &property["type"] {
        Value::String(kind) if kind == "array" && property["items"]["properties"].is_object() => {
            "list of tables".to_owned()
        }
        Value::String(kind) if kind == "array" => "list".to_owned(),
        Value::String(kind) if kind == "object" => "table".to_owned(),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any of several".to_owned(),
    }
}
