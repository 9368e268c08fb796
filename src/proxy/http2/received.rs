//! The body of a request. What nobody takes is not sent: the client may be a window ahead.

use bytes::Bytes;
use h2::RecvStream;
use http::Request;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The frames of one request's body. One that its client cuts short ends with an error, whatever code the client gives.
pub(super) struct Received {
    stream: RecvStream,
    /// What Content-Length leaves to come, which the library holds the client to; `None` if nothing was said.
    left: Option<u64>,
    progress: Taken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Data,
    Trailers,
    Over,
}

impl Received {
    /// The body of this request.
    pub(super) fn of(request: Request<RecvStream>) -> Request<Self> {
        let headers = request.headers();
        let left = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        request.map(|stream| Self { stream, left, progress: Taken::Data })
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if self.progress == Taken::Data {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Fails only where the stream is over, which the next frame says.
                    let _ = self.stream.flow_control().release_capacity(data.len());
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => {
                    self.progress = Taken::Over;
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.progress = Taken::Trailers,
            }
        }
        if self.progress == Taken::Trailers {
            let trailers = ready!(self.stream.poll_trailers(cx));
            self.progress = Taken::Over;
            return Poll::Ready(trailers.transpose().map(|trailers| trailers.map(Frame::trailers)));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.progress == Taken::Over || self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.is_end_stream() => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}
