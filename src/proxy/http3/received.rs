//! A request as it comes over its stream: first its head, then its body. What nobody takes is not sent: the client may be a
//! window ahead.

use super::code::Code;
use super::frames::{Broken, DATA, Frames, HEADERS};
use super::head::{self, Malformed};
use super::qpack::{DecodeError, decode};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The least encoded bytes that a head may have, whatever the limit.
const SECTION_BYTES_MIN: u64 = 64;

/// Why there is no request.
#[derive(Debug)]
pub(super) enum NoRequest {
    /// Its head is larger than the limit.
    HeadTooLarge,
    /// The stream or the connection is in error.
    Broken(Broken),
}

impl From<Broken> for NoRequest {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Malformed> for Broken {
    fn from(Malformed: Malformed) -> Self {
        Self::Stream(Code::MessageError)
    }
}

/// The body of one request. One that its client cuts short ends with an error, whatever code the client gives.
pub(super) struct Received {
    frames: Frames,
    /// Told of what is wrong with the connection.
    connection: quinn::Connection,
    header_bytes_max: usize,
    /// What Content-Length leaves to come; `None` if nothing was said.
    left: Option<u64>,
    stage: Stage,
}

/// How far the body is.
enum Stage {
    /// Between two frames.
    Between,
    /// Within DATA.
    Data,
    /// Within the trailers.
    Trailers(BytesMut),
    /// Behind the trailers, where nothing may follow.
    Behind(Option<HeaderMap>),
    Over,
}

/// Reads the head of the request that a stream begins with. It may hold so many bytes.
pub(super) async fn request(
    mut frames: Frames,
    connection: quinn::Connection,
    header_bytes_max: usize,
) -> Result<Request<Received>, NoRequest> {
    let first = frames.next().await?.ok_or(Broken::Stream(Code::RequestIncomplete))?;
    if first.kind != HEADERS {
        return Err(Broken::Connection(Code::FrameUnexpected).into());
    }
    if first.bytes > section_bytes_max(header_bytes_max) {
        return Err(NoRequest::HeadTooLarge);
    }
    let mut section = BytesMut::new();
    std::future::poll_fn(|cx| frames.poll_whole(&mut section, cx)).await?;
    let fields = decode(&section, header_bytes_max).map_err(|error| match error {
        DecodeError::TooLarge => NoRequest::HeadTooLarge,
        DecodeError::Broken => Broken::Connection(Code::DecompressionFailed).into(),
    })?;
    let request = head::request(fields).map_err(Broken::from)?;
    let left = head::content_length(request.headers()).map_err(Broken::from)?;
    let mut received = Received { frames, connection, header_bytes_max, left, stage: Stage::Between };
    if left.is_none() && has_no_body(request.method()) {
        // Whether the stream ends with the head is part of it.
        std::future::poll_fn(|cx| received.poll_begin(cx)).await?;
    }
    Ok(request.map(|()| received))
}

/// Whether a request by this method is seldom more than its head.
fn has_no_body(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE | Method::TRACE)
}

/// Encoded, a section is hardly ever longer than what it holds.
fn section_bytes_max(header_bytes_max: usize) -> u64 {
    (header_bytes_max as u64).max(SECTION_BYTES_MIN)
}

impl Received {
    /// Waits for the first frame of the body, or the end.
    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if let Stage::Between = self.stage {
            self.stage = ready!(self.poll_next(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// The next stage, from between two frames.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Stage, Broken>> {
        let next = match ready!(self.frames.poll_next(cx))? {
            Some(frame) if frame.kind == DATA => {
                match self.left.map(|left| left.checked_sub(frame.bytes)) {
                    Some(None) => return Poll::Ready(Err(Malformed.into())),
                    left => self.left = left.flatten(),
                }
                Stage::Data
            }
            Some(frame) if frame.kind == HEADERS => {
                if frame.bytes > section_bytes_max(self.header_bytes_max) {
                    return Poll::Ready(Err(Malformed.into()));
                }
                Stage::Trailers(BytesMut::new())
            }
            Some(_) => return Poll::Ready(Err(Broken::Connection(Code::FrameUnexpected))),
            None if self.left.is_some_and(|left| left > 0) => return Poll::Ready(Err(Malformed.into())),
            None => Stage::Over,
        };
        Poll::Ready(Ok(next))
    }

    fn trailers(&self, section: &[u8]) -> Result<HeaderMap, Broken> {
        match decode(section, self.header_bytes_max) {
            Ok(fields) => Ok(head::trailers(fields)?),
            Err(DecodeError::TooLarge) => Err(Malformed.into()),
            Err(DecodeError::Broken) => Err(Broken::Connection(Code::DecompressionFailed)),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Broken>> {
        loop {
            match &mut self.stage {
                Stage::Between => self.stage = ready!(self.poll_next(cx))?,
                Stage::Data => match ready!(self.frames.poll_payload(cx))? {
                    Some(data) => return Poll::Ready(Ok(Some(Frame::data(data)))),
                    None => self.stage = Stage::Between,
                },
                Stage::Trailers(section) => {
                    ready!(self.frames.poll_whole(section, cx))?;
                    let section = std::mem::take(section);
                    self.stage = Stage::Behind(Some(self.trailers(&section)?));
                }
                Stage::Behind(trailers) => {
                    if ready!(self.frames.poll_next(cx))?.is_some() {
                        return Poll::Ready(Err(Broken::Connection(Code::FrameUnexpected)));
                    }
                    if self.left.is_some_and(|left| left > 0) {
                        return Poll::Ready(Err(Malformed.into()));
                    }
                    let trailers = trailers.take();
                    self.stage = Stage::Over;
                    return Poll::Ready(Ok(trailers.map(Frame::trailers)));
                }
                Stage::Over => return Poll::Ready(Ok(None)),
            }
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = ready!(self.poll(cx));
        if let Err(broken) = &polled {
            self.stage = Stage::Over;
            match broken {
                Broken::Stream(code) => self.frames.stop(*code),
                Broken::Connection(code) => self.connection.close(code.number(), b""),
                Broken::Read(_) => {}
            }
        }
        Poll::Ready(polled.transpose())
    }

    fn is_end_stream(&self) -> bool {
        let is_missed = self.left.is_some_and(|left| left > 0);
        matches!(self.stage, Stage::Over) || matches!(self.stage, Stage::Between) && self.frames.is_over() && !is_missed
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.is_end_stream() => SizeHint::with_exact(0),
            // Within a frame its length is taken off already.
            Some(left) if matches!(self.stage, Stage::Between) => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }
}
