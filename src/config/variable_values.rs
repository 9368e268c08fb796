//! What an environment variable says, as the value that its key takes: a text as it is, a list with commas between, and
//! whatever TOML says in `[…]` and `{…}`.

use super::variable_names::alternatives;
use serde_json::Value;
use std::borrow::Cow;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeValue};

/// What is no TOML where TOML was begun.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotToml {
    /// Where, counted as the value's own places are.
    pub(super) span: Range<usize>,
    /// What the parser says.
    pub(super) message: String,
}

/// Reads `text`, whose first byte is at `start` among all sources, as a value that `schema` allows where it is one. What it
/// does not allow stays a text, which the key's own reader refuses in its own words.
pub(super) fn read<'t>(text: &'t str, start: usize, schema: &Value) -> Result<Spanned<DeValue<'t>>, NotToml> {
    let trimmed = text.trim_start();
    let start = start + (text.len() - trimmed.len());
    let trimmed = trimmed.trim_end();
    let kinds = Kinds::of(schema);
    let opens = |bracket, kind| kinds.has(kind) && trimmed.starts_with(bracket);
    if opens('[', "array") || opens('{', "object") {
        match toml_value(trimmed, start) {
            // An address such as [::1]:80 begins so, too.
            Err(_) if kinds.has("string") => {}
            read => return read,
        }
    }
    // Where one text or several may stand, a comma separates them.
    if kinds.has("array") && (!kinds.has("string") || trimmed.contains(',')) {
        return Ok(list(trimmed, start));
    }
    let is_number = !trimmed.is_empty() && trimmed.bytes().all(|byte| byte.is_ascii_digit());
    if (kinds.has("integer") && is_number) || (kinds.has("boolean") && matches!(trimmed, "true" | "false")) {
        return toml_value(trimmed, start);
    }
    Ok(string(trimmed, start))
}

/// The types that a schema allows, by their names in it.
struct Kinds<'s>(Vec<&'s str>);

impl<'s> Kinds<'s> {
    fn of(schema: &'s Value) -> Self {
        let mut kinds = Vec::new();
        for schema in alternatives(schema) {
            match &schema["type"] {
                Value::String(kind) => kinds.push(kind.as_str()),
                Value::Array(several) => kinds.extend(several.iter().filter_map(Value::as_str)),
                _ => {}
            }
        }
        Self(kinds)
    }

    fn has(&self, kind: &str) -> bool {
        self.0.contains(&kind)
    }
}

fn string(text: &str, start: usize) -> Spanned<DeValue<'_>> {
    Spanned::new(start..start + text.len(), DeValue::String(Cow::Borrowed(text)))
}

/// `a, b`: two texts.
fn list(text: &str, start: usize) -> Spanned<DeValue<'_>> {
    let mut items = DeArray::new();
    let mut at = start;
    for part in text.split(',') {
        let item = part.trim_start();
        let item_start = at + (part.len() - item.len());
        let item = item.trim_end();
        if !item.is_empty() {
            items.push(string(item, item_start));
        }
        at += part.len() + 1;
    }
    Spanned::new(start..start + text.len(), DeValue::Array(items))
}

fn toml_value(text: &str, start: usize) -> Result<Spanned<DeValue<'_>>, NotToml> {
    let value = DeValue::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..text.len());
        NotToml { span: span.start + start..span.end + start, message: error.message().to_owned() }
    })?;
    Ok(moved(value, start))
}

/// The same value with its places `by` bytes further on.
fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| moved(item, by)).collect()),
        DeValue::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| {
                let span = key.span();
                (Spanned::new(span.start + by..span.end + by, key.into_inner()), moved(value, by))
            });
            DeValue::Table(entries.collect())
        }
        scalar => scalar,
    };
    Spanned::new(span.start + by..span.end + by, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The value as TOML would write it, and where it stands.
    fn shown(value: &Spanned<DeValue<'_>>) -> String {
        let span = value.span();
        let inner = match value.get_ref() {
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
            DeValue::Table(table) => {
                let entries = table.iter().map(|(key, value)| format!("{}={}", key.get_ref(), shown(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
            }
            other => other.type_str().to_owned(),
        };
        format!("{inner}@{}-{}", span.start, span.end)
    }

    #[test]
    fn a_text_is_read_as_what_its_key_takes() {
        let text = json!({"type": "string"});
        let size = json!({"type": ["string", "integer"]});
        let number = json!({"type": "integer"});
        let flag = json!({"type": "boolean"});
        let texts = json!({"type": "array", "items": {"type": "string"}});
        let table = json!({"type": "object", "properties": {}});
        let address_or_table = json!({"anyOf": [text, table]});
        let one_or_several = json!({"anyOf": [text, texts]});
        for (given, schema, expected) in [
            ("10", &text, "\"10\"@10-12"),
            (" [::]:80\n", &text, "\"[::]:80\"@11-18"),
            ("10", &size, "10@10-12"),
            ("10MiB", &size, "\"10MiB\"@10-15"),
            ("ten", &number, "\"ten\"@10-13"),
            ("true", &flag, "true@10-14"),
            ("yes", &flag, "\"yes\"@10-13"),
            ("http://a, http://b,", &texts, "[\"http://a\"@10-18 \"http://b\"@20-28]@10-29"),
            ("[ \"a\" ]", &texts, "[\"a\"@12-15]@10-17"),
            ("[]", &texts, "[]@10-12"),
            ("{ a = 1 }", &table, "{a=1@16-17}@10-19"),
            ("{ a = true }", &address_or_table, "{a=true@16-20}@10-22"),
            ("0.0.0.0:1", &address_or_table, "\"0.0.0.0:1\"@10-19"),
            ("[::1]:80", &one_or_several, "\"[::1]:80\"@10-18"),
            ("[::]:1, [::]:2", &one_or_several, "[\"[::]:1\"@10-16 \"[::]:2\"@18-24]@10-24"),
            ("word", &table, "\"word\"@10-14"),
        ] {
            assert_eq!(shown(&read(given, 10, schema).unwrap()), expected, "{given}");
        }
        let broken = read("{ a = }", 10, &table).unwrap_err();
        assert!((10..=17).contains(&broken.span.start), "{broken:?}");
    }
}
