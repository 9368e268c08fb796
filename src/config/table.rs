//! Reading TOML into raw tables: every value keeps its place, and every problem is noted on the way.

use super::problem::{Place, Problem, Problems, SourceText};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

// A place is no part of what is written.
impl<T: JsonSchema> JsonSchema for Placed<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// What is said elsewhere in place of what a source says.
pub(super) trait Overlay {
    /// Puts it into the source's table. The problems found are in the reader.
    fn lay_over<'t>(&'t self, table: &mut DeTable<'t>, reader: &mut Reader<'_>);
}

/// Nothing is.
struct NothingElse;

impl Overlay for NothingElse {
    fn lay_over<'t>(&'t self, _: &mut DeTable<'t>, _: &mut Reader<'_>) {}
}

/// Reads one source, with what stands elsewhere in place of some of its values.
pub(super) struct Reader<'p> {
    /// Each with the place of its first byte among all: a value's span alone identifies its file.
    sources: Vec<(usize, Arc<SourceText>)>,
    problems: &'p mut Problems,
}

impl<'p> Reader<'p> {
    pub(super) fn new(source: &Arc<SourceText>, problems: &'p mut Problems) -> Self {
        Self { sources: vec![(0, Arc::clone(source))], problems }
    }

    /// Reads the whole source as a table; `None` if it is no TOML.
    pub(super) fn document<T: FromTable>(self) -> Option<Placed<T>> {
        self.document_with(&NothingElse)
    }

    /// As [`Self::document`], with what is said elsewhere in place of what the source says.
    pub(super) fn document_with<T: FromTable>(mut self, overlay: &impl Overlay) -> Option<Placed<T>> {
        let source = Arc::clone(&self.sources[0].1);
        let (mut table, errors) = DeTable::parse_recoverable(&source.text);
        for error in &errors {
            let place = self.place(error.span().unwrap_or(0..0));
            self.problems.error(&place, error.message(), None::<String>);
        }
        if !errors.is_empty() {
            return None;
        }
        overlay.lay_over(table.get_mut(), &mut self);
        let place = self.place(table.span());
        Some(Placed { value: T::from_table(table.get_ref(), &mut self), place })
    }

    /// Adds a source. Returns the place of its first byte among all.
    pub(super) fn add(&mut self, name: &str, text: &str) -> usize {
        // One further, so that the end of one is not the beginning of the next.
        let start = self.sources.last().map_or(0, |(start, source)| start + source.text.len() + 1);
        self.sources.push((start, Arc::new(SourceText { name: name.to_owned(), text: text.to_owned() })));
        start
    }

    /// The source that a place among all lies in, and where it begins.
    fn source_at(&self, at: usize) -> &(usize, Arc<SourceText>) {
        let after = self.sources.partition_point(|(start, _)| *start <= at);
        &self.sources[after.saturating_sub(1)]
    }

    pub(super) fn place(&self, span: std::ops::Range<usize>) -> Place {
        let (start, source) = self.source_at(span.start);
        Place::new(source, span.start - start..span.end.max(span.start) - start)
    }

    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn error(&mut self, at: &Spanned<DeValue<'_>>, message: impl Into<String>, hint: Option<String>) {
        let place = self.place(at.span());
        self.problems.error(&place, message, hint);
    }

    /// Notes that a value is of the wrong type.
    pub(super) fn wrong_type(&mut self, at: &Spanned<DeValue<'_>>, expected: &str, hint: Option<String>) {
        let found = match at.get_ref().type_str() {
            found @ ("integer" | "array") => format!("an {found}"),
            found => format!("a {found}"),
        };
        self.error(at, format!("expected {expected}, found {found}"), hint);
    }

