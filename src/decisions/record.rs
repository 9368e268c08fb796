//! One decision as it is kept: some numbers and texts in a row of bytes, written without an allocation.

use crate::engine::outcome::{Decision, Outcome};
use crate::engine::storing::{StoreOutcome, Storing};
use crate::proxy::observer::{Finished, PlainHit, causes};
use crate::proxy::request_id::RequestId;
use crate::semantics::cache_status::CacheStatus;
use http::{HeaderValue, Method, Version};
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

/// What came of storing, as a record says it.
pub(super) fn admission(storing: Option<&Storing>) -> (Admission, u8) {
    match storing.map(Storing::known) {
        None => (Admission::None, 0),
        Some(None) => (Admission::Pending, 0),
        Some(Some(StoreOutcome::Stored)) => (Admission::Stored, 0),
        Some(Some(StoreOutcome::Refused(why))) => (Admission::Refused, why as u8),
    }
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

/// The numbers of a record, in the order in which they are written.
#[derive(Default)]
struct Numbers {
    outcome: u8,
    reason: u8,
    decider: u8,
    ending: u8,
    status: u16,
    version: u8,
    flags: u8,
    forward: u8,
    detail: u8,
    forward_status: u16,
    admission: u8,
    admission_reason: u8,
    request_id: u128,
    client: u128,
    ended: u64,
    duration: u64,
    body_bytes: u64,
    age_secs: u64,
    ttl_secs: i64,
    upstream_micros: u64,
    upstream_tries: u32,
}

/// The texts that every record has.
struct Texts<'a> {
    route: &'a [u8],
    host: &'a [u8],
    target: &'a [u8],
}

/// As much of a text as is kept.
fn kept<'a>(text: &'a [u8], flags: &mut u8) -> &'a [u8] {
    if text.len() > TEXT_MAX {
        *flags |= Flags::CUT;
    }
    &text[..text.len().min(TEXT_MAX)]
}

/// The length of a text that is kept, which is shorter than that.
fn length(text: &[u8]) -> u16 {
    u16::try_from(text.len()).unwrap_or(u16::MAX)
}

/// More than five hundred years are counted as those.
const fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as u64)
}

const fn client_bits(client: IpAddr) -> u128 {
    let client = match client {
        IpAddr::V4(client) => client.to_ipv6_mapped(),
        IpAddr::V6(client) => client,
    };
    u128::from_le_bytes(client.octets())
}

/// Appends the record of a plain hit. `since` is when the feed began. Nothing here allocates: the vector has room.
pub(super) fn write_hit(hit: &PlainHit<'_>, since: Instant, out: &mut Vec<u8>) {
    let mut numbers = Numbers {
        ending: hit.ending as u8,
        status: hit.status.as_u16(),
        version: version_number(hit.headers.version()),
        flags: Flags::AGE,
        client: client_bits(hit.sender.way.client),
        ended: nanos(hit.ended.into_std().saturating_duration_since(since)),
        duration: nanos(hit.duration),
        body_bytes: hit.body_bytes,
        age_secs: hit.age_secs,
        ..Numbers::default()
    };
    numbers.decide(hit.decision);
    let authority = || hit.target.authority().map_or(b"".as_slice(), str::as_bytes);
    let host = hit.headers.host().map_or_else(authority, HeaderValue::as_bytes);
    let texts = Texts { route: route_of(Some(hit.decision)), host, target: hit.target.path_and_query() };
    match hit.request_id {
        RequestId::Made(id) => {
            numbers.request_id = *id;
            numbers.write(&texts, |_, _| {}, out);
        }
        RequestId::Given(id) => {
            numbers.flags |= Flags::GIVEN_ID;
            numbers.write(&texts, |flags, out| write_text(Text::GivenId, id.as_bytes(), flags, out), out);
        }
    }
}

/// Appends the record of any request.
pub(super) fn write(finished: &Finished, since: Instant, out: &mut Vec<u8>) {
    let mut numbers = Numbers {
        outcome: Outcome::Error as u8,
        decider: Decider::Nobody as u8,
        ending: finished.ending as u8,
        status: finished.status.map_or(0, |status| status.as_u16()),
        version: version_number(finished.version),
        client: client_bits(finished.client),
        ended: nanos(finished.ended.into_std().saturating_duration_since(since)),
        duration: nanos(finished.duration),
        body_bytes: finished.body_bytes,
        ..Numbers::default()
    };
    match &finished.request_id {
        RequestId::Made(id) => numbers.request_id = *id,
        RequestId::Given(_) => numbers.flags |= Flags::GIVEN_ID,
    }
    if let Some(age_secs) = finished.age_secs {
        numbers.flags |= Flags::AGE;
        numbers.age_secs = age_secs;
    }
    if let Some(exchanged) = &finished.exchanged {
        numbers.upstream_micros = u64::try_from(exchanged.took.as_micros()).unwrap_or(u64::MAX);
        numbers.upstream_tries = exchanged.tries;
    }
    if let Some(decision) = &finished.decision {
        numbers.decide(decision);
    }
    if let Some((refusal, _)) = &finished.refused {
        (numbers.decider, numbers.reason) = (Decider::Reader as u8, *refusal as u8);
    }
    let host = finished.host.as_ref().map(HeaderValue::as_bytes);
    let authority = || finished.target.authority().map_or(b"".as_slice(), |authority| authority.as_str().as_bytes());
    let texts = Texts {
        route: route_of(finished.decision.as_ref()),
        host: host.unwrap_or_else(authority),
        target: finished.target.path_and_query().map_or(b"", |target| target.as_str().as_bytes()),
    };
    numbers.write(&texts, |flags, out| write_texts(finished, flags, out), out);
}

