//! Tags of the objects in an answer of GraphQL, by their types: `types`.

use super::tag_template::TagTemplate;
use crate::rules::body_tags::BODY_TAGS_MAX;
use crate::scope::Tag;
use crate::semantics::graphql::answer::{self, NotAnAnswer, Object, Said};
use crate::semantics::graphql::document::Document;
use std::collections::BTreeSet;

/// `types` of a route: a tag for each object of these types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTypes {
    types: Vec<(Box<str>, TagTemplate)>,
}

/// The fields of an object make no tag.
struct Untagged;

/// What the objects of an answer name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entities {
    /// These, and no other object could be one of the types.
    These(BTreeSet<Tag>),
    /// These, and others of which it can't be told what they are: an object without `__typename`, one without a field of its
    /// template, or more than are taken.
    AndOthers(BTreeSet<Tag>),
}

impl EntityTypes {
    /// These types, each with the template of its tag.
    pub(crate) const fn new(types: Vec<(Box<str>, TagTemplate)>) -> Self {
        Self { types }
    }

    /// Whether a document has an answer call something else by a name that is looked at here.
    pub(crate) fn are_renamed_by(&self, document: &Document) -> bool {
        document.renames("__typename") || self.fields().any(|field| document.renames(field))
    }

    /// Whether it can make this tag.
    pub(crate) fn make(&self, tag: &str) -> bool {
        self.types.iter().any(|(_, template)| template.makes(tag))
    }

    /// Whether some tag can be made by these and by `other`.
    pub(crate) fn overlap(&self, other: &Self) -> bool {
        let makes_one_of = |template: &TagTemplate| other.types.iter().any(|(_, known)| known.overlaps(template));
        self.types.iter().any(|(_, template)| makes_one_of(template))
    }

    fn fields(&self) -> impl Iterator<Item = &str> {
        self.types.iter().flat_map(|(_, template)| template.capture_names())
    }

    /// The tag of an object of this type; `None` if it is of no type that has one. An error where its fields make none.
    fn tag(&self, type_name: &str, object: &Object<'_>) -> Option<Result<Tag, Untagged>> {
        let (_, template) = self.types.iter().find(|(known, _)| **known == *type_name)?;
        let text = template.text(|field| object.field(field)).filter(|text| !text.is_empty());
        Some(text.and_then(|text| Tag::new(&text).ok()).ok_or(Untagged))
    }
}

/// What an answer says, and what its objects name by any of these.
///
/// # Errors
/// Where it is no answer.
pub(crate) fn entities(types: &[EntityTypes], body: &[u8]) -> Result<(Said, Entities), NotAnAnswer> {
    let (mut tags, mut are_all_told) = (BTreeSet::new(), true);
    let asks = |name: &str| types.iter().any(|types| types.fields().any(|field| field == name));
    let said = answer::read(body, asks, |object| {
        let Some(type_name) = object.type_name.as_deref() else {
            are_all_told = false;
            return;
        };
        for tag in types.iter().filter_map(|types| types.tag(type_name, object)) {
            match tag {
                Ok(tag) if tags.len() < BODY_TAGS_MAX || tags.contains(&tag) => {
                    tags.insert(tag);
                }
                Ok(_) | Err(Untagged) => are_all_told = false,
            }
        }
    })?;
    Ok((said, if are_all_told { Entities::These(tags) } else { Entities::AndOthers(tags) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> EntityTypes {
        let template = |text: &str| TagTemplate::parse(text).unwrap();
        let types = [("Product", "product:{id}"), ("Price", "price:{sku}:{currency}"), ("Shop", "shop")];
        EntityTypes::new(types.map(|(name, tag)| (name.into(), template(tag))).to_vec())
    }

    fn found(data: &str) -> Entities {
        entities(&[shop()], format!(r#"{{"data": {data}}}"#).as_bytes()).unwrap().1
    }

    fn tags(names: &[&str]) -> BTreeSet<Tag> {
        names.iter().map(|name| Tag::new(name).unwrap()).collect()
    }

    #[test]
    fn objects_are_tagged_wherever_they_stand() {
        let data = r#"{"a": [{"__typename": "Product", "id": "7", "price": {"__typename": "Price", "sku": 1, "currency": "EUR"}},
            {"__typename": "List", "items": [{"id": 8, "__typename": "Product"}, {"id": "7", "__typename": "Product"}]}],
            "shop": {"__typename": "Shop"}}"#;
        assert_eq!(found(data), Entities::These(tags(&["product:7", "product:8", "price:1:EUR", "shop"])));
        assert_eq!(found(r#"{"count": 3}"#), Entities::These(tags(&[])));
        let of_percent = r#"{"a": {"__typename": "Product", "id": "7%20, 8"}}"#;
        assert_eq!(found(of_percent), Entities::These(tags(&["product:7%20, 8"])), "a field is taken as it is");
    }

    #[test]
    fn what_may_be_an_entity_that_is_not_named_is_told() {
        let known = r#""k": {"__typename": "Product", "id": 1}"#;
        for other in [
            r#"{"id": 2}"#,
            r#"{"__typename": "Product"}"#,
            r#"{"__typename": "Product", "id": null}"#,
            r#"{"__typename": "Product", "id": [2]}"#,
            r#"{"__typename": "Product", "id": 2.0}"#,
            r#"{"__typename": "Product", "id": 2, "id": 3}"#,
            r#"{"__typename": "Product", "id": "\u0000"}"#,
            r#"{"__typename": "Price", "sku": 1}"#,
            r#"[[{"id": 2}]]"#,
        ] {
            let found = found(&format!(r#"{{{known}, "o": {other}}}"#));
            assert_eq!(found, Entities::AndOthers(tags(&["product:1"])), "{other}");
        }
        let many: Vec<String> =
            (0..=BODY_TAGS_MAX).map(|id| format!(r#"{{"__typename": "Product", "id": {id}}}"#)).collect();
        assert!(matches!(found(&format!(r#"{{"l": [{}]}}"#, many.join(","))), Entities::AndOthers(_)));
    }

    #[test]
    fn a_document_that_calls_something_else_by_a_name_that_counts_is_known() {
        for (text, expected) in [
            ("{ a { __typename id name } }", false),
            ("{ a { x: id title: name } }", false),
            ("{ a { id: name } }", true),
            ("{ a { __typename: name } }", true),
            ("{ a { currency(of: 1) } }", true),
        ] {
            assert_eq!(shop().are_renamed_by(&Document::parse(text).unwrap()), expected, "{text}");
        }
    }
}
