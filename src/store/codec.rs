//! A stored response as bytes, for a tier outside this process.
//!
//! `LRDR`, a version, the first half of a BLAKE3 hash over all that follows, the length of the head, the head as JSON,
//! the body. What has another version, another length or another hash is not read at all: a tier that is shared may hold
//! what an older or newer version wrote, or what something else did.

use crate::clock::Timestamp;
use crate::entry::body::StoredBody;
use crate::entry::coding::{self, Compressibility};
use crate::entry::settling::Settling;
use crate::entry::{Entry, EntryParts, coders};
use crate::key::PrimaryKey;
use crate::scope::{Depth, RouteName, Tag};
use crate::semantics::content_coding::Coding;
use crate::semantics::lifetime::OriginLifetime;
use crate::semantics::lifetime_fields::LifetimeField;
use crate::semantics::policy::{ExchangeTimes, ResponsePolicy};
use crate::semantics::reason::labelled;
use crate::semantics::vary::VariantKey;
use crate::stamp::Stamp;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const MAGIC: &[u8; 4] = b"LRDR";

/// Grows with every change of what follows.
const VERSION: u8 = 3;

/// That of a value whose body is in a coding that readers of [`VERSION`] alone don't know: they refuse it.
const VERSION_CODED: u8 = 4;

const CHECKSUM_BYTES: usize = 16;

/// Magic, version, checksum, length of the head.
const PREAMBLE_BYTES: usize = MAGIC.len() + 1 + CHECKSUM_BYTES + 4;

labelled! {
    /// Why bytes are no stored response.
    CodecError {
        NotOurs "not-ours" "The value was not written by Larder.",
        UnknownVersion "unknown-version" "The value was written by another version.",
        Truncated "truncated" "The value has lost its end.",
        Checksum "checksum" "The value has been damaged.",
        OtherKey "other-key" "The value is that of another key.",
        Malformed "malformed" "The value holds what no response holds.",
        TooLarge "too-large" "The value decodes to more than is taken.",
    }
}

/// How the body stands in the value.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BodyForm {
    /// As the origin sent it.
    Received,
    /// Gzip-coded at rest, from so many bytes.
    Gzipped(u64),
    /// Brotli-coded at rest, from so many bytes.
    Br(u64),
    /// Zstandard-coded at rest, from so many bytes.
    Zstd(u64),
    /// As the origin sent it, gzip-coded for its stay here only, from so many bytes.
    Packed(u64),
}

impl BodyForm {
    const fn coded(coding: Coding, identity_bytes: u64) -> Self {
        match coding {
            Coding::Gzip => Self::Gzipped(identity_bytes),
            Coding::Br => Self::Br(identity_bytes),
            Coding::Zstd => Self::Zstd(identity_bytes),
        }
    }

    const fn version(self) -> u8 {
        match self {
            Self::Received | Self::Gzipped(_) | Self::Packed(_) => VERSION,
            Self::Br(_) | Self::Zstd(_) => VERSION_CODED,
        }
    }
}

/// Everything but the body. Bytes that need not be UTF-8 are written as characters up to U+00FF.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    key: String,
    url: String,
    path_start: usize,
    route: RouteName,
    tags: Vec<Tag>,
    status: u16,
    headers: Vec<(String, String)>,
    variant: Vec<(String, String)>,
    received_at_ms: u64,
    initial_age_ms: u64,
    /// Zero but where a rule learns from changes; a version that knows no such rule reads no such value.
    #[serde(default, skip_serializing_if = "is_zero")]
    unchanged_secs: u64,
    /// Absent but where the body says so; a version that does not read that reads no such value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime_max_secs: Option<u64>,
    /// The field that governs its caching, where it is one that only some rules have understood.
    lifetime_field: Option<String>,
    stored_at_ms: u64,
    /// Absent but where a purge came shortly before the fetch; a version that knows no such time reads no such value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settling: Option<WrittenSettling>,
    stamp: String,
    body: BodyForm,
}

/// A [`Settling`]. Its end is counted from receipt, so that a reader whose clock is behind gives it no more time than the
/// writer did.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSettling {
    after_ms: u64,
    depth: WrittenDepth,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenDepth {
    Soft,
    Hard,
}

impl WrittenSettling {
    fn of(settling: Settling, received_at: Timestamp) -> Self {
        let depth = match settling.depth {
            Depth::Soft => WrittenDepth::Soft,
            Depth::Hard => WrittenDepth::Hard,
        };
        let after = settling.until.since(received_at);
        Self { after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX), depth }
    }

    fn settling(&self, received_at: Timestamp) -> Settling {
        let depth = match self.depth {
            WrittenDepth::Soft => Depth::Soft,
            WrittenDepth::Hard => Depth::Hard,
        };
        Settling { until: received_at.saturating_add(Duration::from_millis(self.after_ms)), depth }
    }
}

