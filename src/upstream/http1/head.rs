//! The heads of answers, each parsed once and strictly: RFC 9112 section 4 and 5.

use super::lines::{Persistence, Plain, plain};
use crate::engine::exchange::FieldsAs;
use crate::engine::origin::OriginErrorKind;
use crate::semantics::spelling::Spelling;
use crate::upstream::failure::Failed;
use crate::upstream::options::UpstreamOptions;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode, Version};
use httparse::{Header, ParserConfig, Status};
use hyper::ext::ReasonPhrase;
use std::mem::MaybeUninit;

/// So many fields have room on the stack.
const FIELDS_ON_STACK: usize = 100;
/// A head that comes byte by byte is looked at each time until it has grown so long, then only where it may end.
const LOOKED_AT_BYTES: usize = 1024;

/// How large a head may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) struct HeadLimits {
    fields: usize,
    bytes: usize,
}

impl HeadLimits {
    pub(in crate::upstream) fn new(options: &UpstreamOptions) -> Self {
        Self { fields: options.response_fields_max, bytes: options.response_head_bytes_max }
    }
}

/// What is wrong with a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::upstream) enum HeadError {
    #[error("the response has a larger head, or more fields, than the limits allow")]
    TooLarge,
    #[error("the response has a line that does not end with CR and LF")]
    BareLineFeed,
    #[error("the response is not valid HTTP: {0}")]
    Malformed(httparse::Error),
    #[error("the response has a status or a field that HTTP does not allow")]
    Field,
    #[error("more interim responses come before the response than are taken")]
    Interims,
}

/// A head that is complete.
#[derive(Debug)]
pub(super) enum Head {
    /// With what the version says, see [`persistence`].
    Fields(Response<Spelling>),
    /// It can pass as lines.
    Plain(Plain),
}

/// What the fields of an answer and its version say of the connection.
pub(super) fn persistence(response: &Response<Spelling>) -> Persistence {
    let names = |token: &[u8]| {
        let lines = response.headers().get_all(CONNECTION).iter();
        let mut options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(token))
    };
    let is_old = response.version() == Version::HTTP_10;
    if names(b"close") || (is_old && !names(b"keep-alive")) { Persistence::Ends } else { Persistence::Persists }
}

/// To what an answer is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerTo<'a> {
    pub(super) method: &'a Method,
    /// In which form its fields are wanted.
    pub(super) fields: FieldsAs,
}

/// Gathers the bytes of heads, however they are cut.
pub(super) struct HeadReader {
    limits: HeadLimits,
    /// What has come of a head that is not complete.
    partial: Vec<u8>,
    /// How much of it is known to hold no end.
    searched: usize,
}

impl HeadReader {
    pub(super) const fn new(limits: HeadLimits) -> Self {
        Self { limits, partial: Vec::new(), searched: 0 }
    }

    /// Takes what has come, tells `interim` of each head of an interim response, and `last` of the final one and of what has
    /// come behind it.
    pub(super) fn feed<R>(
        &mut self,
        new: &[u8],
        to: AnswerTo<'_>,
        mut interim: impl FnMut(&Response<Spelling>) -> Result<(), HeadError>,
        last: impl FnOnce(Head, &[u8]) -> R,
    ) -> Result<Option<R>, HeadError> {
        let mut kept = std::mem::take(&mut self.partial);
        if !kept.is_empty() {
            kept.extend_from_slice(new);
        }
        let bytes = if kept.is_empty() { new } else { &kept };
        let mut at = 0;
        loop {
            let open = bytes.get(at..).unwrap_or_default();
            let Some((head, bytes)) = self.parse(open, to)? else { break };
            self.searched = 0;
            match &head {
                Head::Fields(response) if is_interim(response.status()) => interim(response)?,
                _ => return Ok(Some(last(head, open.get(bytes..).unwrap_or_default()))),
            }
            at += bytes;
        }
        if kept.is_empty() {
            kept.extend_from_slice(new.get(at..).unwrap_or_default());
        } else {
            kept.drain(..at);
        }
        self.partial = kept;
        Ok(None)
    }

    /// The head at the start of these bytes, once it is complete, and its length.
    fn parse(&mut self, bytes: &[u8], to: AnswerTo<'_>) -> Result<Option<(Head, usize)>, HeadError> {
        let end = end_of(bytes, self.searched)?;
        let head = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        if head.len() > self.limits.bytes {
            return Err(HeadError::TooLarge);
        }
        if end.is_some() {
            return self.parsed(&Bytes::copy_from_slice(head), to).map(|parsed| Some((parsed, head.len())));
        }
        self.searched = bytes.len();
        if bytes.len() <= LOOKED_AT_BYTES && !bytes.is_empty() {
            let mut slots = [const { MaybeUninit::uninit() }; FIELDS_ON_STACK];
            match read(bytes, &mut slots) {
                Ok(_) | Err(httparse::Error::TooManyHeaders) => {}
                Err(error) => return Err(HeadError::Malformed(error)),
            }
        }
        Ok(None)
    }

