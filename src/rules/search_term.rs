//! What somebody searched for: the value of the query parameter that a route names by `search_term`, as it is counted.

use super::key_recipe::decoded_name;

/// The longest term that is counted, in characters.
pub(crate) const TERM_CHARS_MAX: usize = 100;

/// What a query says of its search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SearchTerm {
    /// Nothing: the parameter is absent or blank.
    None,
    /// It is longer than what is counted.
    TooLong,
    /// Words in lower case with one space between.
    Term(String),
}

/// The term of a query. Where the parameter stands more than once, the first counts.
pub(crate) fn search_term(query: &str, parameter: &str) -> SearchTerm {
    let written = query.split('&').find(|written| decoded_name(written) == parameter);
    let Some((_, value)) = written.and_then(|written| written.split_once('=')) else { return SearchTerm::None };
    // Each character is at most four bytes, each of which is written as three at most.
    if value.len() > TERM_CHARS_MAX * 12 {
        return SearchTerm::TooLong;
    }
    let value = value.replace('+', " ");
    let value = percent_encoding::percent_decode_str(&value).decode_utf8_lossy().to_lowercase();
    let is_blank = |c: char| c.is_whitespace() || c.is_control();
    let words: Vec<&str> = value.split(is_blank).filter(|word| !word.is_empty()).collect();
    let term = words.join(" ");
    match term.chars().count() {
        0 => SearchTerm::None,
        1..=TERM_CHARS_MAX => SearchTerm::Term(term),
        _ => SearchTerm::TooLong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terms_that_mean_the_same_are_the_same() {
        let term = |query: &str| search_term(query, "q");
        for query in
            ["q=red+shoes", "q=Red%20Shoes", "page=2&q=%20red++shoes+", "q=red%09shoes&q=blue", "%71=RED+shoes"]
        {
            assert_eq!(term(query), SearchTerm::Term("red shoes".to_owned()), "{query}");
        }
        assert_eq!(term("q=%C3%9Cbung"), SearchTerm::Term("übung".to_owned()));
        for query in ["", "q", "q=", "q=+%20", "query=a", "q=%00"] {
            assert_eq!(term(query), SearchTerm::None, "{query}");
        }
        assert_eq!(term(&format!("q={}", "x".repeat(101))), SearchTerm::TooLong);
        assert_eq!(term(&format!("q={}", "%20".repeat(5_000))), SearchTerm::TooLong);
        assert_eq!(term(&format!("q={}", "%C3%BC".repeat(100))), SearchTerm::Term("ü".repeat(100)));
    }

    proptest! {
        #[test]
        fn a_term_is_bounded_and_its_own_term(query in "\\PC{0,60}") {
            if let SearchTerm::Term(term) = search_term(&format!("q={query}"), "q") {
                prop_assert!(term.chars().count() <= TERM_CHARS_MAX);
                let written: String = percent_encoding::utf8_percent_encode(&term, percent_encoding::NON_ALPHANUMERIC).collect();
                prop_assert_eq!(search_term(&format!("q={written}"), "q"), SearchTerm::Term(term));
            }
        }
    }
}
