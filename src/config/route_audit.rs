//! `audit` of a route: `"1%"`, or a share and what of a JSON body may differ.

use super::problem::Problems;
use super::table::{FromToml, Placed, Reader};
use super::values::{PercentageText, Texts};
use crate::rules::Route;
use crate::rules::audit::AuditRule;
use crate::rules::route::RouteMode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json_path::JsonPath;
use std::borrow::Cow;
use toml::Spanned;
use toml::de::DeValue;

/// `"1%"`, or `{ share = "1%", ignore = ["$.generated_at"] }`
#[derive(Debug, Clone)]
pub(super) struct AuditText {
    share: PercentageText,
    ignore: Option<Placed<Texts>>,
}

impl FromToml for AuditText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            return PercentageText::from_toml(value, reader).map(|share| Self { share, ignore: None });
        };
        reader.refuse_unknown(table, &["share", "ignore"]);
        let ignore = reader.field::<Texts>(table, "ignore");
        if let Some(share) = reader.field::<PercentageText>(table, "share") {
            return Some(Self { share: share.value, ignore });
        }
        if !table.contains_key("share") {
            let hint = "write { share = \"1%\", ignore = [\"$.generated_at\"] }";
            reader.error(value, "`audit` has no `share`", Some(hint.to_owned()));
        }
        None
    }
}

/// Resolves `audit`; `None` where nothing is compared.
pub(super) fn resolve(written: &Placed<AuditText>, route: &Route, problems: &mut Problems) -> Option<AuditRule> {
    if route.mode == RouteMode::PassThrough {
        let hint = "leave `audit` out: what passes through comes from the origin each time";
        problems.error(&written.place, "`audit` compares answers from the cache, and this route has none", Some(hint));
    }
    let mut ignore = Vec::new();
    for path in written.value.ignore.iter().flat_map(|paths| &paths.value) {
        match JsonPath::parse(&path.value) {
            Ok(parsed) => ignore.push(parsed),
            Err(error) => {
                let hint = "a JSONPath begins with `$`: \"$.generated_at\"";
                problems.error(&path.place, format!("`{}` is not a JSONPath: {error}", path.value), Some(hint));
            }
        }
    }
    let share = written.value.share.0;
    (share > 0.0).then_some(AuditRule { share, ignore })
}

impl JsonSchema for AuditText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AuditText".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let share = generator.subschema_for::<PercentageText>();
        json_schema!({
            "anyOf": [
                share,
                {
                    "type": "object",
                    "properties": { "share": share, "ignore": { "type": "array", "items": { "type": "string" } } },
                    "required": ["share"],
                    "additionalProperties": false
                }
            ]
        })
    }
}
