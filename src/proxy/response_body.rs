//! The body of a response on its way to the client: counted, and known to be complete, given up or truncated.

use super::observer::{Ending, Record};
use crate::engine::origin::{Body, BodyError};
use bytes::Bytes;
use http::{Method, Response, StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A response's body as hyper gets it.
///
/// hyper stops asking once it has written what Content-Length says, and never asks where there is to be no body, so
/// the record is told on drop what it came to.
#[derive(Debug)]
pub(super) struct ResponseBody {
    /// None: there is no body, and nothing to tell.
    told: Option<ToldBody>,
}

/// A body whose end is told of.
#[derive(Debug)]
struct ToldBody {
    inner: Body,
    held: Option<BodyError>,
    record: Record,
    length: Length,
}

/// How the client knows where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    /// There is none to send: RFC 9110 section 6.4.1.
    NoBody,
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
        response.map(|inner| Self { told: Some(ToldBody { inner, held: None, record, length }) })
    }

    /// No body, and nothing to tell.
    pub(super) const fn none() -> Self {
        Self { told: None }
    }
}

impl ToldBody {
    fn end(&mut self, ending: Ending) {
        self.record.finished.ending = ending;
    }

    fn is_complete(&self) -> bool {
        match self.length {
            Length::NoBody => true,
            Length::Known(bytes) => self.record.finished.body_bytes >= bytes,
            Length::Framed | Length::UntilClose => self.inner.is_end_stream(),
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(error) = self.held.take() {
            self.end(Ending::Truncated);
            if self.length == Length::UntilClose {
                self.record.conversation.reset_on_close();
            }
            return Poll::Ready(Some(Err(error)));
        }
        match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.record.finished.body_bytes += bytes as u64;
                Poll::Ready(Some(Ok(frame)))
            }
            // At an error hyper drops what it has not written yet. Held back for one turn, the error lets the client
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
        let bodiless = matches!(
            response.status(),
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS
        );
        if bodiless || record.finished.method == Method::HEAD {
            return Self::NoBody;
        }
        let declared = response.headers().get(http::header::CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse().ok());
        match response.body().size_hint().exact().or(declared) {
            Some(bytes) => Self::Known(bytes),
            None if record.finished.version == Version::HTTP_10 => Self::UntilClose,
            None => Self::Framed,
        }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.get_mut().told.as_mut().map_or(Poll::Ready(None), |body| body.poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.told.as_ref().is_none_or(|body| body.held.is_none() && body.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.told.as_ref().map_or(SizeHint::with_exact(0), |body| body.inner.size_hint())
    }
}

impl Drop for ToldBody {
    fn drop(&mut self) {
        if self.record.finished.ending == Ending::ClientGone && self.is_complete() {
            self.end(Ending::Complete);
        }
    }
}
