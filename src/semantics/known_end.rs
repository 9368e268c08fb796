//! The moment past which nobody may keep an answer, written into what the answer says of its own lifetime.
//!
//! Browsers and the caches behind a client go by Cache-Control and Expires (RFC 9111 section 4.2.1), so these are
//! shortened to what is left until then, stale windows (RFC 5861) included.

use super::age::age_of;
use super::date::{format_http_date, parse_http_date};
use super::directives::{Argument, directives, is_token_byte};
use crate::clock::Timestamp;
use http::header::{CACHE_CONTROL, DATE, EXPIRES, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

/// The fields that say how long an answer may be kept, by one grammar: RFC 9111 section 5.2, RFC 9213.
const FIELDS: [HeaderName; 2] = [CACHE_CONTROL, HeaderName::from_static("cdn-cache-control")];

/// A tenth of the time since Last-Modified is what a cache may guess: RFC 9111 section 4.2.2.
const HEURISTIC_DIVISOR: u32 = 10;

/// When the origin made an answer, as far as its fields tell: the earliest that Age and Date allow.
pub(crate) fn made_at(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    let by_age = now.saturating_sub(age_of(headers).unwrap_or_default());
    let date = headers.get(DATE).and_then(|date| parse_http_date(date.as_bytes(), now));
    date.map_or(by_age, |date| date.min(by_age))
}

/// Shortens what an answer that is sent `now` says of its lifetime, so that it is over at `end`.
pub(crate) fn end_at(headers: &mut HeaderMap, end: Timestamp, now: Timestamp) {
    let age = age_of(headers).unwrap_or_default().as_secs();
    // Whole seconds, rounded down: it ends a little early, never late.
    let left_secs = end.since(now).as_secs();
    let most_secs = left_secs.saturating_add(age);
    let mut is_explicit = headers.contains_key(EXPIRES);
    for field in FIELDS {
        let Some(Said { freshness_secs, shortened, forbids }) = said(headers, &field, most_secs) else { continue };
        is_explicit |= field == CACHE_CONTROL && (freshness_secs.is_some() || forbids == Forbids::Use);
        if let Some(shortened) = shortened {
            headers.insert(field, shortened);
        }
    }
    let expires = headers.get(EXPIRES).and_then(|expires| parse_http_date(expires.as_bytes(), now));
    if expires.is_some_and(|expires| expires > end) {
        headers.insert(EXPIRES, format_http_date(end));
    }
    let modified = headers.get(LAST_MODIFIED).and_then(|modified| parse_http_date(modified.as_bytes(), now));
    let guess = modified.map_or(Duration::ZERO, |modified| now.since(modified) / HEURISTIC_DIVISOR);
    if !is_explicit
        && guess > Duration::from_secs(left_secs)
        && let Ok(value) = HeaderValue::from_str(&format!("max-age={most_secs}"))
    {
        headers.append(CACHE_CONTROL, value);
    }
}

/// Whether a field forbids that an answer is used without asking, so that no lifetime is guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forbids {
    Nothing,
    Use,
}

/// What one field says.
struct Said {
    /// The longest lifetime that it gives.
    freshness_secs: Option<u64>,
    /// The field with shorter lifetimes; `None` if it needs no change.
    shortened: Option<HeaderValue>,
    forbids: Forbids,
}

/// What a field says, if it is there, with no lifetime longer than this.
fn said(headers: &HeaderMap, field: &HeaderName, most_secs: u64) -> Option<Said> {
    headers.get(field)?;
    let is_lifetime = |name: &[u8]| is_one_of(name, &["max-age", "s-maxage"]);
    let given = directives(headers, field).filter(|directive| is_lifetime(directive.name));
    let freshness_secs = given.filter_map(|directive| seconds(&directive.argument)).max();
    let forbids = directives(headers, field).any(|directive| is_one_of(directive.name, &["no-store", "no-cache"]));
    let stale_secs = most_secs - freshness_secs.unwrap_or_default().min(most_secs);
    let (mut line, mut is_changed) = (Vec::new(), false);
    for directive in directives(headers, field) {
        let most = if is_lifetime(directive.name) {
            Some(most_secs)
        } else {
            is_one_of(directive.name, &["stale-while-revalidate", "stale-if-error"]).then_some(stale_secs)
        };
        if !line.is_empty() {
            line.extend_from_slice(b", ");
        }
        line.extend_from_slice(directive.name);
        match (most, seconds(&directive.argument)) {
            (Some(most), Some(secs)) if secs > most => {
                is_changed = true;
                line.extend_from_slice(format!("={most}").as_bytes());
            }
            _ => write_argument(&directive.argument, &mut line),
        }
    }
    let shortened = if is_changed { HeaderValue::from_bytes(&line).ok() } else { None };
    let forbids = if forbids { Forbids::Use } else { Forbids::Nothing };
    Some(Said { freshness_secs, shortened, forbids })
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// Delta-seconds; more than fit count as all that fit: RFC 9111 section 1.2.2.
fn seconds(argument: &Argument<'_>) -> Option<u64> {
    let Argument::Value(digits) = argument else { return None };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX))
}