fn route_of(decision: Option<&Decision>) -> &[u8] {
    decision.and_then(|decision| decision.route.as_ref()).map_or(b"", |route| route.as_str().as_bytes())
}

impl Numbers {
    fn decide(&mut self, decision: &Decision) {
        self.decider = Decider::Engine as u8;
        self.reason = decision.reason as u8;
        self.outcome = decision.outcome as u8;
        if decision.route.is_some() {
            self.flags |= Flags::ROUTE;
        }
        if let Some(status) = &decision.cache_status {
            self.say(status);
        }
        if decision.storing.is_some() {
            let (admission, why) = admission(decision.storing.as_ref());
            (self.admission, self.admission_reason) = (admission as u8, why);
        }
    }

    fn say(&mut self, status: &CacheStatus) {
        self.flags |= Flags::CACHE_STATUS;
        self.forward = status.forward.map_or(0, |forward| forward as u8 + 1);
        self.detail = status.detail.map_or(0, |reason| reason as u8 + 1);
        self.forward_status = status.forward_status.unwrap_or(0);
        if let Some(ttl_secs) = status.ttl_secs {
            self.flags |= Flags::TTL;
            self.ttl_secs = ttl_secs;
        }
        if status.stored {
            self.flags |= Flags::STORED;
        }
        if status.collapsed {
            self.flags |= Flags::COLLAPSED;
        }
    }

    /// Appends the numbers, the texts and what `more` adds.
    fn write(mut self, texts: &Texts<'_>, more: impl FnOnce(&mut u8, &mut Vec<u8>), out: &mut Vec<u8>) {
        let start = out.len();
        let route = kept(texts.route, &mut self.flags);
        let host = kept(texts.host, &mut self.flags);
        let target = kept(texts.target, &mut self.flags);
        let lengths = [length(route), length(host), length(target)];
        out.extend_from_slice(&self.to_bytes(lengths));
        out.extend_from_slice(route);
        out.extend_from_slice(host);
        out.extend_from_slice(target);
        let mut flags = self.flags;
        more(&mut flags, out);
        let bytes = u16::try_from(out.len() - start).unwrap_or(u16::MAX).to_le_bytes();
        if let Some(record) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<FIXED>) {
            [record[at::LENGTH.start], record[at::LENGTH.start + 1]] = bytes;
            record[at::FLAGS] = flags;
        }
    }

    /// Word by word, which costs a hit a third of writing each number on its own.
    fn to_bytes(&self, [route, host, target]: [u16; 3]) -> [u8; FIXED] {
        let word = |bytes: [u8; 8]| u64::from_le_bytes(bytes);
        let ([status_low, status_high], [forward_low, forward_high]) =
            (self.status.to_le_bytes(), self.forward_status.to_le_bytes());
        let [id_low, id_high] = halves(self.request_id);
        let [client_low, client_high] = halves(self.client);
        let words = [
            word([0, 0, self.outcome, self.reason, self.decider, self.ending, status_low, status_high]),
            word([
                self.version,
                self.flags,
                self.forward,
                self.detail,
                forward_low,
                forward_high,
                self.admission,
                self.admission_reason,
            ]),
            id_low,
            id_high,
            client_low,
            client_high,
            self.ended,
            self.duration,
            self.body_bytes,
            self.age_secs,
            self.ttl_secs.cast_unsigned(),
            self.upstream_micros,
            u64::from(self.upstream_tries) | u64::from(route) << 32 | u64::from(host) << 48,
            u64::from(target),
        ];
        let mut bytes = [0; FIXED];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }
}

/// The low and the high half.
#[expect(clippy::cast_possible_truncation, reason = "each half is the half that it takes")]
const fn halves(bits: u128) -> [u64; 2] {
    [bits as u64, (bits >> 64) as u64]
}

/// The texts that only some records have.
fn write_texts(finished: &Finished, flags: &mut u8, out: &mut Vec<u8>) {
    if finished.method != Method::GET {
        write_text(Text::Method, finished.method.as_str().as_bytes(), flags, out);
    }
    if let RequestId::Given(id) = &finished.request_id {
        write_text(Text::GivenId, id.as_bytes(), flags, out);
    }
    if let Some(exchanged) = &finished.exchanged {
        write_text(Text::Server, exchanged.server.as_bytes(), flags, out);
    }
    if let Some(cause) = &finished.cause {
        write_text(Text::Cause, causes(cause.as_ref()).as_bytes(), flags, out);
    }
    if let Some((_, first_line)) = &finished.refused {
        write_text(Text::FirstLine, first_line.as_bytes(), flags, out);
    }
}

fn write_text(kind: Text, text: &[u8], flags: &mut u8, out: &mut Vec<u8>) {
    let text = kept(text, flags);
    out.push(kind as u8);
    out.extend_from_slice(&length(text).to_le_bytes());
    out.extend_from_slice(text);
}

/// The versions that requests may have, by their number in a record.
pub(super) const VERSIONS: [Version; 5] =
    [Version::HTTP_11, Version::HTTP_10, Version::HTTP_2, Version::HTTP_3, Version::HTTP_09];

fn version_number(version: Version) -> u8 {
    let number = VERSIONS.iter().position(|known| *known == version).unwrap_or_default();
    u8::try_from(number).unwrap_or_default()
}
