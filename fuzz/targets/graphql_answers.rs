#![no_main]
//! Answers of GraphQL: never a panic, and every product of what is read whole is named.

use larder::testing::rules::product_tags;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::collections::BTreeSet;

/// The products in a value, by a tree.
fn products(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| products(item, found)),
        Value::Object(members) => {
            if members.get("__typename").and_then(Value::as_str) == Some("Product") {
                match &members["id"] {
                    Value::String(id) => found.insert(format!("product:{id}")),
                    // As a double it is not what was written.
                    Value::Number(id) if !id.is_f64() => found.insert(format!("product:{id}")),
                    _ => false,
                };
            }
            members.values().for_each(|value| products(value, found));
        }
        _ => {}
    }
}

fuzz_target!(|input: &[u8]| {
    let Some(tags) = product_tags(input) else { return };
    // What nests deeper is read by the one and not by the other.
    let Ok(answer) = serde_json::from_slice::<Value>(input) else { return };
    let mut expected = BTreeSet::new();
    if let Some(data) = answer["data"].as_object() {
        data.values().for_each(|value| products(value, &mut expected));
    }
    let missing: Vec<_> = expected.iter().filter(|tag| !tags.contains(*tag)).collect();
    assert!(missing.is_empty(), "{missing:?} is not among {tags:?}");
});