    fn parsed(&self, head: &Bytes, to: AnswerTo<'_>) -> Result<Head, HeadError> {
        let mut slots = [const { MaybeUninit::uninit() }; FIELDS_ON_STACK];
        let on_stack = slots.get_mut(..self.limits.fields.min(FIELDS_ON_STACK)).unwrap_or_default();
        match read(head, on_stack) {
            Ok(Some(parsed)) => {
                let plain = (to.fields == FieldsAs::Lines).then(|| plain(head, &parsed, to.method)).flatten();
                plain.map_or_else(|| built(head, &parsed).map(Head::Fields), |plain| Ok(Head::Plain(plain)))
            }
            Err(httparse::Error::TooManyHeaders) if self.limits.fields > FIELDS_ON_STACK => {
                let mut slots = vec![MaybeUninit::uninit(); self.limits.fields];
                match read(head, &mut slots) {
                    Ok(Some(parsed)) => built(head, &parsed).map(Head::Fields),
                    Ok(None) => Err(HeadError::Malformed(httparse::Error::NewLine)),
                    Err(error) => Err(error.into()),
                }
            }
            Ok(None) => Err(HeadError::Malformed(httparse::Error::NewLine)),
            Err(error) => Err(error.into()),
        }
    }
}

impl From<HeadError> for Failed {
    fn from(cause: HeadError) -> Self {
        let is_large = cause == HeadError::TooLarge;
        let kind = if is_large { OriginErrorKind::HeadTooLarge } else { OriginErrorKind::Invalid };
        Self { kind, cause: Box::new(cause) }
    }
}

impl From<httparse::Error> for HeadError {
    fn from(error: httparse::Error) -> Self {
        if error == httparse::Error::TooManyHeaders { Self::TooLarge } else { Self::Malformed(error) }
    }
}

/// Where the head ends, if that is past `from`. No line may end with a line feed alone: others after us might take it for
/// part of the line.
fn end_of(bytes: &[u8], from: usize) -> Result<Option<usize>, HeadError> {
    for at in memchr::memchr_iter(b'\n', bytes.get(from..).unwrap_or_default()).map(|at| from + at) {
        match bytes.get(at.saturating_sub(3)..at) {
            Some([b'\r', b'\n', b'\r']) => return Ok(Some(at + 1)),
            Some([.., b'\r']) => {}
            _ => return Err(HeadError::BareLineFeed),
        }
    }
    Ok(None)
}

fn read<'h, 'b>(
    bytes: &'b [u8],
    slots: &'h mut [MaybeUninit<Header<'b>>],
) -> Result<Option<httparse::Response<'h, 'b>>, httparse::Error> {
    // The parser would skip empty lines.
    if matches!(bytes, [b'\r' | b'\n', ..]) {
        return Err(httparse::Error::NewLine);
    }
    let mut config = ParserConfig::default();
    // RFC 9112 section 5.1 and 5.2 have a proxy remove such spaces and unfold such lines.
    config.allow_spaces_after_header_name_in_responses(true).allow_obsolete_multiline_headers_in_responses(true);
    let mut response = httparse::Response::new(&mut []);
    match config.parse_response_with_uninit_headers(&mut response, bytes, slots)? {
        Status::Complete(_) => Ok(Some(response)),
        Status::Partial => Ok(None),
    }
}

fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

fn built(head: &Bytes, parsed: &httparse::Response<'_, '_>) -> Result<Response<Spelling>, HeadError> {
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(HeadError::Field)?;
    let mut headers = HeaderMap::with_capacity(parsed.headers.len() + 4);
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| HeadError::Field)?;
        let value = if memchr::memchr(b'\n', field.value).is_some() {
            HeaderValue::from_bytes(&unfolded(field.value))
        } else {
            HeaderValue::from_maybe_shared(part(head, field.value))
        };
        let value = value.map_err(|_| HeadError::Field)?;
        headers.try_append(name, value).map_err(|_| HeadError::TooLarge)?;
    }
    let mut response = Response::new(Spelling::of(head.clone()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    *response.version_mut() = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let reason = parsed.reason.unwrap_or_default();
    if status.canonical_reason() != Some(reason)
        && let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes())
    {
        response.extensions_mut().insert(reason);
    }
    Ok(response)
}

/// A part of the head, with its place where it is empty, too.
fn part(head: &Bytes, part: &[u8]) -> Bytes {
    let start = part.as_ptr().addr().wrapping_sub(head.as_ptr().addr());
    let end = start.saturating_add(part.len());
    if end <= head.len() { head.slice(start..end) } else { Bytes::copy_from_slice(part) }
}

/// RFC 9112 section 5.2: each fold becomes a space.
fn unfolded(value: &[u8]) -> Vec<u8> {
    let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(&b' ')
}
