//! A response's body. What is not taken is not sent: the server may be a window ahead.

use super::upload::Cancel;
use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::task::{Context, Poll, ready};

/// The frames of one response.
pub(in crate::upstream) struct Http2Body {
    stream: RecvStream,
    /// The request's own body, which is taken back where this one is not read to its end.
    upload: Cancel,
    /// What Content-Length leaves to come; `None` if nothing was said.
    left: Option<u64>,
    progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Data,
    Trailers,
    Over,
}

impl Http2Body {
    pub(super) fn new(stream: RecvStream, upload: Cancel) -> Self {
        let mut body = Self { stream, upload, left: None, progress: Progress::Data };
        if body.stream.is_end_stream() {
            body.finish();
        }
        body
    }

    /// What Content-Length says.
    pub(in crate::upstream) fn of_length(self, length: Option<u64>) -> Self {
        Self { left: length, ..self }
    }

    fn finish(&mut self) {
        self.progress = Progress::Over;
        self.upload.leave();
    }

    pub(in crate::upstream) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if self.progress == Progress::Data {
            match ready!(self.stream.poll_data(context)) {
                Some(Ok(data)) => {
                    // A piece that is handed on is accounted for by whoever holds it.
                    let _ = self.stream.flow_control().release_capacity(data.len());
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    if self.stream.is_end_stream() {
                        self.finish();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                // RFC 9113 section 8.1: it has sent all of the answer, and wants no more of the request.
                Some(Err(error)) if error.is_remote() && is_complete(&error, self.left) => self.finish(),
                Some(Err(error)) => {
                    self.progress = Progress::Over;
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.progress = Progress::Trailers,
            }
        }
        if self.progress == Progress::Trailers {
            let trailers: Option<HeaderMap> = match ready!(self.stream.poll_trailers(context)) {
                Ok(trailers) => trailers,
                Err(error) if error.is_remote() && is_complete(&error, self.left) => None,
                Err(error) => {
                    self.progress = Progress::Over;
                    return Poll::Ready(Some(Err(error)));
                }
            };
            self.finish();
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        Poll::Ready(None)
    }

    pub(in crate::upstream) fn is_end_stream(&self) -> bool {
        self.progress == Progress::Over || self.stream.is_end_stream()
    }

    pub(in crate::upstream) fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.is_end_stream() => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}

/// Whether a reset comes after a whole answer.
fn is_complete(error: &h2::Error, left: Option<u64>) -> bool {
    error.is_reset() && error.reason() == Some(Reason::NO_ERROR) && left.is_none_or(|left| left == 0)
}
