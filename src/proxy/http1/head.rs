//! One request head, read strictly, once: RFC 9112 sections 2 to 6.
//!
//! What the parser finds is judged and becomes the request's fields in one go. They share one copy of the head's bytes.

use super::diagnose::diagnose;
use super::target::{self, Form};
use crate::proxy::refusal::Refusal;
use crate::semantics::spelling::without_raw;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use std::mem::MaybeUninit;

/// How many field lines are parsed without an allocation.
const INLINE_FIELDS: usize = 128;

/// Room for the fields that describe a request's way.
const FIELDS_ADDED: usize = 8;

/// What one request's head may measure at most.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) struct HeadLimits {
    /// Bytes of the whole head.
    pub(in crate::proxy) head_bytes: usize,
    /// Field lines.
    pub(in crate::proxy) fields: usize,
    /// Bytes of the request target.
    pub(in crate::proxy) target_bytes: usize,
}

/// How the end of the body is known: RFC 9112 section 6.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Framing {
    /// There is no body.
    None,
    /// So many bytes, at least one.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
}

/// What may follow the message on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Next {
    /// Another request.
    Request,
    /// Perhaps another protocol: RFC 9110 section 7.8. The offer of h2c is never taken up, because bytes in a tunnel to
    /// the origin would pass every rule by (RFC 9113 has withdrawn it).
    Upgrade,
}

/// Whether the client would keep the connection after the answer: RFC 9112 section 9.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Persistence {
    /// It may carry the next request.
    Persists,
    /// The answer is its last.
    Closes,
}

/// Whether the client waits to be asked for the body: RFC 9110 section 10.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Expects {
    /// The body comes by itself.
    Nothing,
    /// A 100 is waited for.
    Continue,
}

/// Whether the client takes trailers: RFC 9110 section 10.1.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Trailers {
    /// Those that the answer's Trailer field names are sent.
    Taken,
    /// None are sent.
    Unwanted,
}

/// A complete and valid head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::proxy) struct Head {
    /// Its length with the closing empty line.
    pub(in crate::proxy) bytes: usize,
    /// The method.
    pub(in crate::proxy) method: Method,
    /// The request target as it came, but for what no URI may hold.
    pub(in crate::proxy) target: Uri,
    /// HTTP/1.1 or HTTP/1.0.
    pub(in crate::proxy) version: Version,
    /// The field lines in their order.
    pub(in crate::proxy) fields: HeaderMap,
    /// How the body ends.
    pub(in crate::proxy) framing: Framing,
    /// What may follow.
    pub(in crate::proxy) next: Next,
    /// What becomes of the connection.
    pub(in crate::proxy) persistence: Persistence,
    /// What the client waits for.
    pub(in crate::proxy) expects: Expects,
    /// Whether trailers are taken.
    pub(in crate::proxy) trailers: Trailers,
    /// Its bytes, of which the fields' values are parts.
    pub(in crate::proxy) whole: Bytes,
}

impl Head {
    /// The request that it begins.
    pub(in crate::proxy) fn into_request<B>(self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.fields;
        request
    }
}

/// Reads the head at the start of `bytes`; `None` if more bytes are needed.
///
/// # Errors
/// Where no continuation could make it a head that is taken here.
pub(in crate::proxy) fn read_head(bytes: &[u8], limits: &HeadLimits) -> Result<Option<Head>, Refusal> {
    if limits.fields <= INLINE_FIELDS {
        let mut slots = [const { MaybeUninit::uninit() }; INLINE_FIELDS];
        return read_into(bytes, limits, slots.get_mut(..limits.fields).unwrap_or_default());
    }
    let mut slots = Vec::new();
    slots.resize_with(limits.fields, MaybeUninit::uninit);
    read_into(bytes, limits, &mut slots)
}

fn read_into<'a>(
    bytes: &'a [u8],
    limits: &HeadLimits,
    slots: &mut [MaybeUninit<httparse::Header<'a>>],
) -> Result<Option<Head>, Refusal> {
    let mut request = httparse::Request::new(&mut []);
    let length = match httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut request, bytes, slots) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(diagnose(bytes, error)),
    };
    let whole = bytes.get(..length).unwrap_or_default();
    if has_bare_line_feed(whole) {
        return Err(Refusal::BareLineFeed);
    }
    let (method, request_target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    if request_target.len() > limits.target_bytes {
        return Err(Refusal::TargetTooLong);
    }
    if length > limits.head_bytes {
        return Err(Refusal::HeadTooLarge);
    }
    if method == "CONNECT" {
        return Err(Refusal::Connect);
    }
    let form = target::check(method, request_target)?;
    let version = if request.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let facts = Facts::gather(request.headers)?;
    let parts = Parts { whole, shared: Bytes::copy_from_slice(whole) };
    Ok(Some(Head {
        bytes: length,
        method: Method::from_bytes(method.as_bytes()).map_err(|_| Refusal::Method)?,
        target: match form {
            Form::Plain => Uri::from_maybe_shared(parts.part(request_target.as_bytes())),
            Form::Raw => Uri::from_maybe_shared(Bytes::from(without_raw(request_target).into_owned())),
        }
        .map_err(|_| Refusal::Target)?,
        version,
        fields: parts.fields(request.headers)?,
        framing: facts.framing(version)?,
        next: facts.next(version),
        persistence: facts.persistence(version),
        expects: if version == Version::HTTP_11 { facts.expects } else { Expects::Nothing },
        trailers: facts.trailers,
        whole: parts.shared,
    }))
}