/// An entry as bytes; none for a part of a response, which is kept in the process that fetched it.
#[must_use]
pub fn encode(key: &PrimaryKey, entry: &Entry) -> Option<Vec<u8>> {
    let headers = entry.headers();
    let body = packed(entry, &headers);
    encode_with(key, entry, &headers, entry.stamp(), body)
}

/// As [`encode`], with the body as it is kept in memory and as one that is known to be clear of all purges up to `stamp`.
pub(crate) fn encode_at_rest(key: &PrimaryKey, entry: &Entry, stamp: Stamp) -> Option<Vec<u8>> {
    let body = match entry.body().to_stored() {
        StoredBody::Coded { coding, coded, identity_bytes } => (BodyForm::coded(coding, identity_bytes), coded),
        StoredBody::AsReceived(received) => (BodyForm::Received, received),
    };
    encode_with(key, entry, &entry.headers(), stamp, body)
}

fn encode_with(
    key: &PrimaryKey,
    entry: &Entry,
    headers: &HeaderMap,
    stamp: Stamp,
    (form, body): (BodyForm, Bytes),
) -> Option<Vec<u8>> {
    if entry.part().is_some() {
        return None;
    }
    let (membership, policy) = (entry.membership(), entry.policy());
    let pair = |name: &HeaderName, value: &[u8]| (name.as_str().to_owned(), text(value));
    let head = Head {
        key: text(key.as_bytes()),
        url: membership.url.to_owned(),
        path_start: membership.path_start,
        route: membership.route.clone(),
        tags: membership.tags.to_tags().collect(),
        status: entry.status().as_u16(),
        headers: headers.iter().map(|(name, value)| pair(name, value.as_bytes())).collect(),
        variant: entry.variant().0.iter().map(|(name, value)| pair(name, value)).collect(),
        received_at_ms: policy.received_at.as_millis(),
        initial_age_ms: u64::try_from(policy.initial_age.as_millis()).unwrap_or(u64::MAX),
        unchanged_secs: policy.unchanged_for.as_secs(),
        lifetime_max_secs: policy.lifetime_max.map(|most| most.as_secs()),
        lifetime_field: lifetime_field(&policy).map(|field| field.label().to_owned()),
        stored_at_ms: entry.stored_at().as_millis(),
        settling: entry.settling().map(|settling| WrittenSettling::of(settling, policy.received_at)),
        stamp: stamp.to_string(),
        body: form,
    };
    let head = serde_json::to_vec(&head).ok()?;
    let mut value = Vec::with_capacity(PREAMBLE_BYTES + head.len() + body.len());
    value.extend_from_slice(MAGIC);
    value.push(form.version());
    value.extend_from_slice(&[0; CHECKSUM_BYTES]);
    value.extend_from_slice(&u32::try_from(head.len()).ok()?.to_be_bytes());
    value.extend_from_slice(&head);
    value.extend_from_slice(&body);
    let checksum = checksum(&value);
    value[MAGIC.len() + 1..][..CHECKSUM_BYTES].copy_from_slice(&checksum);
    Some(value)
}

/// The entry in a value found under `key`, whose body decodes to at most `body_bytes_max` bytes. Times that lie past
/// `now`, by a clock that runs ahead of this one, count as now, so that no age is negative.
///
/// # Errors
/// Where the value is anything else.
pub fn decode(key: &PrimaryKey, value: &[u8], now: Timestamp, body_bytes_max: u64) -> Result<Entry, CodecError> {
    let (head, body) = read(value)?;
    if bytes(&head.key).as_deref() != Some(key.as_bytes()) {
        return Err(CodecError::OtherKey);
    }
    let body = unpacked(head.body, body, body_bytes_max)?;
    entry_of(head, body, now).ok_or(CodecError::Malformed)
}

/// As [`decode`], for a value that was not looked up by its key.
///
/// # Errors
/// Where the value is none that was written by this version.
pub(crate) fn decode_keyed(
    value: &[u8],
    now: Timestamp,
    body_bytes_max: u64,
) -> Result<(PrimaryKey, Entry), CodecError> {
    let (head, body) = read(value)?;
    let key = PrimaryKey::of_encoded(&bytes(&head.key).ok_or(CodecError::Malformed)?);
    let body = unpacked(head.body, body, body_bytes_max)?;
    Ok((key, entry_of(head, body, now).ok_or(CodecError::Malformed)?))
}

/// The head and the bytes of the body of a value that is whole.
fn read(value: &[u8]) -> Result<(Head, &[u8]), CodecError> {
    let (preamble, rest) = value.split_at_checked(PREAMBLE_BYTES).ok_or(short_of(value))?;
    if !preamble.starts_with(MAGIC) {
        return Err(CodecError::NotOurs);
    }
    if !matches!(preamble[MAGIC.len()], VERSION | VERSION_CODED) {
        return Err(CodecError::UnknownVersion);
    }
    let mut length = [0; 4];
    length.copy_from_slice(&preamble[PREAMBLE_BYTES - 4..]);
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| CodecError::Truncated)?;
    let (head, body) = rest.split_at_checked(length).ok_or(CodecError::Truncated)?;
    // No fuzzer guesses a hash; what stands behind it must bear anything all the same.
    if !cfg!(fuzzing) && preamble[MAGIC.len() + 1..][..CHECKSUM_BYTES] != checksum(value) {
        return Err(CodecError::Checksum);
    }
    Ok((serde_json::from_slice(head).map_err(|_| CodecError::Malformed)?, body))
}

