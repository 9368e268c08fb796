//! The JSON Schemas of both files, for editors.

use super::proxy_file::RawProxyFile;
use super::raw_rules::RawRulesFile;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::Value;

/// The schema of `proxy.toml`, as kept in `schema/proxy.schema.json`.
#[must_use]
pub fn proxy_schema() -> String {
    schema::<RawProxyFile>("Larder: proxy.toml")
}

/// The schema of a rules file, as kept in `schema/rules.schema.json`.
#[must_use]
pub fn rules_schema() -> String {
    schema::<RawRulesFile>("Larder: rules")
}

fn schema<T: JsonSchema>(title: &str) -> String {
    // Draft 7 is what editors' TOML plugins read.
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.with_transform(WithoutNull).into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), Value::from(title));
    format!("{:#}\n", schema.to_value())
}

/// TOML has no null: a key that may be absent is not one that may be null.
#[derive(Debug, Clone)]
struct WithoutNull;

impl Transform for WithoutNull {
    fn transform(&mut self, schema: &mut schemars::Schema) {
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                schema.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(choices)) = schema.get_mut("enum") {
            choices.retain(|choice| !choice.is_null());
        }
        let nullable = schema.get("anyOf").and_then(Value::as_array).and_then(|choices| match choices.as_slice() {
            [Value::Object(inner), null] if null.get("type").is_some_and(|kind| kind == "null") => Some(inner.clone()),
            _ => None,
        });
        if let Some(inner) = nullable {
            schema.remove("anyOf");
            for (key, value) in inner {
                // The description of the key goes before that of its type.
                if schema.get(&key).is_none() {
                    schema.insert(key, value);
                }
            }
        }
        transform_subschemas(self, schema);
    }
}
