//! A record as it is read: single numbers of it, or the whole of it as JSON, under the names of the access log.

use super::record::{Admission, Decider, FIXED, Flags, Text, VERSIONS, at};
use crate::clock::Timestamp;
use crate::engine::outcome::Outcome;
use crate::proxy::observer::Ending;
use crate::proxy::refusal::Refusal;
use crate::semantics::cache_status::{CacheStatus, Forward};
use crate::semantics::reason::Reason;
use serde::Serialize;
use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::ops::Range;
use std::time::Duration;

/// The bytes of one record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a>(&'a [u8]);

/// One decision, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Shown<'a> {
    /// When the answer was over, in UTC.
    pub(crate) time: String,
    pub(crate) request_id: Cow<'a, str>,
    pub(crate) client: String,
    pub(crate) method: Cow<'a, str>,
    pub(crate) host: Cow<'a, str>,
    /// Path and query.
    pub(crate) target: Cow<'a, str>,
    pub(crate) version: String,
    pub(crate) status: Option<u16>,
    pub(crate) body_bytes: u64,
    pub(crate) duration_us: u64,
    pub(crate) outcome: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) route: Option<Cow<'a, str>>,
    pub(crate) ending: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admission: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_tries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<Cow<'a, str>>,
    /// How a refused request began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_line: Option<Cow<'a, str>>,
    /// Whether a text was longer than what is kept of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cut: bool,
}

