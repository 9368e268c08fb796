//! What a column's value is called, as a tag or a URL would name it.

use crate::events::changes::naming::{json, number};
use tokio_postgres::types::{Kind, Type};

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ColumnType {
    /// One that every PostgreSQL has.
    Known(Type),
    /// Another: an enumeration, a domain, a list of either.
    Own,
}

impl ColumnType {
    pub(super) fn of(oid: u32) -> Self {
        Type::from_oid(oid).map_or(Self::Own, Self::Known)
    }
}

/// What a value is called, which the database writes so: nothing, or several for a list and for a number with more than one
/// spelling. `None` where it is not known.
pub(super) fn names(kind: &ColumnType, text: &str) -> Option<Vec<String>> {
    let ColumnType::Known(kind) = kind else {
        // A list of an own type looks like one; a text may look so too, and then it is called both.
        let mut names = scalar(&Type::TEXT, text)?;
        names.extend(items(text).unwrap_or_default().into_iter().filter(|item| !item.is_empty()));
        return Some(names);
    };
    match kind.kind() {
        Kind::Array(inner) => {
            let items = items(text)?;
            items.iter().map(|item| scalar(inner, item)).collect::<Option<Vec<_>>>().map(|names| names.concat())
        }
        _ => scalar(kind, text),
    }
}

fn scalar(kind: &Type, text: &str) -> Option<Vec<String>> {
    match *kind {
        Type::BOOL => match text {
            "t" => Some(vec!["true".to_owned()]),
            "f" => Some(vec!["false".to_owned()]),
            _ => None,
        },
        Type::JSON | Type::JSONB => json(text),
        Type::NUMERIC | Type::FLOAT4 | Type::FLOAT8 => Some(number(text)),
        // Blanks pad it.
        Type::BPCHAR => {
            let short = text.trim_end_matches(' ');
            let both = if short == text { vec![text] } else { vec![short, text] };
            Some(both.into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect())
        }
        _ if text.is_empty() => Some(Vec::new()),
        _ => Some(vec![text.to_owned()]),
    }
}

/// The items of a list as PostgreSQL writes it: `{a,"b c",NULL}`, whatever its dimensions; NULL is none. `None` where it is
/// not written so.
fn items(text: &str) -> Option<Vec<String>> {
    // Bounds that do not begin at 1 stand before it: `[0:1]={a,b}`.
    let text = if text.starts_with('[') { text.split_once('=')?.1 } else { text };
    let mut items = Vec::new();
    let mut item = Item::default();
    let mut depth = 0_usize;
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            '"' if item.is_quoted => item.is_open = !item.is_open,
            '"' => (item.is_quoted, item.is_open) = (true, true),
            '\\' => item.text.push(chars.next()?),
            _ if item.is_open => item.text.push(next),
            '{' => depth += 1,
            ',' | '}' if depth > 0 => {
                items.extend(std::mem::take(&mut item).finish());
                depth -= usize::from(next == '}');
                if depth == 0 {
                    return chars.next().is_none().then_some(items);
                }
            }
            _ if depth == 0 => return None,
            _ => item.text.push(next),
        }
    }
    None
}

/// An item that is being read.
#[derive(Default)]
struct Item {
    text: String,
    is_quoted: bool,
    /// Within quotation marks.
    is_open: bool,
}

impl Item {
    /// What stands between two commas may be nothing: a list of lists ended there.
    fn finish(self) -> Option<String> {
        (self.is_quoted || !(self.text.is_empty() || self.text.eq_ignore_ascii_case("null"))).then_some(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_called_as_a_tag_or_a_url_would_name_it() {
        const NOTHING: &[&str] = &[];
        for (kind, text, expected) in [
            (Type::INT8, "42", Some(&["42"] as &[&str])),
            (Type::TEXT, "red shoes", Some(&["red shoes"])),
            (Type::TEXT, "{a,b}", Some(&["{a,b}"])),
            (Type::TEXT, "", Some(NOTHING)),
            (Type::BOOL, "t", Some(&["true"])),
            (Type::BOOL, "x", None),
            (Type::NUMERIC, "42.00", Some(&["42", "42.00"])),
            (Type::NUMERIC, "42.50", Some(&["42.50"])),
            (Type::FLOAT8, "NaN", Some(&["NaN"])),
            (Type::BPCHAR, "ab  ", Some(&["ab", "ab  "])),
            (Type::BPCHAR, "   ", Some(&["   "])),
            (Type::JSONB, r#"["a", 2, null, true]"#, Some(&["a", "2", "true"])),
            (Type::JSONB, r#""a""#, Some(&["a"])),
            (Type::JSONB, "null", Some(NOTHING)),
            (Type::JSONB, "[]", Some(NOTHING)),
            (Type::JSONB, r#"{"a": 1}"#, None),
            (Type::JSONB, "[[1]]", None),
            (Type::JSON, "[", None),
            (Type::TEXT_ARRAY, r#"{a,"b c",NULL,"NULL","","\"q\\",d}"#, Some(&["a", "b c", "NULL", "\"q\\", "d"])),
            (Type::TEXT_ARRAY, "{}", Some(NOTHING)),
            (Type::INT4_ARRAY, "[0:1]={1,2}", Some(&["1", "2"])),
            (Type::INT4_ARRAY, "{{1,2},{3,4}}", Some(&["1", "2", "3", "4"])),
            (Type::JSONB_ARRAY, r#"{"[1, 2]","\"a\""}"#, Some(&["1", "2", "a"])),
            (Type::BOOL_ARRAY, "{t,f}", Some(&["true", "false"])),
            (Type::INT4_ARRAY, "{1", None),
            (Type::INT4_ARRAY, "{1}x", None),
            (Type::INT4_ARRAY, "1", None),
        ] {
            let found = names(&ColumnType::Known(kind.clone()), text);
            let expected = expected.map(|names| names.iter().map(|&name| name.to_owned()).collect());
            assert_eq!(found, expected, "{kind} {text}");
        }
        assert_eq!(names(&ColumnType::Own, "{a,b}").unwrap(), ["{a,b}", "a", "b"]);
        assert_eq!(names(&ColumnType::Own, "new").unwrap(), ["new"]);
        assert!(matches!(ColumnType::of(100_000), ColumnType::Own));
    }
}
