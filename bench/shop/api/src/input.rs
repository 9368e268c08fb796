//! What clients send, made safe to ask the database with.

use crate::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts};
use serde::Deserialize;

/// How many items a page has.
pub(crate) const PAGE_ITEMS: i64 = 20;

/// The last page that anybody may ask for.
const PAGE_MAX: u32 = 1000;

/// The longest text searched for, in characters.
const WORDS_CHARS_MAX: usize = 100;

/// The query, or a problem.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub(crate) struct Query<T>(pub(crate) T);

/// What stands in the path, or a problem.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub(crate) struct Path<T>(pub(crate) T);

/// A JSON body, or a problem.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub(crate) struct Body<T>(pub(crate) T);

/// A page's number, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub(crate) struct Page(u32);

impl Page {
    /// How many items stand on the pages before it.
    pub(crate) fn offset(self) -> i64 {
        (i64::from(self.0) - 1) * PAGE_ITEMS
    }
}

impl Default for Page {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u32> for Page {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if (1..=PAGE_MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!("a page is a number from 1 to {PAGE_MAX}"))
        }
    }
}

/// Words to search for: lower case, one space between them, at least one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Words(String);

impl Words {
    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Words {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '\'' | '.');
        let plain: String = text.to_lowercase().chars().map(|c| if is_word(c) { c } else { ' ' }).collect();
        let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() {
            return Err("there is no word to search for".to_owned());
        }
        if words.chars().count() > WORDS_CHARS_MAX {
            return Err(format!("at most {WORDS_CHARS_MAX} characters can be searched for"));
        }
        Ok(Self(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_made_plain() {
        for (written, plain) in [
            ("  Walnut   DESK ", "walnut desk"),
            ("100% \"wool\"\0_", "100 wool"),
            ("children's t-shirt", "children's t-shirt"),
        ] {
            assert_eq!(Words::try_from(written.to_owned()).map(Words::into_text), Ok(plain.to_owned()));
        }
    }

    #[test]
    fn no_word_and_too_many_are_refused() {
        for text in ["", " \t", "%_%", &"a".repeat(101)] {
            assert!(Words::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn pages_count_from_one() {
        assert_eq!(Page::try_from(1).map(Page::offset), Ok(0));
        assert_eq!(Page::try_from(3).map(Page::offset), Ok(40));
        assert_eq!(Page::default().offset(), 0);
        assert!(Page::try_from(0).is_err());
        assert!(Page::try_from(1001).is_err());
    }
}
