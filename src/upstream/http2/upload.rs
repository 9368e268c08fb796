//! A request's body on its way to the server, as fast as the server takes it.

use super::super::request_body::RequestBody;
use crate::engine::origin::BodyError;
use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;
use http_body::Frame;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// How much of a body is taken that the server wants no more of.
const TAKEN_BYTES_MAX: usize = 64 * 1024;

/// Takes a body back that is still being sent, once dropped.
#[derive(Debug, Default)]
pub(super) struct Cancel(Option<AbortHandle>);

impl Cancel {
    /// The answer is complete: what is left of the body may go on.
    pub(super) fn leave(&mut self) {
        self.0 = None;
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// Begins to send a body; what is there goes out at once. If its source fails, `broken` gets the cause.
pub(super) async fn begin(body: RequestBody, stream: SendStream<Bytes>, broken: oneshot::Sender<BodyError>) -> Cancel {
    let mut sending = Box::pin(async move {
        let mut upload = Upload { body, stream };
        match upload.send().await {
            Ok(()) | Err(Stopped::Server) => {}
            Err(Stopped::Enough) => upload.leave_nothing().await,
            Err(Stopped::Source(cause)) => {
                upload.stream.send_reset(Reason::CANCEL);
                // Nobody listens once the answer has come.
                let _ = broken.send(cause);
            }
        }
    });
    let is_over = poll_fn(|context| Poll::Ready(sending.as_mut().poll(context).is_ready())).await;
    Cancel((!is_over).then(|| tokio::spawn(sending).abort_handle()))
}

struct Upload {
    body: RequestBody,
    stream: SendStream<Bytes>,
}

/// Why a body is not sent to its end.
enum Stopped {
    /// Its source failed.
    Source(BodyError),
    /// The server takes no more of it; the answer says why, if anything does.
    Server,
    /// The server has answered without it: RFC 9113 section 8.1.
    Enough,
}

impl Upload {
    async fn send(&mut self) -> Result<(), Stopped> {
        loop {
            // Nothing is taken of the source before the server takes anything.
            self.stream.reserve_capacity(1);
            poll_fn(|context| self.poll_room(context)).await?;
            let Some(frame) = poll_fn(|context| self.poll_source(context)).await? else {
                return self.end().await;
            };
            match frame.into_data() {
                Ok(data) => self.send_data(data).await?,
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        return self.stream.send_trailers(trailers).map_err(|_| Stopped::Server);
                    }
                }
            }
            if self.body.is_end_stream() {
                return self.end().await;
            }
        }
    }

    async fn send_data(&mut self, mut data: Bytes) -> Result<(), Stopped> {
        while !data.is_empty() {
            self.stream.reserve_capacity(data.len());
            let room = poll_fn(|context| self.poll_room(context)).await?;
            let piece = data.split_to(room.min(data.len()));
            if self.stream.send_data(piece, false).is_err() {
                return Err(poll_fn(|context| Poll::Ready(self.stopped(context))).await);
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Stopped> {
        match self.stream.send_data(Bytes::new(), true) {
            Ok(()) => Ok(()),
            Err(_) => Err(poll_fn(|context| Poll::Ready(self.stopped(context))).await),
        }
    }

    /// Takes what is left of a short body, so that the connection that it comes by can be used again.
    async fn leave_nothing(&mut self) {
        let mut taken = 0;
        while taken <= TAKEN_BYTES_MAX
            && let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await
        {
            taken += frame.data_ref().map_or(0, Bytes::len);
        }
    }

    /// How much the server takes now: more than nothing.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, Stopped>> {
        if self.stream.capacity() > 0 {
            return Poll::Ready(Ok(self.stream.capacity()));
        }
        loop {
            return match self.stream.poll_capacity(context) {
                Poll::Ready(Some(Ok(0))) => continue,
                Poll::Ready(Some(Ok(room))) => Poll::Ready(Ok(room)),
                Poll::Ready(_) => Poll::Ready(Err(self.stopped(context))),
                Poll::Pending => self.poll_reset(context),
            };
        }
    }

    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Stopped>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(frame)) => Poll::Ready(frame.map(Some).map_err(Stopped::Source)),
            Poll::Ready(None) => Poll::Ready(Ok(None)),
            Poll::Pending => self.poll_reset(context),
        }
    }

    /// Why nothing more can be sent.
    fn stopped(&mut self, context: &mut Context<'_>) -> Stopped {
        match self.poll_reset::<()>(context) {
            Poll::Ready(Err(stopped)) => stopped,
            Poll::Ready(Ok(())) | Poll::Pending => Stopped::Server,
        }
    }

    /// Ready where the server wants no more.
    fn poll_reset<T>(&mut self, context: &mut Context<'_>) -> Poll<Result<T, Stopped>> {
        self.stream.poll_reset(context).map(|reason| match reason {
            Ok(Reason::NO_ERROR) => Err(Stopped::Enough),
            _ => Err(Stopped::Server),
        })
    }
}
