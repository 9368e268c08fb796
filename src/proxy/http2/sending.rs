//! A response on its way to the client, as fast as the client takes it: the library is given no more than there is a window
//! for, so that a client that takes nothing holds nothing there.

use super::progress::Progress;
use super::replying::Replying;
use crate::proxy::response_body::ResponseBody;
use bytes::Bytes;
use h2::{Reason, SendStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};
use http_body::{Body, Frame};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Sends a response to its end. Dropped before, it resets the stream.
pub(super) async fn send(response: Response<ResponseBody>, replying: &Replying, progress: Arc<Progress>) {
    let (head, body) = response.into_parts();
    let length = body.length();
    let is_whole = !length.is_body() || body.is_end_stream();
    let mut head = Response::from_parts(head, ());
    if let Some(length) = length.told().filter(|bytes| *bytes > 0) {
        head.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    let Some(stream) = replying.begin(head, is_whole) else { return };
    if !is_whole {
        let mut sending = Sending { body, stream, progress };
        if let Err(Broken) = sending.send().await {
            sending.stream.send_reset(Reason::INTERNAL_ERROR);
        }
    }
}

/// The body failed before its end.
struct Broken;

/// What was sent.
enum Sent {
    /// A piece, behind which more or the end is to come.
    More,
    /// The last piece, and the end with it.
    Last,
}

struct Sending {
    body: ResponseBody,
    stream: SendStream<Bytes>,
    progress: Arc<Progress>,
}

impl Sending {
    /// Sends all of the body, or as much as the client takes.
    async fn send(&mut self) -> Result<(), Broken> {
        loop {
            let Some(frame) = poll_fn(|cx| self.poll_frame(cx)).await else { return Ok(()) };
            let Some(frame) = frame? else {
                // The client may have taken the stream back meanwhile.
                let _ = self.stream.send_data(Bytes::new(), true);
                return Ok(());
            };
            match frame.into_data() {
                Ok(data) => match self.send_data(data).await {
                    Some(Sent::More) => {}
                    Some(Sent::Last) | None => return Ok(()),
                },
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        let _ = self.stream.send_trailers(trailers);
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The next frame of the body; `None` if the client has taken the stream back.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Option<Frame<Bytes>>, Broken>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Some(frame.transpose().map_err(|_| Broken))),
            Poll::Pending => self.stream.poll_reset(cx).map(|_| None),
        }
    }

    /// Sends a piece; `None` if the client has taken the stream back. The connection's window is asked for only once
    /// there is something to send.
    async fn send_data(&mut self, mut data: Bytes) -> Option<Sent> {
        while !data.is_empty() {
            self.stream.reserve_capacity(data.len());
            let room = poll_fn(|cx| self.poll_room(cx)).await?;
            let piece = data.split_to(room.min(data.len()));
            let is_last = data.is_empty() && self.body.is_end_stream();
            self.stream.send_data(piece, is_last).ok()?;
            if is_last {
                return Some(Sent::Last);
            }
        }
        Some(Sent::More)
    }

    /// How much the client takes now, more than nothing; `None` if it has taken the stream back.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        let room = poll_room(&mut self.stream, cx);
        if room.is_pending() {
            self.progress.awaits_taking();
        } else {
            self.progress.taken();
        }
        room
    }
}

/// How much the client takes now of what capacity was reserved for, more than nothing; `None` if it has taken the
/// stream back.
pub(super) fn poll_room(stream: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
    while stream.capacity() == 0 {
        match stream.poll_capacity(cx) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(_) => return Poll::Ready(None),
            Poll::Pending => return stream.poll_reset(cx).map(|_| None),
        }
    }
    Poll::Ready(Some(stream.capacity()))
}