impl<'a> View<'a> {
    /// The records of a row.
    pub(crate) fn all(mut row: &'a [u8]) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            let bytes = usize::from(u16::from_le_bytes(array(row, &at::LENGTH)?));
            let (record, rest) = row.split_at_checked(bytes.max(FIXED))?;
            row = rest;
            Some(Self(record))
        })
    }

    fn byte(self, place: usize) -> u8 {
        self.0.get(place).copied().unwrap_or_default()
    }

    fn number(self, place: &Range<usize>) -> u64 {
        array(self.0, place).map(u64::from_le_bytes).unwrap_or_default()
    }

    fn short(self, place: &Range<usize>) -> u16 {
        array(self.0, place).map(u16::from_le_bytes).unwrap_or_default()
    }

    const fn has(self, flag: u8) -> bool {
        // A record has all its numbers.
        self.0[at::FLAGS] & flag != 0
    }

    /// How it was decided.
    pub(crate) fn outcome(self) -> Outcome {
        Outcome::ALL.get(usize::from(self.byte(at::OUTCOME))).copied().unwrap_or(Outcome::Error)
    }

    /// From the request's head to the end of the answer.
    pub(crate) fn duration(self) -> Duration {
        Duration::from_nanos(self.number(&at::DURATION))
    }

    /// How long the origin was waited for; `None` if it was not asked.
    pub(crate) fn upstream(self) -> Option<Duration> {
        let tries: [u8; 4] = array(self.0, &at::UPSTREAM_TRIES)?;
        (u32::from_le_bytes(tries) > 0).then(|| Duration::from_micros(self.number(&at::UPSTREAM_MICROS)))
    }

    /// Bytes of the answer's body.
    pub(crate) fn body_bytes(self) -> u64 {
        self.number(&at::BODY_BYTES)
    }

    /// The status of the answer, `None` if there was none.
    pub(crate) fn status(self) -> Option<u16> {
        Some(self.short(&at::STATUS)).filter(|status| *status != 0)
    }

    /// How long after the feed's begin the answer was over.
    pub(crate) fn ended(self) -> Duration {
        Duration::from_nanos(self.number(&at::ENDED))
    }

    /// The name of the route, `None` if none matched.
    pub(crate) fn route(self) -> Option<&'a [u8]> {
        let route = self.0.get(FIXED..FIXED + usize::from(self.short(&at::ROUTE_LENGTH)))?;
        self.has(Flags::ROUTE).then_some(route)
    }

    /// The host as the client named it.
    pub(crate) fn host(self) -> &'a [u8] {
        let start = FIXED + usize::from(self.short(&at::ROUTE_LENGTH));
        self.0.get(start..start + usize::from(self.short(&at::HOST_LENGTH))).unwrap_or_default()
    }

    /// Path and query as the client sent them.
    pub(crate) fn target(self) -> &'a [u8] {
        let start = FIXED + usize::from(self.short(&at::ROUTE_LENGTH)) + usize::from(self.short(&at::HOST_LENGTH));
        self.0.get(start..start + usize::from(self.short(&at::TARGET_LENGTH))).unwrap_or_default()
    }

    /// Whether a text of it was longer than what is kept.
    pub(crate) const fn is_cut(self) -> bool {
        self.has(Flags::CUT)
    }

    /// The method.
    pub(crate) fn method(self) -> &'a [u8] {
        self.text(Text::Method).unwrap_or(b"GET")
    }

    /// Whether it is of the request with this id.
    pub(crate) fn has_id(self, id: &str) -> bool {
        match self.text(Text::GivenId) {
            Some(given) => given == id.as_bytes(),
            None => self.made_id().is_some_and(|made| id.len() == 32 && u128::from_str_radix(id, 16) == Ok(made)),
        }
    }

    fn made_id(self) -> Option<u128> {
        let id = array(self.0, &at::REQUEST_ID).map(u128::from_le_bytes);
        id.filter(|_| !self.has(Flags::GIVEN_ID))
    }

    fn text(self, wanted: Text) -> Option<&'a [u8]> {
        let lengths = [at::ROUTE_LENGTH, at::HOST_LENGTH, at::TARGET_LENGTH];
        let start: usize = lengths.iter().map(|place| usize::from(self.short(place))).sum();
        let mut rest = self.0.get(FIXED + start..)?;
        while let Some(bytes) = array(rest, &(1..3)).map(u16::from_le_bytes) {
            let end = 3 + usize::from(bytes);
            let text = rest.get(3..end)?;
            if rest.first() == Some(&(wanted as u8)) {
                return Some(text);
            }
            rest = rest.get(end..)?;
        }
        None
    }

    /// The label of why.
    pub(crate) fn reason(self) -> &'static str {
        let number = usize::from(self.byte(at::REASON));
        if self.byte(at::DECIDER) == Decider::Reader as u8 {
            Refusal::ALL.get(number).map_or("", |refusal| refusal.label())
        } else if self.byte(at::DECIDER) == Decider::Engine as u8 {
            reason(number).map_or("", Reason::label)
        } else {
            self.ending().label()
        }
    }

    /// Why, in a sentence.
    pub(crate) fn explanation(self) -> &'static str {
        let number = usize::from(self.byte(at::REASON));
        if self.byte(at::DECIDER) == Decider::Reader as u8 {
            Refusal::ALL.get(number).map_or("", |refusal| refusal.explanation())
        } else if self.byte(at::DECIDER) == Decider::Engine as u8 {
            reason(number).map_or("", Reason::explanation)
        } else {
            Reason::ClientLeft.explanation()
        }
    }

    fn ending(self) -> Ending {
        Ending::ALL.get(usize::from(self.byte(at::ENDING))).copied().unwrap_or(Ending::ClientGone)
    }

    fn cache_status(self) -> Option<String> {
        if !self.has(Flags::CACHE_STATUS) {
            return None;
        }
        let status = CacheStatus {
            forward: usize::from(self.byte(at::FORWARD)).checked_sub(1).and_then(|n| Forward::ALL.get(n)).copied(),
            forward_status: Some(self.short(&at::FORWARD_STATUS)).filter(|status| *status != 0),
            stored: self.has(Flags::STORED),
            collapsed: self.has(Flags::COLLAPSED),
            ttl_secs: self.has(Flags::TTL).then(|| self.number(&at::TTL).cast_signed()),
            detail: usize::from(self.byte(at::DETAIL)).checked_sub(1).and_then(reason),
        };
        let mut text = Vec::new();
        status.write_into(&mut text);
        String::from_utf8(text).ok()
    }

    /// Whether the origin's answer was refused to be stored.
    pub(crate) fn was_refused(self) -> bool {
        self.byte(at::ADMISSION) == Admission::Refused as u8
    }

    /// Why the origin's answer was not stored, if that is known.
    pub(crate) fn refused_for(self) -> Option<Reason> {
        if self.was_refused() { reason(usize::from(self.byte(at::ADMISSION_REASON))) } else { None }
    }

    fn admission(self) -> Option<&'static str> {
        match self.byte(at::ADMISSION) {
            said if said == Admission::Pending as u8 => Some("pending"),
            said if said == Admission::Stored as u8 => Some(Reason::Stored.label()),
            said if said == Admission::Refused as u8 => {
                reason(usize::from(self.byte(at::ADMISSION_REASON))).map(Reason::label)
            }
            _ => None,
        }
    }

    /// The whole of it. `ended` is when its answer was over.
    pub(crate) fn shown(self, ended: Timestamp) -> Shown<'a> {
        let tries: Option<[u8; 4]> = array(self.0, &at::UPSTREAM_TRIES);
        let given_id = self.text(Text::GivenId).map(String::from_utf8_lossy);
        let client: [u8; 16] = array(self.0, &at::CLIENT).unwrap_or_default();
        let version = VERSIONS.get(usize::from(self.byte(at::VERSION))).copied().unwrap_or_default();
        Shown {
            time: ended.to_rfc3339(),
            request_id: given_id.unwrap_or_else(|| format!("{:032x}", self.made_id().unwrap_or_default()).into()),
            client: Ipv6Addr::from(client).to_canonical().to_string(),
            method: String::from_utf8_lossy(self.method()),
            host: String::from_utf8_lossy(self.host()),
            target: String::from_utf8_lossy(self.target()),
            version: format!("{version:?}"),
            status: self.status(),
            body_bytes: self.body_bytes(),
            duration_us: u64::try_from(self.duration().as_micros()).unwrap_or(u64::MAX),
            outcome: self.outcome().label(),
            reason: self.reason(),
            route: self.route().map(String::from_utf8_lossy),
            ending: self.ending().label(),
            age: self.has(Flags::AGE).then(|| self.number(&at::AGE)),
            cache_status: self.cache_status(),
            admission: self.admission(),
            upstream: self.text(Text::Server).map(String::from_utf8_lossy),
            upstream_us: self.upstream().map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            upstream_tries: tries.map(u32::from_le_bytes).filter(|tries| *tries > 0),
            cause: self.text(Text::Cause).map(String::from_utf8_lossy),
            first_line: self.text(Text::FirstLine).map(String::from_utf8_lossy),
            cut: self.is_cut(),
        }
    }
}

fn reason(number: usize) -> Option<Reason> {
    Reason::ALL.get(number).copied()
}

fn array<const N: usize>(bytes: &[u8], place: &Range<usize>) -> Option<[u8; N]> {
    bytes.get(place.clone())?.try_into().ok()
}
