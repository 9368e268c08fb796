//! The kinds of values that raw tables hold: durations, sizes, percentages, words.

use super::table::{FromToml, Placed, Reader, nearest};
use crate::clock::Timestamp;
use bytesize::ByteSize;
use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// The longest duration that means anything here.
const DURATION_MAX: Duration = Duration::from_hours(10 * 365 * 24);

/// `"5m"`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DurationText(pub(super) Duration);

impl FromToml for DurationText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        const EXAMPLES: &str = "a duration has a unit: \"500ms\", \"30s\", \"5m\", \"1h 30m\", \"7d\"";
        let Some(text) = value.get_ref().as_str() else {
            let hint = value
                .get_ref()
                .as_integer()
                .map_or_else(|| EXAMPLES.to_owned(), |n| format!("write \"{n}s\" for seconds"));
            reader.wrong_type(value, "a duration such as \"30s\"", Some(hint));
            return None;
        };
        if text.ends_with('M') {
            let hint = "write `m` for minutes; for months, count in days (`d`)".to_owned();
            reader.error(value, format!("`{text}` could mean months or minutes"), Some(hint));
            return None;
        }
        match humantime::parse_duration(text) {
            Ok(duration) if duration <= DURATION_MAX => Some(Self(duration)),
            Ok(_) => {
                reader.error(value, format!("`{text}` is longer than ten years"), None);
                None
            }
            Err(_) => {
                reader.error(value, format!("`{text}` is not a duration"), Some(EXAMPLES.to_owned()));
                None
            }
        }
    }
}

/// `"5m"`, or `{ adaptive = ["10s", "1h"] }`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LifetimeText {
    /// The lifetime, or the shortest.
    pub(super) ttl: Duration,
    /// The longest, where it is adaptive.
    pub(super) adaptive_max: Option<Duration>,
}

impl FromToml for LifetimeText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        const EXAMPLE: &str = "write { adaptive = [\"10s\", \"1h\"] }: the shortest and the longest";
        let Some(table) = value.get_ref().as_table() else {
            return DurationText::from_toml(value, reader).map(|ttl| Self { ttl: ttl.0, adaptive_max: None });
        };
        reader.refuse_unknown(table, &["adaptive"]);
        let bounds = reader.field::<Vec<Placed<DurationText>>>(table, "adaptive");
        let Some([shortest, longest]) = bounds.as_ref().map(|bounds| bounds.value.as_slice()) else {
            reader.error(value, "an adaptive `ttl` has two bounds", Some(EXAMPLE.to_owned()));
            return None;
        };
        let (shortest, longest) = (shortest.value.0, longest.value.0);
        if shortest >= longest {
            let hint = EXAMPLE.to_owned();
            reader.error(value, "the first bound of an adaptive `ttl` is not shorter than the second", Some(hint));
            return None;
        }
        Some(Self { ttl: shortest, adaptive_max: Some(longest) })
    }
}

/// `"2026-11-27T00:00:00Z"`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MomentText(pub(super) Timestamp);

impl FromToml for MomentText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        const EXAMPLES: &str = "write date, time and offset: \"2026-11-27T00:00:00Z\", \"2026-11-27T08:00:00+01:00\"";
        let Some(text) = value.get_ref().as_str() else {
            reader.wrong_type(value, "a moment such as \"2026-11-27T00:00:00Z\"", Some(EXAMPLES.to_owned()));
            return None;
        };
        let moment = Timestamp::parse_rfc3339(text).map(Self);
        if moment.is_none() {
            reader.error(value, format!("`{text}` is not a moment"), Some(EXAMPLES.to_owned()));
        }
        moment
    }
}

/// `"2MiB"` or a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SizeText(pub(super) u64);

impl FromToml for SizeText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        if value.get_ref().is_integer() {
            return u64::from_toml(value, reader).map(Self);
        }
        let hint = || Some("a size has a unit: \"64KiB\", \"2MiB\", \"1GiB\"".to_owned());
        let Some(text) = value.get_ref().as_str() else {
            reader.wrong_type(value, "a size such as \"2MiB\"", hint());
            return None;
        };
        let size = text.parse::<ByteSize>();
        if size.is_err() {
            reader.error(value, format!("`{text}` is not a size"), hint());
        }
        size.ok().map(|size| Self(size.as_u64()))
    }
}

/// `"10%"`, as a share from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PercentageText(pub(super) f64);

impl FromToml for PercentageText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        let hint = || Some("write a percentage from \"0%\" to \"100%\"".to_owned());
        let Some(text) = value.get_ref().as_str() else {
            reader.wrong_type(value, "a percentage such as \"10%\"", hint());
            return None;
        };
        let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        let share = number.map(|number| number / 100.0).filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            reader.error(value, format!("`{text}` is not a percentage"), hint());
        }
        share.map(Self)
    }
}

/// `"25%"`, as a share from 0 to 1, or a size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ShareOrSize {
    Share(f64),
    Bytes(u64),
}

impl ShareOrSize {
    /// In bytes, where the whole is so many.
    #[expect(clippy::cast_precision_loss, reason = "a share of a size need not be exact to the byte")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is between 0 and 1")]
    pub(super) fn of(self, whole: u64) -> u64 {
        match self {
            Self::Share(share) => (whole as f64 * share) as u64,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl FromToml for ShareOrSize {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        if value.get_ref().as_str().is_some_and(|text| text.trim_end().ends_with('%')) {
            return PercentageText::from_toml(value, reader).map(|share| Self::Share(share.0));
        }
        SizeText::from_toml(value, reader).map(|size| Self::Bytes(size.0))
    }
}

/// A request method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MethodText(pub(super) Method);

impl FromToml for MethodText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        let text = String::from_toml(value, reader)?;
        let upper = text.to_ascii_uppercase();
        let method = text.parse::<Method>().ok().filter(|_| text == upper);
        if method.is_none() {
            let hint = upper.parse::<Method>().is_ok().then(|| format!("methods are case-sensitive: write `{upper}`"));
            reader.error(value, format!("`{text}` is not a method"), hint);
        }
        method.map(Self)
    }
}

