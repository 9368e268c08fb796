//! One decision as it is kept: some numbers and texts in a row of bytes, written without an allocation.

use crate::engine::exchange::Exchanged;
use crate::engine::outcome::Decision;
use crate::proxy::observer::{Ending, Finished, PlainHit, causes};
use crate::proxy::refusal::Refusal;
use crate::proxy::request_id::RequestId;
use crate::semantics::cache_status::CacheStatus;
use http::{HeaderValue, Method, StatusCode, Version};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The numbers of a record; the texts follow.
pub(super) const FIXED: usize = 112;

/// The most bytes that are kept of a text; more are left out, and [`Flags::CUT`] says so.
const TEXT_MAX: usize = 1024;

/// The most bytes of a record: numbers, and as many texts as there can be.
pub(super) const RECORD_BYTES_MAX: usize = FIXED + Text::COUNT * (TEXT_MAX + 2);

/// Where each number stands.
pub(super) mod at {
    use std::ops::Range;

    pub(crate) const LENGTH: Range<usize> = 0..2;
    pub(crate) const OUTCOME: usize = 2;
    pub(crate) const REASON: usize = 3;
    pub(crate) const DECIDER: usize = 4;
    pub(crate) const ENDING: usize = 5;
    pub(crate) const STATUS: Range<usize> = 6..8;
    pub(crate) const VERSION: usize = 8;
    pub(crate) const FLAGS: usize = 9;
    pub(crate) const FORWARD: usize = 10;
    pub(crate) const DETAIL: usize = 11;
    pub(crate) const FORWARD_STATUS: Range<usize> = 12..14;
    pub(crate) const ADMISSION: usize = 14;
    pub(crate) const ADMISSION_REASON: usize = 15;
    pub(crate) const REQUEST_ID: Range<usize> = 16..32;
    pub(crate) const CLIENT: Range<usize> = 32..48;
    pub(crate) const ENDED: Range<usize> = 48..56;
    pub(crate) const DURATION: Range<usize> = 56..64;
    pub(crate) const BODY_BYTES: Range<usize> = 64..72;
    pub(crate) const AGE: Range<usize> = 72..80;
    pub(crate) const TTL: Range<usize> = 80..88;
    pub(crate) const UPSTREAM_MICROS: Range<usize> = 88..96;
    pub(crate) const UPSTREAM_TRIES: Range<usize> = 96..100;
    /// The lengths of the three texts that every record has: route, host, target.
    pub(crate) const ROUTE_LENGTH: Range<usize> = 100..102;
    pub(crate) const HOST_LENGTH: Range<usize> = 102..104;
    pub(crate) const TARGET_LENGTH: Range<usize> = 104..106;
}

/// Single bits of a record.
pub(super) struct Flags;

impl Flags {
    pub(super) const ROUTE: u8 = 1;
    pub(super) const AGE: u8 = 1 << 1;
    pub(super) const CACHE_STATUS: u8 = 1 << 2;
    pub(super) const TTL: u8 = 1 << 3;
    pub(super) const STORED: u8 = 1 << 4;
    pub(super) const COLLAPSED: u8 = 1 << 5;
    pub(super) const GIVEN_ID: u8 = 1 << 6;
    pub(super) const CUT: u8 = 1 << 7;
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Decider {
    /// The engine; [`at::REASON`] is a reason.
    Engine,
    /// What reads requests; it is a refusal.
    Reader,
    /// Nobody: the client left before.
    Nobody,
}

/// What came of storing the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Admission {
    /// There was none to store.
    None,
    /// It was not known when the record was kept.
    Pending,
    /// It was stored.
    Stored,
    /// It was not, for the reason in [`at::ADMISSION_REASON`].
    Refused,
}

/// The texts that only some records have, each behind its kind and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Text {
    /// Where it is not GET.
    Method,
    /// The id that a trusted proxy gave the request.
    GivenId,
    /// The server that was asked last.
    Server,
    /// What lies beneath a failure.
    Cause,
    /// How a refused request began.
    FirstLine,
}

impl Text {
    /// With route, host and target.
    const COUNT: usize = 8;
}

/// A request that is over, as it is told.
pub(super) struct Told<'a> {
    request_id: &'a RequestId,
    client: IpAddr,
    method: &'a Method,
    host: &'a [u8],
    target: &'a [u8],
    version: Version,
    status: Option<StatusCode>,
    decision: Option<&'a Decision>,
    refused: Option<&'a (Refusal, Box<str>)>,
    cause: Option<String>,
    age_secs: Option<u64>,
    exchanged: Option<&'a Exchanged>,
    body_bytes: u64,
    duration: Duration,
    pub(super) ended: Instant,
    ending: Ending,
}

