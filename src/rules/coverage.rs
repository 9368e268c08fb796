//! Whether one pattern matches everything that another matches. Sound, not complete: a yes is always true.
//!
//! Both patterns are spelled as symbols; the wider one then swallows the narrower one's symbols as if they were input.

use super::host_pattern::HostPattern;
use super::pattern::{PathPattern, Piece};
use super::route::Route;
use std::collections::HashSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    /// This byte.
    Byte(u8),
    /// One byte of a segment; in a spelled pattern [`Symbol::Star`] always follows.
    One,
    /// Any bytes of a segment.
    Star,
    /// `**/`
    Segments,
    /// Whatever is left.
    Rest,
}

/// Whether `wide` matches every request that `narrow` matches.
pub(super) fn covers(wide: &Route, narrow: &Route) -> bool {
    let methods = wide.methods.is_empty()
        || (!narrow.methods.is_empty() && narrow.methods.iter().all(|method| wide.methods.contains(method)));
    let operations = wide.operation.is_none() || wide.operation == narrow.operation;
    methods
        && operations
        && covers_host(wide.host.as_ref(), narrow.host.as_ref())
        && covers_path(&wide.path, &narrow.path)
}

fn covers_host(wide: Option<&HostPattern>, narrow: Option<&HostPattern>) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => {
            let ports = wide.port().is_none() || wide.port() == narrow.port();
            ports && swallows(&spell_host(wide), &spell_host(narrow))
        }
    }
}

fn covers_path(wide: &PathPattern, narrow: &PathPattern) -> bool {
    swallows(&spell_path(wide), &spell_path(narrow))
}

fn spell_host(host: &HostPattern) -> Vec<Symbol> {
    host.host().bytes().map(|byte| if byte == b'*' { Symbol::Star } else { Symbol::Byte(byte) }).collect()
}

fn spell_path(path: &PathPattern) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    for piece in path.pieces() {
        match piece {
            Piece::Literal(text) => symbols.extend(text.bytes().map(Symbol::Byte)),
            Piece::Star => symbols.push(Symbol::Star),
            Piece::Capture(_) => symbols.extend([Symbol::One, Symbol::Star]),
            Piece::Segments => symbols.push(Symbol::Segments),
            Piece::Rest(_) => symbols.push(Symbol::Rest),
        }
    }
    symbols
}

fn swallows(wide: &[Symbol], narrow: &[Symbol]) -> bool {
    // Depth first over pairs of positions, none visited twice.
    let mut visited = HashSet::new();
    let mut open = vec![(0, 0)];
    while let Some((at_wide, at_narrow)) = open.pop() {
        if !visited.insert((at_wide, at_narrow)) {
            continue;
        }
        let presented = narrow.get(at_narrow).copied();
        let Some(symbol) = wide.get(at_wide).copied() else {
            if presented.is_none() {
                return true;
            }
            continue;
        };
        let is_within_segment = matches!(presented, Some(Symbol::One | Symbol::Star))
            || matches!(presented, Some(Symbol::Byte(b)) if b != b'/');
        match symbol {
            Symbol::Rest => return true,
            Symbol::Byte(_) if presented == Some(symbol) => open.push((at_wide + 1, at_narrow + 1)),
            // One and the Star behind it take "any, then one" as well as "one, then any".
            Symbol::One if presented == Some(Symbol::Star) => open.push((at_wide, at_narrow + 1)),
            Symbol::One if is_within_segment => open.push((at_wide + 1, at_narrow + 1)),
            Symbol::Byte(_) | Symbol::One => {}
            Symbol::Star => {
                open.push((at_wide + 1, at_narrow));
                if is_within_segment {
                    open.push((at_wide, at_narrow + 1));
                }
            }
            Symbol::Segments => {
                open.push((at_wide + 1, at_narrow));
                let ends = narrow.iter().enumerate().skip(at_narrow).take_while(|(_, symbol)| **symbol != Symbol::Rest);
                open.extend(
                    ends.filter(|(_, symbol)| matches!(symbol, Symbol::Byte(b'/') | Symbol::Segments))
                        .map(|(end, _)| (at_wide + 1, end + 1)),
                );
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Captures;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wider_path_covers_a_narrower_one_and_not_the_other_way_about() {
        for (wide, narrow) in [
            ("/**", "/a/b"),
            ("/a/**", "/a/b/**"),
            ("/a/**", "/a/{rest...}"),
            ("/a/{x}", "/a/b"),
            ("/a/{x}", "/a/{y}.json"),
            ("/a/{x}", "/a/*.json"),
            ("/a/*", "/a/{x}"),
            ("/a/*", "/a/"),
            ("/a/**/z", "/a/z"),
            ("/a/**/z", "/a/b/c/z"),
            ("/a/**/z", "/a/**/b/z"),
            ("/**/*.css", "/a/**/b/*.css"),
            ("/{a}/{b}", "/x/{b}"),
        ] {
            let (wide_path, narrow_path) = (PathPattern::parse(wide).unwrap(), PathPattern::parse(narrow).unwrap());
            assert!(covers_path(&wide_path, &narrow_path), "{wide} covers {narrow}");
            let is_equal = matches!((wide, narrow), ("/a/**", "/a/{rest...}"));
            assert_eq!(covers_path(&narrow_path, &wide_path), is_equal, "{narrow} covers {wide}");
        }
    }

    #[test]
    fn paths_that_only_overlap_do_not_cover() {
        for (one, other) in [("/a/{x}", "/{x}/b"), ("/a/*", "/*/b"), ("/a/**", "/**/b"), ("/{x}", "/"), ("/a", "/a/")] {
            let (one_path, other_path) = (PathPattern::parse(one).unwrap(), PathPattern::parse(other).unwrap());
            assert!(!covers_path(&one_path, &other_path), "{one} {other}");
            assert!(!covers_path(&other_path, &one_path), "{other} {one}");
        }
    }

    #[test]
    fn a_wider_host_covers_a_narrower_one() {
        let parse = |text: &str| HostPattern::parse(text).unwrap();
        for (wide, narrow, expected) in [
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "*.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("shop", "shop:8080", true),
            ("shop:8080", "shop", false),
            ("shop:8080", "shop:8081", false),
        ] {
            assert_eq!(covers_host(Some(&parse(wide)), Some(&parse(narrow))), expected, "{wide} {narrow}");
        }
        assert!(covers_host(None, Some(&parse("shop"))));
        assert!(!covers_host(Some(&parse("shop")), None));
    }

    proptest! {
        #[test]
        fn what_a_covered_pattern_matches_the_covering_one_matches(
            wide in pattern(), narrow in pattern(), path in "(/[ab]{0,2}){1,4}",
        ) {
            let (wide, narrow) = (PathPattern::parse(&wide), PathPattern::parse(&narrow));
            let (Ok(wide), Ok(narrow)) = (wide, narrow) else { return Ok(()) };
            let matches = |pattern: &PathPattern| {
                regex::Regex::new(&format!(r"\A{}\z", pattern.regex(Captures::Ignored))).unwrap().is_match(&path)
            };
            if covers_path(&wide, &narrow) && matches(&narrow) {
                prop_assert!(matches(&wide), "{} {} {path}", wide.source(), narrow.source());
            }
        }
    }

    fn pattern() -> impl Strategy<Value = String> {
        let segment =
            prop_oneof![Just("a"), Just("b"), Just("*"), Just("**"), Just("{x}"), Just("a*"), Just("*b"), Just("")];
        proptest::collection::vec(segment, 1..4).prop_map(|segments| format!("/{}", segments.join("/")))
    }
}
