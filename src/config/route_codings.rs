//! `compress` of a route: true, or the codings, the one that bodies are kept in first.

use super::problem::Problems;
use super::table::{FromToml, Placed, Reader};
use super::values::words;
use crate::semantics::content_coding::Coding;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use toml::Spanned;
use toml::de::DeValue;

words! {
    /// A coding.
    enum CodingWord => Coding {
        zstd = Coding::Zstd,
        br = Coding::Br,
        gzip = Coding::Gzip,
    }
}

/// `true`, or `["zstd", "br", "gzip"]`
#[derive(Debug, Clone)]
pub(super) enum CompressText {
    Switch(bool),
    Codings(Vec<Placed<CodingWord>>),
}

impl FromToml for CompressText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        if let Some(switch) = value.get_ref().as_bool() {
            return Some(Self::Switch(switch));
        }
        if value.get_ref().as_array().is_some() {
            return Vec::from_toml(value, reader).map(Self::Codings);
        }
        let hint = match value.get_ref().as_str().filter(|text| Coding::named(text.as_bytes()).is_some()) {
            Some(text) => format!("write [\"{text}\"]"),
            None => "write true for [\"gzip\"], or [\"zstd\", \"br\", \"gzip\"]".to_owned(),
        };
        reader.wrong_type(value, "true, false or a list of codings", Some(hint));
        None
    }
}

/// Resolves `compress`.
pub(super) fn resolve(written: &Placed<CompressText>, problems: &mut Problems) -> Box<[Coding]> {
    let listed = match &written.value {
        CompressText::Switch(true) => return Box::new([Coding::Gzip]),
        CompressText::Switch(false) => return Box::default(),
        CompressText::Codings(listed) => listed,
    };
    if listed.is_empty() && !problems.has_errors_within(&written.place) {
        problems.error(
            &written.place,
            "`compress` names no coding",
            Some("write `compress = false` to keep bodies as they come"),
        );
    }
    let mut codings = Vec::with_capacity(listed.len());
    for coding in listed {
        if codings.contains(&coding.value.0) {
            let message = format!("`{}` is named twice", coding.value.0.token());
            problems.error(&coding.place, message, Some("the order says which one is preferred: name each once"));
        } else {
            codings.push(coding.value.0);
        }
    }
    codings.into()
}

impl JsonSchema for CompressText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CompressText".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let coding = generator.subschema_for::<CodingWord>();
        json_schema!({
            "anyOf": [
                { "type": "boolean" },
                { "type": "array", "items": coding, "minItems": 1, "uniqueItems": true, "examples": [["zstd", "br", "gzip"]] }
            ]
        })
    }
}