impl<'a> From<&'a PlainHit<'a>> for Told<'a> {
    fn from(hit: &'a PlainHit<'a>) -> Self {
        Self {
            request_id: hit.request_id,
            client: hit.sender.way.client,
            method: &Method::GET,
            host: hit.headers.host().map_or(b"", HeaderValue::as_bytes),
            target: hit.target,
            version: Version::HTTP_11,
            status: Some(hit.status),
            decision: Some(hit.decision),
            refused: None,
            cause: None,
            age_secs: Some(hit.age_secs),
            exchanged: None,
            body_bytes: hit.body_bytes,
            duration: hit.duration,
            ended: hit.ended.into_std(),
            ending: hit.ending,
        }
    }
}

impl<'a> From<&'a Finished> for Told<'a> {
    fn from(finished: &'a Finished) -> Self {
        let host = finished.host.as_ref().map(HeaderValue::as_bytes);
        let authority =
            || finished.target.authority().map_or(b"".as_slice(), |authority| authority.as_str().as_bytes());
        Self {
            request_id: &finished.request_id,
            client: finished.client,
            method: &finished.method,
            host: host.unwrap_or_else(authority),
            target: finished.target.path_and_query().map_or(b"", |target| target.as_str().as_bytes()),
            version: finished.version,
            status: finished.status,
            decision: finished.decision.as_ref(),
            refused: finished.refused.as_ref(),
            cause: finished.cause.as_ref().map(|cause| causes(cause.as_ref())),
            age_secs: finished.age_secs,
            exchanged: finished.exchanged.as_ref(),
            body_bytes: finished.body_bytes,
            duration: finished.duration,
            ended: finished.ended.into_std(),
            ending: finished.ending,
        }
    }
}

/// As much of a text as is kept.
fn kept<'a>(text: &'a [u8], flags: &mut u8) -> &'a [u8] {
    if text.len() > TEXT_MAX {
        *flags |= Flags::CUT;
    }
    &text[..text.len().min(TEXT_MAX)]
}

/// The length of a text that is kept.
fn length(text: &[u8]) -> [u8; 2] {
    // A kept text is shorter than that.
    u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes()
}

fn nanos(duration: Duration) -> [u8; 8] {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).to_le_bytes()
}