/// `{ "404" = "30s" }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ByStatus(pub(super) Vec<(StatusCode, Duration)>);

impl FromToml for ByStatus {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            reader.wrong_type(value, "a table such as { \"404\" = \"30s\" }", None);
            return None;
        };
        let mut by_status = Vec::new();
        for (key, duration) in table {
            let status = key.get_ref().parse::<StatusCode>().ok();
            let status =
                status.filter(|status| (200..600).contains(&status.as_u16()) && *status != StatusCode::NOT_MODIFIED);
            if status.is_none() {
                let at = Spanned::new(key.span(), DeValue::Boolean(false));
                let hint = "write one status a key, from 200 to 599, e.g. \"404\"".to_owned();
                reader.error(&at, format!("`{}` is not a status that can be stored", key.get_ref()), Some(hint));
            }
            let lifetime = DurationText::from_toml(duration, reader);
            by_status.extend(status.zip(lifetime).map(|(status, lifetime)| (status, lifetime.0)));
        }
        Some(Self(by_status))
    }
}

/// Reads a word out of a fixed choice.
pub(super) fn word<T: Copy>(
    value: &Spanned<DeValue<'_>>,
    reader: &mut Reader<'_>,
    choices: &[(&'static str, T)],
) -> Option<T> {
    let text = String::from_toml(value, reader)?;
    let found = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
    if found.is_none() {
        let names = || choices.iter().map(|(name, _)| *name);
        let hint = match nearest(&text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("choose one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        reader.error(value, format!("`{text}` is not one of this key's values"), Some(hint));
    }
    found
}

/// Declares a type whose values are words; one that is no identifier is written out, `round_robin as "round-robin"`.
macro_rules! words {
    (@text $word:ident) => { stringify!($word) };
    (@text $word:ident $text:literal) => { $text };
    ($(#[$meta:meta])* enum $name:ident => $target:ty {
        $($(#[$word_meta:meta])* $word:ident $(as $text:literal)? = $choice:expr,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) struct $name(pub(super) $target);

        impl $crate::config::table::FromToml for $name {
            fn from_toml(
                value: &toml::Spanned<toml::de::DeValue<'_>>,
                reader: &mut $crate::config::table::Reader<'_>,
            ) -> Option<Self> {
                $crate::config::values::word(value, reader, &[$((words!(@text $word $($text)?), $choice),)+]).map(Self)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$(words!(@text $word $($text)?),)+] })
            }
        }
    };
}
pub(super) use words;

/// Gives a type of value its place in the JSON Schema.
macro_rules! schema {
    ($type:ident, $schema:expr) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema!(
    LifetimeText,
    json_schema!({
        "anyOf": [
            { "type": "string", "examples": ["500ms", "30s", "5m", "1h", "7d"] },
            {
                "type": "object",
                "properties": { "adaptive": { "type": "array", "items": { "type": "string" }, "minItems": 2, "maxItems": 2 } },
                "required": ["adaptive"],
                "additionalProperties": false
            }
        ]
    })
);
schema!(
    MomentText,
    json_schema!({ "type": "string", "format": "date-time", "examples": ["2026-11-27T00:00:00Z", "2026-11-27T08:00:00+01:00"] })
);
schema!(DurationText, json_schema!({ "type": "string", "examples": ["500ms", "30s", "5m", "1h", "7d"] }));
schema!(SizeText, json_schema!({ "type": ["string", "integer"], "minimum": 0, "examples": ["64KiB", "2MiB", "1GiB"] }));
schema!(PercentageText, json_schema!({ "type": "string", "pattern": "^[0-9]+([.][0-9]+)? *%$", "examples": ["10%"] }));
schema!(
    ShareOrSize,
    json_schema!({ "type": ["string", "integer"], "minimum": 0, "examples": ["25%", "64MiB", "1GiB"] })
);
schema!(MethodText, json_schema!({ "type": "string", "examples": ["GET", "POST", "QUERY"] }));
schema!(
    ByStatus,
    json_schema!({
        "type": "object",
        "propertyNames": { "pattern": "^[2-5][0-9]{2}$" },
        "additionalProperties": { "type": "string" },
        "examples": [{ "404": "30s" }],
    })
);

/// `{ "X-Served-By" = "larder" }`: names and values, each with its place.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldTable(pub(super) Vec<(Placed<String>, Placed<String>)>);

impl FromToml for FieldTable {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            reader.wrong_type(value, "a table such as { \"X-Served-By\" = \"larder\" }", None);
            return None;
        };
        let mut fields = Vec::new();
        for (key, value) in table {
            let name = Placed { value: key.get_ref().to_string(), place: reader.place(key.span()) };
            fields.extend(reader.value::<String>(value).map(|value| (name, value)));
        }
        // In the order of the text, which is that in which they are sent.
        fields.sort_by_key(|(name, _)| name.place.span.start);
        Some(Self(fields))
    }
}

schema!(
    FieldTable,
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "string" },
        "examples": [{ "X-Served-By": "larder" }],
    })
);

/// A list of texts, each with its place.
pub(super) type Texts = Vec<Placed<String>>;
