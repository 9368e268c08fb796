//! Every file says what it is for.

use crate::Source;

/// Says so where the first line is no `//!` with words in it.
pub fn missing_header(source: &Source) -> Vec<String> {
    let first = source.text.lines().find(|line| !line.starts_with("#!")).unwrap_or_default();
    let says = first.strip_prefix("//!").is_some_and(|words| words.trim().len() > 3);
    if says { Vec::new() } else { vec!["does not begin with `//!` and what the file is for".to_owned()] }
}

#[test]
fn a_file_that_begins_otherwise_is_found() {
    for text in ["", "use std::fmt;\n", "// Plain comment\n", "//!\nfn f() {}\n"] {
        assert_eq!(missing_header(&Source::sample("src/a.rs", text)).len(), 1, "{text:?}");
    }
    for text in ["//! Dates.\n", "#![no_main]\n//! A fuzz target.\n"] {
        assert_eq!(missing_header(&Source::sample("src/a.rs", text)), Vec::<String>::new());
    }
}