impl Told<'_> {
    /// Appends the record. `since` is when the feed began.
    pub(super) fn write(&self, since: Instant, out: &mut Vec<u8>) {
        let mut fixed = [0; FIXED];
        let mut flags = 0;
        let start = out.len();
        self.write_numbers(since, &mut fixed, &mut flags);
        let route = self.decision.and_then(|decision| decision.route.as_ref());
        let route = kept(route.map_or(b"", |route| route.as_str().as_bytes()), &mut flags);
        let (host, target) = (kept(self.host, &mut flags), kept(self.target, &mut flags));
        fixed[at::ROUTE_LENGTH].copy_from_slice(&length(route));
        fixed[at::HOST_LENGTH].copy_from_slice(&length(host));
        fixed[at::TARGET_LENGTH].copy_from_slice(&length(target));
        out.extend_from_slice(&fixed);
        out.extend_from_slice(route);
        out.extend_from_slice(host);
        out.extend_from_slice(target);
        self.write_texts(&mut flags, out);
        let bytes = length(&out[start..]);
        if let Some(record) = out.get_mut(start..start + FIXED) {
            record[at::LENGTH].copy_from_slice(&bytes);
            record[at::FLAGS] = flags;
        }
    }

    fn write_numbers(&self, since: Instant, fixed: &mut [u8; FIXED], flags: &mut u8) {
        fixed[at::ENDING] = self.ending as u8;
        fixed[at::STATUS].copy_from_slice(&self.status.map_or(0, |status| status.as_u16()).to_le_bytes());
        fixed[at::VERSION] = version_number(self.version);
        match self.request_id {
            RequestId::Made(id) => fixed[at::REQUEST_ID].copy_from_slice(&id.to_le_bytes()),
            RequestId::Given(_) => *flags |= Flags::GIVEN_ID,
        }
        let client = match self.client {
            IpAddr::V4(client) => client.to_ipv6_mapped(),
            IpAddr::V6(client) => client,
        };
        fixed[at::CLIENT].copy_from_slice(&client.octets());
        fixed[at::ENDED].copy_from_slice(&nanos(self.ended.saturating_duration_since(since)));
        fixed[at::DURATION].copy_from_slice(&nanos(self.duration));
        fixed[at::BODY_BYTES].copy_from_slice(&self.body_bytes.to_le_bytes());
        if let Some(age_secs) = self.age_secs {
            *flags |= Flags::AGE;
            fixed[at::AGE].copy_from_slice(&age_secs.to_le_bytes());
        }
        if let Some(exchanged) = self.exchanged {
            let micros = u64::try_from(exchanged.took.as_micros()).unwrap_or(u64::MAX);
            fixed[at::UPSTREAM_MICROS].copy_from_slice(&micros.to_le_bytes());
            fixed[at::UPSTREAM_TRIES].copy_from_slice(&exchanged.tries.to_le_bytes());
        }
        self.write_decision(fixed, flags);
    }

    fn write_decision(&self, fixed: &mut [u8; FIXED], flags: &mut u8) {
        let (decider, reason) = match (self.refused, self.decision) {
            (Some((refusal, _)), _) => (Decider::Reader, *refusal as u8),
            (None, Some(decision)) => (Decider::Engine, decision.reason as u8),
            (None, None) => (Decider::Nobody, 0),
        };
        fixed[at::DECIDER] = decider as u8;
        fixed[at::REASON] = reason;
        let Some(decision) = self.decision else {
            fixed[at::OUTCOME] = crate::engine::outcome::Outcome::Error as u8;
            return;
        };
        fixed[at::OUTCOME] = decision.outcome as u8;
        if decision.route.is_some() {
            *flags |= Flags::ROUTE;
        }
        if let Some(status) = &decision.cache_status {
            write_cache_status(status, fixed, flags);
        }
        let (admission, why) = super::open::admission(decision.storing.as_ref());
        fixed[at::ADMISSION] = admission as u8;
        fixed[at::ADMISSION_REASON] = why;
    }

    fn write_texts(&self, flags: &mut u8, out: &mut Vec<u8>) {
        if self.method != Method::GET {
            write_text(Text::Method, self.method.as_str().as_bytes(), flags, out);
        }
        if let RequestId::Given(id) = self.request_id {
            write_text(Text::GivenId, id.as_bytes(), flags, out);
        }
        if let Some(exchanged) = self.exchanged {
            write_text(Text::Server, exchanged.server.as_bytes(), flags, out);
        }
        if let Some(cause) = &self.cause {
            write_text(Text::Cause, cause.as_bytes(), flags, out);
        }
        if let Some((_, first_line)) = self.refused {
            write_text(Text::FirstLine, first_line.as_bytes(), flags, out);
        }
    }
}

fn write_cache_status(status: &CacheStatus, fixed: &mut [u8; FIXED], flags: &mut u8) {
    *flags |= Flags::CACHE_STATUS;
    fixed[at::FORWARD] = status.forward.map_or(0, |forward| forward as u8 + 1);
    fixed[at::DETAIL] = status.detail.map_or(0, |reason| reason as u8 + 1);
    fixed[at::FORWARD_STATUS].copy_from_slice(&status.forward_status.unwrap_or(0).to_le_bytes());
    if let Some(ttl_secs) = status.ttl_secs {
        *flags |= Flags::TTL;
        fixed[at::TTL].copy_from_slice(&ttl_secs.to_le_bytes());
    }
    if status.stored {
        *flags |= Flags::STORED;
    }
    if status.collapsed {
        *flags |= Flags::COLLAPSED;
    }
}

fn write_text(kind: Text, text: &[u8], flags: &mut u8, out: &mut Vec<u8>) {
    let text = kept(text, flags);
    out.push(kind as u8);
    out.extend_from_slice(&length(text));
    out.extend_from_slice(text);
}

/// The versions that requests may have, by their number in a record.
pub(super) const VERSIONS: [Version; 5] =
    [Version::HTTP_11, Version::HTTP_10, Version::HTTP_2, Version::HTTP_3, Version::HTTP_09];

fn version_number(version: Version) -> u8 {
    let number = VERSIONS.iter().position(|known| *known == version).unwrap_or_default();
    u8::try_from(number).unwrap_or_default()
}