/// A head in the read buffer, and the copy that outlives it.
struct Parts<'a> {
    whole: &'a [u8],
    shared: Bytes,
}

impl Parts<'_> {
    /// A part of the head, as one of the copy.
    fn part(&self, part: &[u8]) -> Bytes {
        let start = part.as_ptr().addr().wrapping_sub(self.whole.as_ptr().addr());
        let end = start.saturating_add(part.len());
        if end <= self.shared.len() { self.shared.slice(start..end) } else { Bytes::new() }
    }

    fn fields(&self, lines: &[httparse::Header<'_>]) -> Result<HeaderMap, Refusal> {
        let mut fields = HeaderMap::with_capacity(lines.len() + FIELDS_ADDED);
        for line in lines {
            let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Refusal::FieldName)?;
            let value = HeaderValue::from_maybe_shared(self.part(line.value)).map_err(|_| Refusal::FieldValue)?;
            fields.try_append(name, value).map_err(|_| Refusal::TooManyFields)?;
        }
        Ok(fields)
    }
}

/// Whether a line feed stands without its carriage return. Without branches, so that it compiles to vector instructions.
fn has_bare_line_feed(bytes: &[u8]) -> bool {
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    pairs.fold(0, |found, (before, at)| found | (u8::from(*at == b'\n') & u8::from(*before != b'\r'))) != 0
}

/// What the fields say of the message and of the connection.
struct Facts<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    encoding: Option<&'a [u8]>,
    offers_upgrade: bool,
    names_upgrade: bool,
    names_close: bool,
    names_keep_alive: bool,
    expects: Expects,
    trailers: Trailers,
}

impl<'a> Facts<'a> {
    const NONE: Self = Self {
        host: None,
        length: None,
        encoding: None,
        offers_upgrade: false,
        names_upgrade: false,
        names_close: false,
        names_keep_alive: false,
        expects: Expects::Nothing,
        trailers: Trailers::Unwanted,
    };

    fn gather(lines: &[httparse::Header<'a>]) -> Result<Self, Refusal> {
        let mut facts = Self::NONE;
        for line in lines {
            let is = |name| line.name.eq_ignore_ascii_case(name);
            match line.name.len() {
                2 if is("te") => facts.note_te(line.value),
                4 if is("host") && facts.host.replace(line.value).is_some() => return Err(Refusal::HostRepeated),
                6 if is("expect") && line.value.eq_ignore_ascii_case(b"100-continue") => {
                    facts.expects = Expects::Continue;
                }
                7 if is("upgrade") => {
                    facts.offers_upgrade |= members(line.value).any(|name| !name.eq_ignore_ascii_case(b"h2c"));
                }
                10 if is("connection") => facts.note_connection(line.value),
                14 if is("content-length") && facts.length.replace(content_length(line.value)?).is_some() => {
                    return Err(Refusal::ContentLengthRepeated);
                }
                17 if is("transfer-encoding") && facts.encoding.replace(line.value).is_some() => {
                    return Err(Refusal::TransferEncoding);
                }
                _ => {}
            }
        }
        Ok(facts)
    }

    fn note_te(&mut self, value: &[u8]) {
        let mut codings = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        if codings.any(|coding| coding.eq_ignore_ascii_case(b"trailers")) {
            self.trailers = Trailers::Taken;
        }
    }

    fn note_connection(&mut self, value: &[u8]) {
        for option in members(value) {
            self.names_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
            self.names_close |= option.eq_ignore_ascii_case(b"close");
            self.names_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    const fn persistence(&self, version: Version) -> Persistence {
        let by_default = matches!(version, Version::HTTP_11);
        if !self.names_close && (by_default || self.names_keep_alive) {
            Persistence::Persists
        } else {
            Persistence::Closes
        }
    }

    fn framing(&self, version: Version) -> Result<Framing, Refusal> {
        match self.host {
            Some(host) if !target::is_host(host) => return Err(Refusal::HostInvalid),
            None if version == Version::HTTP_11 => return Err(Refusal::HostMissing),
            _ => {}
        }
        let Some(encoding) = self.encoding else {
            return Ok(self.length.filter(|length| *length > 0).map_or(Framing::None, Framing::Length));
        };
        if self.length.is_some() {
            return Err(Refusal::LengthAndEncoding);
        }
        if version == Version::HTTP_10 {
            return Err(Refusal::TransferEncodingVersion);
        }
        if !encoding.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::TransferEncoding);
        }
        Ok(Framing::Chunked)
    }

    fn next(&self, version: Version) -> Next {
        let upgrades = self.offers_upgrade && self.names_upgrade;
        if upgrades && version == Version::HTTP_11 { Next::Upgrade } else { Next::Request }
    }
}

/// Digits and nothing else, within what any counter here can hold.
fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || value.len() > 18 {
        return Err(Refusal::ContentLength);
    }
    value.iter().try_fold(0_u64, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + u64::from(byte - b'0')),
        _ => Err(Refusal::ContentLength),
    })
}

/// The members of a comma-separated list; a protocol's version after `/` is left out.
fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let members = list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty());
    members.map(|member| member.split(|byte| *byte == b'/').next().unwrap_or_default().trim_ascii())
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
