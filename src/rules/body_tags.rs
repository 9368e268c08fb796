//! Tags in a JSON body, by JSONPath (RFC 9535).

use super::json::Unambiguous;
use crate::scope::{Tag, distinct};
use serde_json::Value;
use serde_json_path::JsonPath;

/// The most tags taken from one body.
pub(crate) const BODY_TAGS_MAX: usize = 10_000;

/// `tags_from_body` and `tag_prefix`.
#[derive(Debug, Clone)]
pub struct BodyTags {
    /// Where.
    pub paths: Vec<JsonPath>,
    /// What is put in front of each.
    pub prefix: String,
}

/// The most that a body's tree takes while it is searched, in bytes: a number of two characters is held as a value of many,
/// in a list that has twice the room while it grows.
pub(crate) fn tree_bytes_max(body: &[u8]) -> u64 {
    const VALUE: u64 = size_of::<Value>() as u64;
    /// A member of an object: its value, its name, its hash, its place in the index.
    const MEMBER: u64 = VALUE + 64;
    let held = body.iter().map(|byte| match byte {
        b',' => 2 * MEMBER,
        // The least that a list or an object with one thing in it makes room for is four.
        b'[' => 4 * VALUE,
        b'{' => 4 * MEMBER,
        _ => 1,
    });
    VALUE + held.sum::<u64>()
}

impl BodyTags {
    /// The tags in a body: strings, whole numbers and booleans found, without repeats, at most [`BODY_TAGS_MAX`]; a
    /// null names none. `None` if the body is no JSON, or has a name twice in one object, names more, or has a list, an
    /// object or a number that is not whole where a tag is looked for: what is not known to be complete must not be
    /// relied on for purges.
    #[must_use]
    pub fn tags(&self, body: &[u8]) -> Option<Vec<Tag>> {
        let Unambiguous(body) = serde_json::from_slice(body).ok()?;
        let mut tags: Vec<Tag> = Vec::new();
        for found in self.paths.iter().flat_map(|path| path.query(&body).all()) {
            let text = match found {
                Value::String(text) => text.clone(),
                Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
                Value::Bool(_) => found.to_string(),
                Value::Null => continue,
                // A number with a fraction, an exponent or too many digits is not kept as it was written.
                Value::Number(_) | Value::Array(_) | Value::Object(_) => return None,
            };
            tags.push(Tag::new(&format!("{}{text}", self.prefix)).ok()?);
        }
        Some(distinct(tags)).filter(|tags| tags.len() <= BODY_TAGS_MAX)
    }
}
