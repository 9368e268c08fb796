//! What a route says of GraphQL, from a raw `[[route]]`: `operation`, `types`, `private_mutations` and `graphql_errors`.

use super::problem::Problems;
use super::raw_rules::RawRoute;
use super::table::Placed;
use crate::rules::Route;
use crate::rules::body_key::KeyedForm;
use crate::rules::entity_types::EntityTypes;
use crate::rules::tag_template::TagTemplate;

/// Resolves the keys into `route`, whose `body_key` is settled.
pub(super) fn resolve(raw: &RawRoute, route: &mut Route, problems: &mut Problems) {
    route.operation = operation(raw, problems);
    if let Some(errors) = &raw.graphql_errors {
        route.graphql_errors = errors.value.0;
    }
    let needs_graphql = [
        raw.types.as_ref().map(|types| ("types", &types.place)),
        raw.private_mutations.as_ref().map(|fields| ("private_mutations", &fields.place)),
        raw.graphql_errors.as_ref().map(|errors| ("graphql_errors", &errors.place)),
    ];
    for (key, place) in needs_graphql.into_iter().flatten() {
        if !route.caches_operations() {
            let hint = "add body_key = \"graphql\", or leave it out";
            problems.error(place, format!("`{key}` is about GraphQL"), Some(hint));
        }
    }
    route.private_mutations = private_mutations(raw, problems);
    route.types = raw.types.as_ref().and_then(|written| {
        let types: Vec<_> = written.value.0.iter().filter_map(|(name, tag)| entity(name, tag, problems)).collect();
        if types.is_empty() && !problems.has_errors_within(&written.place) {
            let hint = "name a type and its tag: types = { Product = \"product:{id}\" }";
            problems.error(&written.place, "`types` names no type", Some(hint));
        }
        (!types.is_empty()).then(|| EntityTypes::new(types))
    });
}

/// The fields of Mutation that change nothing that is stored.
fn private_mutations(raw: &RawRoute, problems: &mut Problems) -> Vec<Box<str>> {
    let Some(written) = &raw.private_mutations else { return Vec::new() };
    for field in written.value.iter().filter(|field| !is_name(&field.value)) {
        let hint = "write the name of a field of the schema's Mutation: \"addItemToOrder\"";
        problems.error(&field.place, format!("`{}` is no name of a mutation", field.value), Some(hint));
    }
    written.value.iter().map(|field| field.value.as_str().into()).collect()
}

/// The operation that a route is for.
fn operation(raw: &RawRoute, problems: &mut Problems) -> Option<Box<str>> {
    let written = raw.operation.as_ref()?;
    if !is_name(&written.value) {
        let hint = "write the name that the document gives it: `query ProductDetail { … }` is \"ProductDetail\"";
        problems.error(&written.place, format!("`{}` is no name of an operation", written.value), Some(hint));
        return None;
    }
    if let Some(form) = raw.body_key.as_ref().filter(|form| form.value.0 != KeyedForm::Graphql) {
        let hint = "write body_key = \"graphql\", or leave it out";
        problems.error(&form.place, "an operation is not told by this `body_key`", Some(hint));
    }
    Some(written.value.as_str().into())
}

fn entity(name: &Placed<String>, tag: &Placed<String>, problems: &mut Problems) -> Option<(Box<str>, TagTemplate)> {
    if !is_name(&name.value) {
        let hint = "write the name of a type of the schema: types = { Product = \"product:{id}\" }";
        problems.error(&name.place, format!("`{}` is no name of a type", name.value), Some(hint));
    }
    match TagTemplate::parse(&tag.value) {
        Ok(template) => Some((name.value.as_str().into(), template)),
        Err(error) => {
            let hint = "a tag is a line of text, with fields of the type in braces: \"product:{id}\"";
            problems.error(&tag.place, error.to_string(), Some(hint));
            None
        }
    }
}

/// October 2021 section 2.1.9.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