fn write_argument(argument: &Argument<'_>, line: &mut Vec<u8>) {
    let Argument::Value(value) = argument else { return };
    line.push(b'=');
    if !value.is_empty() && value.iter().all(|byte| is_token_byte(*byte)) {
        line.extend_from_slice(value);
        return;
    }
    line.push(b'"');
    for byte in value.iter() {
        if matches!(byte, b'"' | b'\\') {
            line.push(b'\\');
        }
        line.push(*byte);
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn ended(lines: &[(&'static str, &str)], left_secs: u64) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        end_at(&mut headers, NOW.saturating_add(Duration::from_secs(left_secs)), NOW);
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
    }

    fn check(said: &str, age: &str, left_secs: u64, expected: &str) {
        let lines = [("cache-control", said), ("age", age)];
        let lines = &lines[..if age.is_empty() { 1 } else { 2 }];
        assert_eq!(ended(lines, left_secs)[0].1, expected, "{said}, Age {age}, {left_secs} s left");
    }

    #[test]
    fn nobody_is_told_to_keep_it_longer() {
        check("public, max-age=3600", "", 100, "public, max-age=100");
        check("max-age=3600", "50", 100, "max-age=150");
        check("max-age=60, s-maxage=9999999999999999999999", "", 100, "max-age=60, s-maxage=100");
        check("max-age=60", "", 100, "max-age=60");
        check("Max-Age=\"3600\"", "", 0, "Max-Age=0");
        check(
            "max-age=60, stale-while-revalidate=60, stale-if-error=600",
            "",
            100,
            "max-age=60, stale-while-revalidate=40, stale-if-error=40",
        );
        check("max-age=600, stale-if-error=600", "", 100, "max-age=100, stale-if-error=0");
        check("private=\"a, \\\"b\", max-age=600, ext=\"\"", "", 100, "private=\"a, \\\"b\", max-age=100, ext=\"\"");
        check("max-age=soon, no-cache", "", 100, "max-age=soon, no-cache");
        let both =
            [("cache-control", "max-age=600"), ("cache-control", "max-age=700"), ("cdn-cache-control", "max-age=600")];
        let expected = [("cache-control", "max-age=100, max-age=100"), ("cdn-cache-control", "max-age=100")];
        let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(ended(&both, 100), expected);
    }

    #[test]
    fn expires_and_what_a_client_would_guess_end_with_it() {
        let date = |secs: u64| format_http_date(Timestamp::from_secs(secs)).to_str().unwrap().to_owned();
        let value = |lines: &[(&'static str, &str)], name: &str| {
            ended(lines, 100).into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
        };
        let (late, soon) = (date(1_790_000_200), date(1_790_000_050));
        assert_eq!(value(&[("expires", &late)], "expires"), Some(date(1_790_000_100)));
        assert_eq!(value(&[("expires", &soon)], "expires"), Some(soon));
        assert_eq!(value(&[("expires", "0")], "expires"), Some("0".to_owned()));
        let (old, new) = (date(1_789_000_000), date(1_789_999_500));
        assert_eq!(value(&[("last-modified", &old)], "cache-control"), Some("max-age=100".to_owned()));
        assert_eq!(
            value(&[("last-modified", &new)], "cache-control"),
            None,
            "a tenth of 500 s is less than what is left"
        );
        for explicit in ["max-age=5", "no-store", "no-cache"] {
            let lines = [("last-modified", old.as_str()), ("cache-control", explicit)];
            assert_eq!(value(&lines, "cache-control"), Some(explicit.to_owned()));
        }
    }

    #[test]
    fn it_was_made_when_age_and_date_say_whichever_is_earlier() {
        let made = |lines: &[(&'static str, &str)]| {
            let lines = lines
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
            NOW.since(made_at(&lines.collect(), NOW)).as_secs()
        };
        let date = format_http_date(Timestamp::from_secs(1_789_999_900)).to_str().unwrap().to_owned();
        assert_eq!(made(&[]), 0);
        assert_eq!(made(&[("age", "7")]), 7);
        assert_eq!(made(&[("age", "7"), ("date", &date)]), 100);
        assert_eq!(made(&[("age", "700"), ("date", &date)]), 700);
    }
}
