//! A stream of requests read without a connection: for tests of the parser, and for fuzzing.

use super::body_reader::{BodyReader, Piece};
use super::head::{Head, HeadLimits};
use super::head_reader::HeadReader;
use crate::proxy::options::ProxyOptions;
use crate::proxy::refusal::Refusal;
use bytes::{Buf as _, BytesMut};
use http::HeaderMap;

/// What is read of a stream, and how it ended.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Messages {
    pub(in crate::proxy) heads: Vec<Head>,
    /// The data of each head's body, as far as it came.
    pub(in crate::proxy) bodies: Vec<Vec<u8>>,
    pub(in crate::proxy) trailers: HeaderMap,
    pub(in crate::proxy) end: End,
    /// Whether the last body is not complete, or wrong.
    is_in_body: bool,
}

/// How a stream ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) enum End {
    /// Its last head is not complete.
    #[default]
    InHead,
    /// Its last body is not complete.
    InBody,
    /// It was refused.
    Refused(Refusal),
}

/// Reads `stream` in pieces that end at `ends`, in this order.
pub(in crate::proxy) fn read(stream: &[u8], ends: &[usize], limits: &HeadLimits) -> Messages {
    let mut messages = Messages::default();
    let (mut heads, mut body) = (HeadReader::default(), None);
    let (mut buffer, mut start) = (BytesMut::new(), 0);
    for end in ends {
        buffer.extend_from_slice(stream.get(start..*end).unwrap_or_default());
        start = *end;
        loop {
            match messages.step(&mut heads, &mut body, &mut buffer, limits) {
                Ok(true) => {}
                Ok(false) => break,
                Err(refusal) => {
                    messages.end = End::Refused(refusal);
                    messages.is_in_body = body.is_some();
                    return messages;
                }
            }
        }
    }
    messages.is_in_body = body.is_some();
    messages.end = if body.is_some() { End::InBody } else { End::InHead };
    messages
}

/// The requests that `stream` says: method and target, and the body where it is whole.
pub(in crate::proxy) fn said(stream: &[u8], options: &ProxyOptions) -> Vec<(String, Option<Vec<u8>>)> {
    let limits = HeadLimits {
        head_bytes: options.header_bytes_max,
        fields: options.headers_max,
        target_bytes: options.uri_bytes_max,
    };
    let messages = read(stream, &[stream.len()], &limits);
    let mut said: Vec<_> = messages
        .heads
        .iter()
        .zip(messages.bodies)
        .map(|(head, body)| (format!("{} {}", head.method, head.target), Some(body)))
        .collect();
    if messages.is_in_body
        && let Some((_, body)) = said.last_mut()
    {
        *body = None;
    }
    said
}

impl Messages {
    /// Takes one step; whether there may be another.
    fn step(
        &mut self,
        heads: &mut HeadReader,
        body: &mut Option<BodyReader>,
        buffer: &mut BytesMut,
        limits: &HeadLimits,
    ) -> Result<bool, Refusal> {
        let Some(reader) = body else {
            let Some(head) = heads.read(buffer, limits)? else { return Ok(false) };
            buffer.advance(head.bytes);
            *body = Some(BodyReader::new(head.framing, limits));
            self.heads.push(head);
            self.bodies.push(Vec::new());
            return Ok(true);
        };
        let piece = reader.read(buffer)?;
        let has_moved = piece.is_some() || reader.is_over();
        match piece {
            Some(Piece::Data(data)) => {
                self.bodies.last_mut().into_iter().for_each(|body| body.extend_from_slice(&data));
            }
            Some(Piece::Trailers(trailers)) => self.trailers.extend(trailers),
            None => {}
        }
        body.take_if(|reader| reader.is_over());
        Ok(has_moved)
    }
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