    pub(super) fn value<T: FromToml>(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Placed<T>> {
        let read = T::from_toml(value, self)?;
        let (start, source) = self.source_at(value.span().start);
        let extent_end = extent_end(value, &(*start..start + source.text.len())) - start;
        Some(Placed { value: read, place: Place { extent_end, ..self.place(value.span()) } })
    }

    /// The value of a key of a raw table.
    pub(super) fn field<T: FromToml>(&mut self, table: &DeTable<'_>, key: &str) -> Option<Placed<T>> {
        self.value(table.get(key)?)
    }

    /// Notes every key that the raw table does not have.
    pub(super) fn refuse_unknown(&mut self, table: &DeTable<'_>, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let place = self.place(key.span());
            let name = key.get_ref();
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.problems.error(&place, format!("unknown key `{name}`"), Some(hint));
        }
    }
}

/// Where a value ends in its source, what follows a table's header included.
fn extent_end(value: &Spanned<DeValue<'_>>, source: &std::ops::Range<usize>) -> usize {
    let within = value.get_ref().as_table().into_iter().flat_map(DeTable::iter);
    let ends = within.flat_map(|(key, value)| [extent_end(value, source), key.span().end]);
    ends.filter(|end| *end <= source.end).fold(value.span().end, usize::max)
}

/// A type that a TOML value can be read into. What can't be is noted in the reader and yields none.
pub(super) trait FromToml: Sized {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self>;
}

/// A raw table, made by [`raw_table`].
pub(super) trait FromTable {
    fn from_table(table: &DeTable<'_>, reader: &mut Reader<'_>) -> Self;
}

impl FromToml for String {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        let text = value.get_ref().as_str().map(ToOwned::to_owned);
        if text.is_none() {
            reader.wrong_type(value, "a string", None);
        }
        text
    }
}

impl FromToml for bool {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        let read = value.get_ref().as_bool();
        if read.is_none() {
            reader.wrong_type(value, "true or false", None);
        }
        read
    }
}

impl FromToml for u64 {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(integer) = value.get_ref().as_integer() else {
            reader.wrong_type(value, "a number", None);
            return None;
        };
        let read = Self::from_str_radix(integer.as_str(), integer.radix()).ok();
        if read.is_none() {
            reader.error(value, format!("`{integer}` is out of range"), None);
        }
        read
    }
}

impl<T: FromToml> FromToml for Vec<Placed<T>> {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(items) = value.get_ref().as_array() else {
            let hint = value.get_ref().as_str().map(|text| format!("write `[\"{text}\"]`"));
            reader.wrong_type(value, "a list", hint);
            return None;
        };
        // An item that can't be read is noted; the others are still looked at.
        Some(items.iter().filter_map(|item| reader.value(item)).collect())
    }
}

/// The key of a field: a key that is a word of Rust is written with `r#` there.
pub(super) fn key(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// Declares a raw table: its keys, their documentation (which goes into the JSON Schema) and types, and how it is read.
macro_rules! raw_table {
    ($(#[$meta:meta])* struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Default, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$field_meta])* pub(super) $field: Option<$crate::config::table::Placed<$type>>,)+
        }

        impl $crate::config::table::FromTable for $name {
            fn from_table(
                table: &toml::de::DeTable<'_>,
                reader: &mut $crate::config::table::Reader<'_>,
            ) -> Self {
                reader.refuse_unknown(table, &[$($crate::config::table::key(stringify!($field)),)+]);
                Self { $($field: reader.field(table, $crate::config::table::key(stringify!($field))),)+ }
            }
        }

        impl $crate::config::table::FromToml for $name {
            fn from_toml(
                value: &toml::Spanned<toml::de::DeValue<'_>>,
                reader: &mut $crate::config::table::Reader<'_>,
            ) -> Option<Self> {
                let table = value.get_ref().as_table();
                if table.is_none() {
                    reader.wrong_type(value, "a table", None);
                }
                Some($crate::config::table::FromTable::from_table(table?, reader))
            }
        }
    };
}
pub(super) use raw_table;

/// The known name that a mistyped one most likely means.
pub(super) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name.to_lowercase(), candidate);
    let (distance, candidate) = known.map(|candidate| (distance(candidate), candidate)).min()?;
    (distance <= (candidate.len() / 3).max(1)).then_some(candidate)
}
