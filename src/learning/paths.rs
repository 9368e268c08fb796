//! Routes out of paths: `/products/1` and `/products/2` are `/products/{id}`.
//!
//! A segment is written as it came only if it is a word that enough clients have asked for, so that nothing of one
//! visitor's own is ever shown. All other segments at its place are one variable, and the evidence of all of them counts.

use super::notebook::Page;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// So many words at one place are names of things, not of routes. The first segment is never a variable.
const WORDS_MAX: usize = 24;

/// The most segments of a path; a longer one is its beginning and a rest.
const SEGMENTS_MAX: usize = 16;

/// A word has no more bytes.
const WORD_BYTES_MAX: usize = 40;

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    /// This word.
    Word(Box<str>),
    /// Anything.
    Variable,
}

/// What a route matches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern(pub(super) Vec<Segment>);

impl Pattern {
    /// Whether a request may match both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let meet = |(one, other): (&Segment, &Segment)| {
            one == other || *one == Segment::Variable || *other == Segment::Variable
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(meet)
    }

    /// Whether nothing is sure at its first place.
    pub(super) fn begins_with_variable(&self) -> bool {
        self.0.first() == Some(&Segment::Variable)
    }

    /// How many of its segments are variables.
    pub(super) fn variables(&self) -> usize {
        self.0.iter().filter(|segment| **segment == Segment::Variable).count()
    }

    /// Its last word, in lower case.
    pub(super) fn last_word(&self) -> Option<String> {
        match self.0.last() {
            Some(Segment::Word(word)) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut variables = 0;
        for segment in &self.0 {
            match segment {
                Segment::Word(word) => write!(f, "/{word}")?,
                Segment::Variable => {
                    variables += 1;
                    if variables == 1 { f.write_str("/{id}")? } else { write!(f, "/{{id{variables}}}")? }
                }
            }
        }
        Ok(())
    }
}

/// The pages that one route would match.
#[derive(Debug, Clone)]
pub(super) struct Cluster<'a> {
    pub(super) pattern: Pattern,
    pub(super) pages: Vec<&'a Page>,
}

/// Makes routes of these pages. A word that fewer than `clients_min` clients have asked for is none.
pub(super) fn clusters<'a>(pages: impl Iterator<Item = &'a Page>, clients_min: usize) -> Vec<Cluster<'a>> {
    let pages: Vec<_> = pages.filter_map(|page| Some((segments(&page.path)?, page))).collect();
    let mut clusters = Vec::new();
    split(
        pages.iter().map(|(segments, page)| (segments.as_slice(), *page)).collect(),
        &mut Vec::new(),
        clients_min,
        &mut clusters,
    );
    clusters.sort_by(|one, other| one.pattern.cmp(&other.pattern));
    clusters
}

/// `None` for a path that is not cut into segments in one way only: it is never cached.
fn segments(path: &str) -> Option<Vec<&str>> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let inner = &segments[..segments.len() - 1];
    let is_plain = inner.iter().all(|segment| !segment.is_empty()) && !path.contains([';', '\\', '{', '}', '*']);
    (is_plain && segments.len() <= SEGMENTS_MAX).then_some(segments)
}

type Rest<'a, 's> = (&'s [&'a str], &'a Page);

fn split<'a>(pages: Vec<Rest<'a, '_>>, so_far: &mut Vec<Segment>, clients_min: usize, out: &mut Vec<Cluster<'a>>) {
    let (ended, going_on): (Vec<_>, Vec<_>) = pages.into_iter().partition(|(rest, _)| rest.is_empty());
    if !ended.is_empty() {
        let pages = ended.into_iter().map(|(_, page)| page).collect();
        out.push(Cluster { pattern: Pattern(so_far.clone()), pages });
    }
    let words = words(&going_on, clients_min, so_far.is_empty());
    let mut by_segment: BTreeMap<Segment, Vec<Rest<'a, '_>>> = BTreeMap::new();
    for (rest, page) in going_on {
        let Some((first, rest)) = rest.split_first() else { continue };
        let segment = if words.contains(first) { Segment::Word((*first).into()) } else { Segment::Variable };
        by_segment.entry(segment).or_default().push((rest, page));
    }
    for (segment, pages) in by_segment {
        so_far.push(segment);
        split(pages, so_far, clients_min, out);
        so_far.pop();
    }
}

