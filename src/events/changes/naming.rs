//! What values are called that every database writes alike.

use crate::rules::event::texts;
use serde_json::Value;

/// `42.00` may be product 42.
pub(super) fn number(text: &str) -> Vec<String> {
    let whole = text.split_once('.').filter(|(_, fraction)| fraction.bytes().all(|digit| digit == b'0'));
    whole.map(|(whole, _)| whole.to_owned()).into_iter().chain([text.to_owned()]).collect()
}

/// A null and an empty text are called nothing; an object, or a list in a list, is unknown.
pub(super) fn json(text: &str) -> Option<Vec<String>> {
    let value: Value = serde_json::from_str(text).ok()?;
    let items = if let Value::Array(items) = &value { items.as_slice() } else { std::slice::from_ref(&value) };
    let mut names = Vec::new();
    for item in items {
        let of_item = texts(item);
        let is_nothing = item.is_null() || *item == Value::String(String::new());
        if of_item.is_empty() && !is_nothing {
            return None;
        }
        names.extend(of_item);
    }
    Some(names)
}
