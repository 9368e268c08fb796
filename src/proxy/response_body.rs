//! The body of a response on its way to the client: counted, and known to be complete, given up or truncated.

use super::observer::{Ending, causes};
use super::record::Record;
use crate::coalesce::shared_body::Truncated;
use crate::engine::exchange::Came;
use crate::engine::origin::{Body, BodyError};
use crate::in_flight::CutOff;
use bytes::Bytes;
use http::{Method, Response, StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What a stream gets at a time, so that the record knows how much of a body went to its client.
pub(super) const STREAM_PIECE_BYTES: usize = 16 * 1024;

/// A response's body as its connection gets it.
///
/// Nobody asks once what Content-Length says was written, or where there is to be no body, so the record learns on drop
/// what it came to.
#[derive(Debug)]
pub(super) struct ResponseBody {
    /// None: there is no body, and nothing to report. Boxed, because it is moved from step to step with its response.
    recorded: Option<Box<RecordedBody>>,
}

/// What became of the bytes that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handed {
    /// They were handed to the connection.
    On,
    /// Some were not.
    InPart,
}

/// A body whose end its record reports.
#[derive(Debug)]
struct RecordedBody {
    inner: Body,
    held: Option<BodyError>,
    record: Record,
    length: Length,
    handed: Handed,
    /// What was taken from `inner` for a stream and not given yet.
    kept: Bytes,
}

/// How the client knows where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// There is none to send (RFC 9110 section 6.4.1), though an answer to HEAD may say how long it would be.
    NoBody(Option<u64>),
    /// So many bytes.
    Known(u64),
    /// It ends with a mark of its own.
    Framed,
    /// It ends where the connection ends, which must therefore be no orderly end if the body is cut short.
    UntilClose,
}

impl ResponseBody {
    /// Wraps the body of `response`, which answers the request of `record`.
    pub(super) fn wrap(response: Response<Body>, record: Record) -> Response<Self> {
        let length = Length::of(&response, &record);
        let kept = Bytes::new();
        let handed = Handed::On;
        response.map(|inner| Self {
            recorded: Some(Box::new(RecordedBody { inner, held: None, record, length, handed, kept })),
        })
    }

    /// How the head came that it belongs to, for the one who writes that.
    pub(super) fn take_came(&self) -> Came {
        self.recorded.as_ref().map(|body| body.record.take_came()).unwrap_or_default()
    }

    /// How the client knows where it ends.
    pub(super) fn length(&self) -> Length {
        self.recorded.as_ref().map_or(Length::NoBody(None), |body| body.length)
    }

    /// Not all that was asked for was handed to the connection, and it will not be.
    pub(super) fn cut_off(&mut self) {
        if let Some(body) = &mut self.recorded {
            body.handed = Handed::InPart;
            if body.record.finished.ending == Ending::Complete {
                body.end(Ending::ClientGone);
            }
        }
    }

    /// No body, and nothing to report.
    pub(super) const fn none() -> Self {
        Self { recorded: None }
    }
}

impl RecordedBody {
    fn end(&mut self, ending: Ending) {
        self.record.finished.ending = ending;
    }