/// The words at a place.
fn words<'a>(pages: &[Rest<'a, '_>], clients_min: usize, is_first: bool) -> BTreeSet<&'a str> {
    let mut clients: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for (rest, page) in pages {
        if let Some(first) = rest.first().filter(|first| is_word(first, is_first)) {
            clients.entry(first).or_default().extend(page.looks.iter().map(|look| look.client));
        }
    }
    let words: BTreeSet<&str> =
        clients.into_iter().filter(|(_, clients)| clients.len() >= clients_min).map(|(word, _)| word).collect();
    if words.len() > WORDS_MAX && !is_first { BTreeSet::new() } else { words }
}

/// Whether a segment may be a word of a route: where it holds a digit it names a thing, unless it is a version.
fn is_word(segment: &str, is_first: bool) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let has_digit = segment.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = segment.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_version = segment.strip_prefix('v').is_some_and(|number| number.len() <= 2 && number.parse::<u8>().is_ok());
    segment.len() <= WORD_BYTES_MAX
        && segment.bytes().all(is_plain)
        && (!has_digit || is_version || (is_first && has_letter && segment.len() < 12))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::samples::page;

    fn patterns(paths: &[(&str, u64)], clients_min: usize) -> Vec<String> {
        let pages: Vec<Page> = paths
            .iter()
            .map(|(path, clients)| page(path, &(0..*clients).map(|client| (client, 0, 1)).collect::<Vec<_>>()))
            .collect();
        clusters(pages.iter(), clients_min).iter().map(|cluster| cluster.pattern.to_string()).collect()
    }

    #[test]
    fn numbers_names_and_rare_words_are_one_variable() {
        for (paths, expected) in [
            (&[("/products/1", 3), ("/products/2", 3)][..], &["/products/{id}"][..]),
            (&[("/products/1", 3), ("/products/new", 3)], &["/products/new", "/products/{id}"]),
            // Too few clients have asked for it to show it.
            (&[("/products/1", 3), ("/products/alice", 2)], &["/products/{id}"]),
            (&[("/products/1/stock", 3), ("/products/2/stock", 1)], &["/products/{id}/stock"]),
            (&[("/api/v2/a", 3), ("/", 3), ("/a/", 3)], &["/", "/a/", "/api/v2/a"]),
            (&[("/shop/7f3a/items/9", 3)], &["/shop/{id}/items/{id2}"]),
            (&[("/users/a@example.com", 9)], &["/users/{id}"]),
            // In more than one way, or in none.
            (&[("/a//b", 9), ("/a;x/b", 9), ("/a{b}", 9)], &[]),
        ] {
            assert_eq!(patterns(paths, 3), expected, "{paths:?}");
        }
    }

    #[test]
    fn many_words_are_names_of_things() {
        let names: Vec<String> = (b'a'..=b'z').map(|letter| format!("/shoes/{}", char::from(letter))).collect();
        let paths: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 5)).collect();
        assert_eq!(patterns(&paths, 3), ["/shoes/{id}"]);
    }

    #[test]
    fn patterns_overlap_where_one_request_may_match_both() {
        let pattern = |text: &str| {
            let segment = |part: &str| if part == "*" { Segment::Variable } else { Segment::Word(part.into()) };
            Pattern(text.split('/').map(segment).collect())
        };
        for (one, other, expected) in
            [("a/*", "a/me", true), ("a/*", "b/me", false), ("a/*", "a/me/x", false), ("*/x", "a/*", true)]
        {
            assert_eq!(pattern(one).overlaps(&pattern(other)), expected, "{one} {other}");
        }
    }
}
