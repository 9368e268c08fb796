//! Vary and the normalisation of what it names: RFC 9110 section 12.5.5, RFC 9111 section 4.1.

use super::encoding::AcceptedCodings;
use super::quality::{Quality, Weighted, weighted};
use http::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_LANGUAGE, COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What a response varies by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vary {
    /// These request fields, sorted, without repeats; empty: nothing.
    Fields(Box<[HeaderName]>),
    /// `*` somewhere in the field: anything.
    Anything,
}

/// Reads all Vary lines of a response. A member that is no field name makes it [`Vary::Anything`].
#[must_use]
pub fn parse_vary(headers: &HeaderMap) -> Vary {
    let mut names = Vec::new();
    for line in headers.get_all(VARY) {
        for member in line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if member.is_empty() {
                continue;
            }
            // `*` is a token and so would do as a name.
            match HeaderName::from_bytes(member) {
                Ok(name) if member != b"*" => names.push(name),
                _ => return Vary::Anything,
            }
        }
    }
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    Vary::Fields(names.into())
}

/// The normalised values that pick one variant: one pair per field that the response varies by, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct VariantKey(pub Vec<(HeaderName, Box<[u8]>)>);

/// The value of a field whose lines are all empty. No other value normalises to it, as others are trimmed.
const PRESENT_BUT_EMPTY: &[u8] = b" ";

/// The normalised form of a request field's lines: equal bytes for equal meaning. Accept-Encoding is reduced to the
/// supported codings it accepts, Accept-Language to lower-case ranges by quality, others have their lines joined and
/// white space around commas settled. No line yields an empty value other than that of an empty line.
pub fn normalise<'a>(name: &HeaderName, lines: impl Iterator<Item = &'a HeaderValue>) -> Box<[u8]> {
    if name == ACCEPT_ENCODING {
        let accepted = AcceptedCodings::from_lines(lines);
        return accepted.canonical_text().unwrap_or_default().as_bytes().into();
    }
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Box::default();
    }
    let mut out = Vec::new();
    if name == ACCEPT_LANGUAGE {
        normalise_languages(lines, &mut out);
    } else if name == COOKIE || name == AUTHORIZATION {
        // White space is part of the value; HTTP/2 splits a Cookie at its semicolons (RFC 9113 section 8.2.3).
        out = joined(lines.map(trimmed).filter(|line| !line.is_empty()), b"; ");
    } else {
        settle_commas(&joined(lines.map(trimmed), b","), &mut out);
    }
    if out.is_empty() { PRESENT_BUT_EMPTY.into() } else { out.into() }
}

fn trimmed(line: &HeaderValue) -> &[u8] {
    line.as_bytes().trim_ascii()
}

fn joined<'a>(lines: impl Iterator<Item = &'a [u8]>, separator: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, line) in lines.enumerate() {
        if index > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(line);
    }
    out
}

/// Appends a value without the white space around its commas, but for what stands in quoted strings.
fn settle_commas(value: &[u8], out: &mut Vec<u8>) {
    let mut in_quotes = false;
    let mut is_escaped = false;
    for &byte in value {
        let is_space = matches!(byte, b' ' | b'\t');
        if in_quotes {
            in_quotes = is_escaped || byte != b'"';
            is_escaped = byte == b'\\' && !is_escaped;
        } else if byte == b',' {
            out.truncate(out.trim_ascii_end().len());
        } else if is_space && out.ends_with(b",") {
            continue;
        } else {
            in_quotes = byte == b'"';
        }
        out.push(byte);
    }
}

/// Ranges in lower case, the most wanted first, equally wanted ones by name: their order has no meaning that could be
/// relied upon (RFC 9110 section 12.5.4).
fn normalise_languages<'a>(lines: impl Iterator<Item = &'a HeaderValue>, out: &mut Vec<u8>) {
    let mut ranges: Vec<(Option<Quality>, Vec<u8>)> =
        weighted(lines).map(|member| (member.quality, member.item.to_ascii_lowercase())).collect();
    ranges.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    for (quality, range) in ranges {
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(&range);
        match quality {
            Some(Quality::ONE) => {}
            Some(quality) => {
                out.extend_from_slice(b";q=");
                quality.append_to(out);
            }
            None => out.extend_from_slice(b";q=?"),
        }
    }
}

/// Whether the presented request wants the one language of the stored response above all others, whatever language the
/// stored request asked for: a response whose other selecting fields match may then be reused, as the ranking of RFC 9110
/// section 12.5.4 leaves an origin no better answer (RFC 9111 section 4.1 on fields that rank preferences).
pub(crate) fn is_best_language(presented: &HeaderMap, stored: &HeaderMap) -> bool {
    let mut stored_lines = stored.get_all(CONTENT_LANGUAGE).iter();
    let (Some(language), None) = (stored_lines.next(), stored_lines.next()) else { return false };
    let language = language.as_bytes().trim_ascii();
    let quality = |item: &Weighted<'_>| item.quality.unwrap_or(Quality::ZERO);
    let wanted = || weighted(presented.get_all(ACCEPT_LANGUAGE).iter());
    let Some(best) = wanted().max_by_key(quality) else { return false };
    !language.contains(&b',')
        && quality(&best) > Quality::ZERO
        && best.item.eq_ignore_ascii_case(language)
        && wanted().filter(|item| quality(item) == quality(&best)).count() == 1
}

#[cfg(test)]
#[path = "vary_tests.rs"]
mod tests;
