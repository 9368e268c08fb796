#![no_main]
//! Bodies as keys: never a panic, a canonical form is its own, and it says what was written.

use larder::testing::semantics::canonical_json;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The same value with numbers compared as doubles.
fn says_the_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| says_the_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| says_the_same(value, other)))
        }
        _ => one == other,
    }
}

fuzz_target!(|input: &[u8]| {
    let Some(form) = canonical_json(input) else { return };
    assert_eq!(canonical_json(&form).as_ref(), Some(&form), "a form is its own form");
    let read = |text: &[u8]| serde_json::from_slice::<Value>(text).expect("what has a form is JSON");
    assert!(says_the_same(&read(input), &read(&form)));
});
