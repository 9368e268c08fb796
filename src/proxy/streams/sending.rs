//! A response on its way to the client, as fast as the client takes it: the library is given no more than there is a window
//! for, so that a client that takes nothing holds nothing there.

use super::answering::{Answering, Gone, Sink, Then, Whole};
use crate::proxy::response_body::ResponseBody;
use crate::proxy::stream_progress::Progress;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};
use http_body::{Body, Frame};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Sends a response to its end. Dropped before, it resets the stream.
pub(super) async fn send<A: Answering>(response: Response<ResponseBody>, answering: &A, progress: Arc<Progress>) {
    let (head, body) = response.into_parts();
    let length = body.length();
    let whole = if !length.is_body() || body.is_end_stream() { Whole::Head } else { Whole::WithBody };
    let mut head = Response::from_parts(head, ());
    if let Some(length) = length.known().filter(|bytes| *bytes > 0) {
        head.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    let Some(sink) = answering.begin(head, whole) else { return };
    send_body(body, whole, sink, progress).await;
}

/// Sends the body of a response whose head is sent, `whole` or not.
pub(super) async fn send_body<S: Sink>(body: ResponseBody, whole: Whole, sink: S, progress: Arc<Progress>) {
    let mut sending = Sending { body, sink, progress };
    let sent = if whole == Whole::Head { Ok(()) } else { sending.send().await };
    match sent {
        Ok(()) => sending.flush().await,
        Err(Stopped::Gone) => sending.body.cut_off(),
        Err(Stopped::Broken) => sending.sink.reset(),
    }
}

/// Why a body was not sent to its end.
enum Stopped {
    /// It failed.
    Broken,
    /// Its client takes no more.
    Gone,
}

impl From<Gone> for Stopped {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

struct Sending<S> {
    body: ResponseBody,
    sink: S,
    progress: Arc<Progress>,
}

impl<S: Sink> Sending<S> {
    /// Sends all of the body.
    async fn send(&mut self) -> Result<(), Stopped> {
        loop {
            let Some(frame) = poll_fn(|cx| self.poll_frame(cx)).await? else {
                return Ok(self.sink.send_data(Bytes::new(), Then::End)?);
            };
            match frame.into_data() {
                Ok(data) => {
                    if self.send_data(data).await? == Then::End {
                        return Ok(());
                    }
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        self.sink.send_trailers(trailers);
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The next frame of the body.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Stopped>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(frame.transpose().map_err(|_| Stopped::Broken)),
            Poll::Pending => self.sink.poll_taken_back(cx).map(|()| Err(Stopped::Gone)),
        }
    }

    /// Sends a piece, and says what follows it. The connection's window is asked for only once there is something to send.
    async fn send_data(&mut self, mut data: Bytes) -> Result<Then, Gone> {
        while !data.is_empty() {
            let room = poll_fn(|cx| self.progress.while_taking(self.sink.poll_room(data.len(), cx))).await?;
            let piece = data.split_to(room.min(data.len()));
            let then = if data.is_empty() && self.body.is_end_stream() { Then::End } else { Then::More };
            self.sink.send_data(piece, then)?;
            if then == Then::End {
                return Ok(then);
            }
        }
        Ok(Then::More)
    }

    /// Waits until the client's windows have taken all of it.
    async fn flush(&mut self) {
        if let Err(Gone) = poll_fn(|cx| self.progress.while_taking(self.sink.poll_flush(cx))).await {
            self.body.cut_off();
        }
    }
}