fn entry_of(head: Head, body: StoredBody, now: Timestamp) -> Option<Entry> {
    if !head.url.is_char_boundary(head.path_start) || head.path_start > head.url.len() {
        return None;
    }
    let status = StatusCode::from_u16(head.status).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in &head.headers {
        let value = HeaderValue::from_bytes(&bytes(value)?).ok()?;
        headers.try_append(name.parse::<HeaderName>().ok()?, value).ok()?;
    }
    let variant = |(name, value): &(String, String)| Some((name.parse().ok()?, bytes(value)?.into()));
    let variant = head.variant.iter().map(variant).collect::<Option<Vec<_>>>()?;
    let received_at = Timestamp::from_millis(head.received_at_ms).min(now);
    let times = ExchangeTimes { requested_at: received_at, received_at };
    let field = match head.lifetime_field.as_deref() {
        Some(label) => Some(LifetimeField::labelled(label)?),
        None => None,
    };
    let mut policy = ResponsePolicy::parse_with(status, &headers, times, field.as_slice());
    policy.initial_age = Duration::from_millis(head.initial_age_ms);
    policy.unchanged_for = Duration::from_secs(head.unchanged_secs);
    policy.lifetime_max = head.lifetime_max_secs.map(Duration::from_secs);
    let parts = EntryParts {
        url: head.url.into(),
        path_start: head.path_start,
        route: head.route,
        tags: head.tags.into(),
        status,
        policy,
        variant: VariantKey(variant),
        body,
        part: None,
        stamp: Stamp::parse(&head.stamp)?,
        stored_at: Timestamp::from_millis(head.stored_at_ms).min(now),
        filed_by: 0,
        settling: head.settling.map(|settling| settling.settling(received_at)),
    };
    Some(Entry::new(parts, &headers))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn lifetime_field(policy: &ResponsePolicy) -> Option<LifetimeField> {
    match policy.lifetime {
        OriginLifetime::Explicit(_, source) => LifetimeField::of(source),
        OriginLifetime::Heuristic(_) | OriginLifetime::Absent => None,
    }
}

/// The body as it is best kept in the value: gzip-coded where that helps.
fn packed(entry: &Entry, headers: &HeaderMap) -> (BodyForm, Bytes) {
    let received = match entry.body().to_stored() {
        StoredBody::Coded { coding, coded, identity_bytes } => {
            return (BodyForm::coded(coding, identity_bytes), coded);
        }
        StoredBody::AsReceived(received) => received,
    };
    if coding::compressibility(entry.status(), headers, received.len()) == Compressibility::AsReceived {
        return (BodyForm::Received, received);
    }
    match coding::coded(received, Coding::Gzip) {
        StoredBody::Coded { coded, identity_bytes, .. } => (BodyForm::Packed(identity_bytes), coded),
        StoredBody::AsReceived(received) => (BodyForm::Received, received),
    }
}

fn unpacked(form: BodyForm, body: &[u8], body_bytes_max: u64) -> Result<StoredBody, CodecError> {
    let body = Bytes::copy_from_slice(body);
    let (coding, identity_bytes) = match form {
        BodyForm::Received => return Ok(StoredBody::AsReceived(body)),
        BodyForm::Gzipped(bytes) | BodyForm::Packed(bytes) => (Coding::Gzip, bytes),
        BodyForm::Br(bytes) => (Coding::Br, bytes),
        BodyForm::Zstd(bytes) => (Coding::Zstd, bytes),
    };
    if identity_bytes > body_bytes_max {
        return Err(CodecError::TooLarge);
    }
    if !matches!(form, BodyForm::Packed(_)) {
        return Ok(StoredBody::Coded { coding, coded: body, identity_bytes });
    }
    let received = coders::decode(coding, body, identity_bytes).map_err(|_| CodecError::Malformed)?;
    Ok(StoredBody::AsReceived(received))
}

/// The hash of everything but the hash.
fn checksum(value: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let (before, after) = (&value[..=MAGIC.len()], &value[MAGIC.len() + 1 + CHECKSUM_BYTES..]);
    let hash = blake3::Hasher::new().update(before).update(after).finalize();
    let mut checksum = [0; CHECKSUM_BYTES];
    checksum.copy_from_slice(&hash.as_bytes()[..CHECKSUM_BYTES]);
    checksum
}

/// What is wrong with a value that is shorter than any.
fn short_of(value: &[u8]) -> CodecError {
    if MAGIC.starts_with(&value[..value.len().min(MAGIC.len())]) { CodecError::Truncated } else { CodecError::NotOurs }
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