    fn is_complete(&self) -> bool {
        match self.length {
            Length::NoBody(_) => true,
            Length::Known(bytes) => self.record.finished.body_bytes >= bytes,
            Length::Framed | Length::UntilClose => self.is_end_stream(),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.kept.is_empty() && self.inner.is_end_stream()
    }

    /// The next piece of what is kept. The last one of a body is copied: its stream's task ends with it, while h2 may
    /// wait for a window still, and a view would keep the whole alive.
    fn next_kept(&mut self) -> Option<Bytes> {
        if self.kept.is_empty() {
            return None;
        }
        let piece = self.kept.split_to(self.kept.len().min(STREAM_PIECE_BYTES));
        self.record.finished.body_bytes += piece.len() as u64;
        if !self.is_end_stream() {
            return Some(piece);
        }
        let copy = Bytes::copy_from_slice(&piece);
        Some(match &self.record.conversation.in_flight {
            Some(in_flight) => in_flight.hold_whole(copy),
            None => copy,
        })
    }

    /// What of a frame goes to the connection now: of a long one that a stream gets, the first piece.
    fn first_of(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        if self.record.stream.is_none() || bytes <= STREAM_PIECE_BYTES {
            self.record.finished.body_bytes += bytes as u64;
            return frame;
        }
        self.kept = frame.into_data().unwrap_or_default();
        Frame::data(self.next_kept().unwrap_or_default())
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(piece) = self.next_kept() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if let Some(error) = self.held.take() {
            self.end(if is_cut_off(&error) { Ending::CutOff } else { Ending::Truncated });
            self.record.finished.cause = Some(causes(error.as_ref()).into());
            if self.length == Length::UntilClose {
                self.record.conversation.reset_on_close();
            }
            return Poll::Ready(Some(Err(error)));
        }
        match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            Some(Ok(frame)) => {
                let frame = self.first_of(frame);
                Poll::Ready(Some(Ok(frame)))
            }
            // At an error h2 drops what it has not written yet. Held back for one turn, the error lets the client
            // have all that came before it.
            Some(Err(error)) => {
                self.held = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                let whole = !matches!(self.length, Length::Known(bytes) if self.record.finished.body_bytes < bytes);
                self.end(if whole { Ending::Complete } else { Ending::Truncated });
                Poll::Ready(None)
            }
        }
    }
}

impl Length {
    fn of(response: &Response<Body>, record: &Record) -> Self {
        let status = response.status();
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS) {
            return Self::NoBody(None);
        }
        let declared = response.headers().get(http::header::CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse().ok());
        let declared = declared.or_else(|| record.of_lines(|lines| lines.length).flatten());
        let exact = response.body().size_hint().exact();
        if record.finished.method == Method::HEAD {
            return Self::NoBody(declared.or(exact.filter(|bytes| *bytes > 0)));
        }
        match exact.or(declared) {
            Some(bytes) => Self::Known(bytes),
            None if record.finished.version == Version::HTTP_10 => Self::UntilClose,
            None => Self::Framed,
        }
    }
}

impl Length {
    /// What Content-Length says.
    pub(super) const fn known(self) -> Option<u64> {
        match self {
            Self::NoBody(length) => length,
            Self::Known(bytes) => Some(bytes),
            Self::Framed | Self::UntilClose => None,
        }
    }

    /// Whether there is a body to send.
    pub(super) const fn is_body(self) -> bool {
        !matches!(self, Self::NoBody(_))
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.get_mut().recorded.as_mut().map_or(Poll::Ready(None), |body| body.poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.recorded.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let Some(body) = &self.recorded else { return SizeHint::with_exact(0) };
        let (inner, kept) = (body.inner.size_hint(), body.kept.len() as u64);
        if let Some(exact) = inner.exact() {
            return SizeHint::with_exact(exact + kept);
        }
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + kept);
        hint
    }
}

impl Drop for RecordedBody {
    fn drop(&mut self) {
        let is_handed_on = self.handed == Handed::On;
        if self.record.finished.ending == Ending::ClientGone && is_handed_on && self.is_complete() {
            self.end(Ending::Complete);
        }
        let let_go = self.record.stream.as_ref().is_some_and(|progress| progress.was_let_go());
        if self.record.finished.ending == Ending::ClientGone && (let_go || self.record.conversation.was_let_go()) {
            self.end(Ending::CutOff);
        }
    }
}

/// Whether a body ended early because there was no room for what its reader had yet to take.
fn is_cut_off(error: &BodyError) -> bool {
    let truncated = error.downcast_ref::<Truncated>();
    truncated.and_then(|truncated| truncated.cause.as_ref()).is_some_and(|cause| cause.is::<CutOff>())
}
