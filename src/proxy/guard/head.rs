//! One request head, read strictly: RFC 9112 sections 2 to 6.
//!
//! [`Head`] names where the parts lie in the read buffer. This is the door for a fast path: whoever answers a request
//! straight from the buffer begins with the head that is parsed here, and leaves everything else to hyper.

use super::diagnose::diagnose;
use super::target;
use crate::proxy::refusal::Refusal;
use std::mem::MaybeUninit;
use std::ops::Range;

/// How many field lines are parsed without an allocation.
const INLINE_FIELDS: usize = 128;

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

/// The minor version of HTTP/1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum MinorVersion {
    /// HTTP/1.0
    Zero,
    /// HTTP/1.1
    One,
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

/// A complete and valid head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::proxy) struct Head {
    /// Its length with the closing empty line.
    pub(in crate::proxy) bytes: usize,
    /// Where the method stands.
    pub(in crate::proxy) method: Range<usize>,
    /// Where the request target stands.
    pub(in crate::proxy) target: Range<usize>,
    /// The version.
    pub(in crate::proxy) version: MinorVersion,
    /// How the body ends.
    pub(in crate::proxy) framing: Framing,
    /// What may follow.
    pub(in crate::proxy) next: Next,
}

/// Reads the head at the start of `bytes`; none where more bytes are needed.
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
    target::check(method, request_target)?;
    let version = if request.version == Some(0) { MinorVersion::Zero } else { MinorVersion::One };
    let fields = Fields::gather(request.headers)?;
    let target_start = method.len() + 1;
    Ok(Some(Head {
        bytes: length,
        method: 0..method.len(),
        target: target_start..target_start + request_target.len(),
        version,
        framing: fields.framing(version)?,
        next: fields.next(version),
    }))
}

/// Whether a line feed stands without its carriage return. Without branches, so that it compiles to vector instructions.
fn has_bare_line_feed(bytes: &[u8]) -> bool {
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    pairs.fold(0, |found, (before, at)| found | (u8::from(*at == b'\n') & u8::from(*before != b'\r'))) != 0
}

/// The fields that decide where the message ends and to whom it goes.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    encoding: Option<&'a [u8]>,
    offers_upgrade: bool,
    names_upgrade: bool,
}

impl<'a> Fields<'a> {
    fn gather(lines: &[httparse::Header<'a>]) -> Result<Self, Refusal> {
        let mut fields = Self::default();
        for line in lines {
            match line.name.len() {
                4 if line.name.eq_ignore_ascii_case("host") && fields.host.replace(line.value).is_some() => {
                    return Err(Refusal::HostRepeated);
                }
                7 if line.name.eq_ignore_ascii_case("upgrade") => {
                    fields.offers_upgrade |= members(line.value).any(|name| !name.eq_ignore_ascii_case(b"h2c"));
                }
                10 if line.name.eq_ignore_ascii_case("connection") => {
                    fields.names_upgrade |= members(line.value).any(|name| name.eq_ignore_ascii_case(b"upgrade"));
                }
                14 if line.name.eq_ignore_ascii_case("content-length")
                    && fields.length.replace(content_length(line.value)?).is_some() =>
                {
                    return Err(Refusal::ContentLengthRepeated);
                }
                17 if line.name.eq_ignore_ascii_case("transfer-encoding")
                    && fields.encoding.replace(line.value).is_some() =>
                {
                    return Err(Refusal::TransferEncoding);
                }
                _ => {}
            }
        }
        Ok(fields)
    }

    fn framing(&self, version: MinorVersion) -> Result<Framing, Refusal> {
        match self.host {
            Some(host) if !target::is_host(host) => return Err(Refusal::HostInvalid),
            None if version == MinorVersion::One => return Err(Refusal::HostMissing),
            _ => {}
        }
        let Some(encoding) = self.encoding else {
            return Ok(self.length.filter(|length| *length > 0).map_or(Framing::None, Framing::Length));
        };
        if self.length.is_some() {
            return Err(Refusal::LengthAndEncoding);
        }
        if version == MinorVersion::Zero {
            return Err(Refusal::TransferEncodingVersion);
        }
        if !encoding.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::TransferEncoding);
        }
        Ok(Framing::Chunked)
    }

    fn next(&self, version: MinorVersion) -> Next {
        let upgrades = self.offers_upgrade && self.names_upgrade;
        if upgrades && version == MinorVersion::One { Next::Upgrade } else { Next::Request }
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
