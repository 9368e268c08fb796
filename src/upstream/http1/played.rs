//! A server that is played from memory: what it says comes in the pieces that are asked for, at once, and then its end.

use super::Http1;
use super::head::HeadLimits;
use super::io::Reuse;
use crate::engine::exchange::FieldsAs;
use crate::engine::origin::OriginErrorKind;
use crate::engine::request_fields::RequestFields;
use crate::engine::switched::Switched;
use crate::upstream::failure::Unanswered;
use crate::upstream::request_body::RequestBody;
use http::{HeaderMap, Method, Request, StatusCode};
use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What comes after the last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The end of the connection.
    End,
    /// Nothing.
    Silence,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Played {
    pieces: VecDeque<Vec<u8>>,
    then: Then,
    /// The most that is taken in one write.
    write_bytes_max: usize,
    /// How much is taken in all before the connection is broken.
    takes: usize,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Played {
    /// Says `bytes` in pieces that end at these places.
    pub(super) fn new(bytes: &[u8], cuts: &[usize], then: Then) -> Self {
        let mut pieces = VecDeque::new();
        let mut from = 0;
        for end in cuts.iter().copied().chain([bytes.len()]) {
            pieces.push_back(bytes.get(from..end).unwrap_or_default().to_vec());
            from = end.max(from);
        }
        pieces.retain(|piece| !piece.is_empty());
        Self { pieces, then, write_bytes_max: usize::MAX, takes: usize::MAX, written: Arc::default() }
    }

    /// Takes so many bytes at a time, and keeps what it was sent.
    #[cfg(test)]
    pub(super) fn writing(self, write_bytes_max: usize) -> (Self, Arc<Mutex<Vec<u8>>>) {
        let written = Arc::clone(&self.written);
        (Self { write_bytes_max, ..self }, written)
    }

    /// Takes so many bytes in all.
    #[cfg(test)]
    pub(super) fn taking(self, takes: usize) -> Self {
        Self { takes, ..self }
    }
}

impl AsyncRead for Played {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(mut piece) = self.pieces.pop_front() else {
            return if self.then == Then::End { Poll::Ready(Ok(())) } else { Poll::Pending };
        };
        let rest = piece.split_off(piece.len().min(buffer.remaining()));
        buffer.put_slice(&piece);
        if !rest.is_empty() {
            self.pieces.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Played {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = bytes.len().min(self.write_bytes_max).min(self.takes.saturating_sub(written.len()));
        if taken == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        written.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// No head: why.
    Refused(OriginErrorKind),
    /// More is waited for, after so many bytes of the body where there is a head.
    Waits(Option<Vec<u8>>),
    Answer(Answer),
}

/// An answer with its body, as far as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Option<HeaderMap>,
    /// Whether the body came to its end.
    pub(super) is_whole: bool,
    pub(super) reuse: Reuse,
}

/// A request without a body.
pub(super) fn request(method: &Method) -> Request<RequestFields> {
    let mut request = Request::new(RequestFields::default());
    request.method_mut().clone_from(method);
    request
}

/// Asks this server by `method`, and reads its answer to the end.
pub(super) fn outcome(method: &Method, server: Played, limits: HeadLimits) -> Outcome {
    let mut session = Http1::new(server, limits);
    let mut context = Context::from_waker(Waker::noop());
    let request = request(method);
    let answered = {
        let mut asking = pin!(session.send(&request, RequestBody::empty(), None, FieldsAs::Map));
        asking.as_mut().poll(&mut context)
    };
    let response = match answered {
        Poll::Pending => return Outcome::Waits(None),
        Poll::Ready(Err(Unanswered { failed, .. })) => return Outcome::Refused(failed.kind),
        Poll::Ready(Ok(response)) => response,
    };
    let (mut body, mut trailers, mut is_whole) = (Vec::new(), None, true);
    if response.extensions().get::<Switched>().is_none() {
        loop {
            match session.poll_frame(&mut context) {
                Poll::Pending => return Outcome::Waits(Some(body)),
                Poll::Ready(None) => break,
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => body.extend_from_slice(&data),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                },
                Poll::Ready(Some(Err(_))) => {
                    is_whole = false;
                    break;
                }
            }
        }
    }
    let (status, headers) = (response.status(), response.headers().clone());
    // What has not been read yet would be seen before another request.
    let is_followed = session.io.whole().is_some_and(|server| !server.pieces.is_empty());
    let reuse = if is_followed { Reuse::Never } else { session.reuse() };
    Outcome::Answer(Answer { status, headers, body, trailers, is_whole, reuse })
}
