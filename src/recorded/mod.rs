//! Requests as access logs tell of them: the lines of Larder, JSON and text, and of nginx and Apache in the common and
//! combined formats, also with a virtual host in front; files of them, gzipped or not.
//!
//! What a line says was written by strangers: each is parsed by itself, and one that says something else is damaged.
//! [`Logs::read`] takes the requests of a file one by one; [`Logs::lines`] its lines, for who knows others besides.

mod files;
mod json;
mod text;
mod times;

pub(crate) use files::{LineRead, Lines, LogError, Logs, open};

use crate::clock::Timestamp;
use std::borrow::Cow;
use std::time::Duration;

/// One request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Recorded<'a> {
    /// Its method.
    pub(crate) method: Cow<'a, str>,
    /// Its target as the client sent it: a path with its query, or an absolute URL.
    pub(crate) target: Cow<'a, str>,
    /// The host, where the log tells it.
    pub(crate) host: Option<Cow<'a, str>>,
    /// The status of the answer; `None` if there was none.
    pub(crate) status: Option<u16>,
    /// When the line was written, which Larder and nginx do at the end of a request, and Apache says of its begin.
    pub(crate) at: Option<Timestamp>,
    /// The client's address, or whatever stands in its place.
    pub(crate) client: Option<Cow<'a, str>>,
    /// The bytes of the body that were sent.
    pub(crate) body_bytes: Option<u64>,
    /// From the request to the end of the answer.
    pub(crate) took: Option<Duration>,
    /// What only Larder's log tells.
    pub(crate) facts: Option<Facts<'a>>,
}

/// How Larder decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts<'a> {
    /// The label of an [`Outcome`](crate::plan::outcome::Outcome), or another word of some other version.
    pub(crate) outcome: Cow<'a, str>,
    /// The label of a [`Reason`](crate::semantics::reason::Reason).
    pub(crate) reason: Option<Cow<'a, str>>,
    /// What came of storing the answer: `stored`, `pending`, or the label of the reason why not. `None` where there was
    /// none to store.
    pub(crate) admission: Option<Cow<'a, str>>,
    /// How long servers took, where one was asked.
    pub(crate) upstream: Option<Duration>,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart as soon as it is read")]
pub(crate) enum Line<'a> {
    /// A request.
    Request(Recorded<'a>),
    /// Nothing, or a message of another kind in Larder's own log.
    Other,
    /// No line of a log that is known.
    Damaged,
}

/// Reads one line, without its end.
pub(crate) fn read(line: &[u8]) -> Line<'_> {
    let Ok(line) = std::str::from_utf8(line) else { return Line::Damaged };
    let line = line.trim();
    match line.as_bytes().first() {
        None => Line::Other,
        Some(b'{') => json::line(line),
        // What Larder prints before the first request.
        Some(b'l') if line.starts_with("listening on ") => Line::Other,
        Some(_) => text::line(line).map_or(Line::Damaged, Line::Request),
    }
}

#[cfg(test)]
#[path = "recorded_tests.rs"]
mod tests;
