//! Lines of text: the common and combined formats of nginx and Apache, and Larder's own.

use super::{Facts, Recorded, times};
use std::borrow::Cow;
use std::time::Duration;

/// `CLIENT IDENT USER [TIME] "METHOD TARGET VERSION" STATUS …`, or Larder's `TIME CLIENT "METHOD TARGET VERSION" STATUS …`.
pub(super) fn line(line: &str) -> Option<Recorded<'_>> {
    let (before, rest) = line.split_once('"')?;
    let (request, after) = quoted(rest)?;
    let mut words = after.split_ascii_whitespace();
    let status = words.next()?;
    let status = if status == "-" { None } else { Some(status.parse().ok().filter(|s| (100..1000).contains(s))?) };
    let body_bytes = words.next().and_then(|word| word.parse().ok());
    let (method, target) = match request {
        Cow::Borrowed(request) => {
            let (method, target) = request_line(request)?;
            (Cow::Borrowed(method), Cow::Borrowed(target))
        }
        Cow::Owned(request) => {
            let (method, target) = request_line(&request)?;
            (Cow::Owned(method.to_owned()), Cow::Owned(target.to_owned()))
        }
    };
    let recorded = Recorded { method, target, status, body_bytes, ..Recorded::default() };
    Some(match before.split_once('[') {
        Some((names, time)) => common(recorded, names, time),
        None => larder(recorded, before, after),
    })
}

/// With what stands before the request in the common formats.
fn common<'a>(recorded: Recorded<'a>, names: &'a str, time: &str) -> Recorded<'a> {
    let (host, client) = names_of(names);
    let at = times::common(time.trim_end().trim_end_matches(']'));
    Recorded { host: host.map(Cow::Borrowed), client: client.map(Cow::Borrowed), at, ..recorded }
}

/// With what Larder says around the request.
fn larder<'a>(recorded: Recorded<'a>, before: &'a str, after: &'a str) -> Recorded<'a> {
    let mut words = before.split_ascii_whitespace();
    let at = words.next().and_then(times::rfc3339);
    let client = words.next().map(Cow::Borrowed);
    let took = after.split_ascii_whitespace().nth(2).and_then(|word| micros(word.strip_suffix("us")?));
    let mut facts: Option<Facts<'_>> = None;
    for (name, value) in labels(after) {
        match (name, &mut facts) {
            ("outcome", _) => facts = Some(Facts { outcome: Cow::Borrowed(value), ..Facts::default() }),
            ("reason", Some(facts)) => facts.reason = Some(Cow::Borrowed(value)),
            ("admission", Some(facts)) => facts.admission = Some(Cow::Borrowed(value)),
            ("upstream_us", Some(facts)) => facts.upstream = micros(value),
            _ => {}
        }
    }
    Recorded { at, client, took, facts, host: larder_host(after), ..recorded }
}

fn micros(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_micros)
}

/// The `name=value` of a line, without those in quotes, which others have a say in.
fn labels(mut rest: &str) -> impl Iterator<Item = (&str, &str)> {
    std::iter::from_fn(move || {
        loop {
            let end = rest.find([' ', '='])?;
            let (name, value) = (&rest[..end], &rest[end + 1..]);
            if rest[end..].starts_with(' ') {
                rest = value;
            } else if let Some(text) = value.strip_prefix('"') {
                rest = quoted(text)?.1;
            } else {
                let end = value.find(' ').unwrap_or(value.len());
                rest = &value[end..];
                return Some((name, &value[..end]));
            }
        }
    })
}

fn request_line(request: &str) -> Option<(&str, &str)> {
    let mut words = request.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next());
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_request = is_method
        && !target.is_empty()
        && version.is_none_or(|version| version.starts_with("HTTP/"))
        && words.next().is_none();
    is_request.then_some((method, target))
}

/// What stands before the closing quote, unescaped, and what follows it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if text[end..].starts_with('"') {
        return Some((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let mut unescaped = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'"', _) => return Some((Cow::Owned(String::from_utf8(unescaped).ok()?), &text[at + 1..])),
            (b'\\', Some(b'x')) => {
                unescaped.push(u8::from_str_radix(text.get(at + 2..at + 4)?, 16).ok()?);
                at += 4;
            }
            (b'\\', Some(escaped)) => {
                unescaped.push(*escaped);
                at += 2;
            }
            (byte, _) => {
                unescaped.push(*byte);
                at += 1;
            }
        }
    }
    None
}

/// The virtual host, if one stands in front, and the client, of what stands before the time.
fn names_of(names: &str) -> (Option<&str>, Option<&str>) {
    let mut words = names.split_ascii_whitespace();
    let (first, second) = (words.next(), words.next());
    if words.count() == 2 { (first, second) } else { (None, first) }
}

/// `host="…"` among what Larder adds to a line.
fn larder_host(after: &str) -> Option<Cow<'_, str>> {
    let (_, rest) = after.split_once(" host=\"")?;
    quoted(rest).map(|(host, _)| host)
}
