//! The committed JSON Schemas, and that they say what the readers do.

use larder::testing::config::{proxy_schema, reference, rules_schema};
use serde_json::Value;
use std::path::Path;

/// With `LARDER_BLESS=1` the files are written anew instead.
#[test]
fn the_committed_schemas_and_the_reference_are_current() {
    for (file, current) in [
        ("schema/proxy.schema.json", proxy_schema()),
        ("schema/rules.schema.json", rules_schema()),
        ("docs/reference.md", reference()),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if std::env::var_os("LARDER_BLESS").is_some() {
            std::fs::write(&path, &current).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(committed == current, "{file} is out of date: run the tests once with LARDER_BLESS=1");
    }
}

#[test]
fn every_key_is_described_and_no_other_is_allowed() {
    for schema in [proxy_schema(), rules_schema()] {
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let keys = assert_described("", &schema);
        assert!(keys > 1, "the schema has keys");
    }
}

fn assert_described(path: &str, schema: &Value) -> usize {
    let mut keys = 0;
    if let Some(properties) = schema.get("properties") {
        assert_eq!(schema["additionalProperties"], Value::Bool(false), "{path}");
        for (name, property) in properties.as_object().expect("properties are an object") {
            let path = format!("{path}.{name}");
            assert!(property["description"].is_string(), "{path} has no description");
            assert!(!property.to_string().contains("null"), "{path}: TOML has no null");
            keys += 1 + assert_described(&path, property);
        }
    }
    keys + schema.get("items").map_or(0, |items| assert_described(path, items))
}
