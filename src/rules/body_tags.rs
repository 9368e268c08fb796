//! Tags that stand in a JSON body, by JSONPath (RFC 9535).

use crate::scope::Tag;
use serde_json::Value;
use serde_json_path::JsonPath;

/// The most tags taken from one body.
pub const BODY_TAGS_MAX: usize = 1_000;

/// `tags_from_body` and `tag_prefix`.
#[derive(Debug, Clone)]
pub struct BodyTags {
    /// Where.
    pub paths: Vec<JsonPath>,
    /// What is put in front of each.
    pub prefix: String,
}

impl BodyTags {
    /// The tags in a body: strings, numbers and booleans found, without repeats, at most [`BODY_TAGS_MAX`]. None where
    /// the body is no JSON or names more: what is not known to be complete must not be relied on for purges.
    #[must_use]
    pub fn tags(&self, body: &[u8]) -> Option<Vec<Tag>> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let mut tags: Vec<Tag> = Vec::new();
        for found in self.paths.iter().flat_map(|path| path.query(&body).all()) {
            let text = match found {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => found.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => continue,
            };
            let tag = Tag::new(&format!("{}{text}", self.prefix)).ok()?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
            if tags.len() > BODY_TAGS_MAX {
                return None;
            }
        }
        Some(tags)
    }
}
