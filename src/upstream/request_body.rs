//! A request's body on its way to the origin.

use super::replay::Replay;
use super::upload::{Gate, Upload};
use crate::engine::origin::{Body, BodyError, empty_body};
use bytes::Bytes;
use http_body::{Body as _, Frame};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// How long the origin may take to say 100 before the body is sent all the same: it may not know the expectation.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// The response came and went without the origin asking for the body.
#[derive(Debug, thiserror::Error)]
#[error("the origin answered without asking for the body")]
struct NotWanted;

/// The client's body, held back until the origin wants it, and watched.
pub(super) struct RequestBody {
    /// A piece that was taken and not sent.
    ahead: Option<Bytes>,
    content: Content,
    upload: Option<Arc<Upload>>,
    patience: Option<Pin<Box<Sleep>>>,
}

/// What is sent.
pub(super) enum Content {
    /// Once at most.
    Once(Body),
    /// And again, as long as it is kept.
    Again(Replay),
}

impl Content {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Once(body) => Pin::new(body).poll_frame(context),
            Self::Again(replay) => replay.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Once(body) => body.is_end_stream(),
            Self::Again(replay) => replay.is_end_stream(),
        }
    }
}

impl RequestBody {
    pub(super) fn new(content: Content, upload: Option<Arc<Upload>>) -> Self {
        Self { ahead: None, content, upload, patience: None }
    }

    pub(super) fn empty() -> Self {
        Self::new(Content::Once(empty_body()), None)
    }

    /// Puts back what was taken of it first.
    pub(super) fn put_back(&mut self, first: Bytes) {
        self.ahead = Some(first);
    }

    /// Whether the origin has yet to ask for it.
    pub(super) fn is_held(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.gate() == Gate::Held)
    }

    fn poll_gate(&mut self, context: &mut Context<'_>) -> Poll<Result<(), NotWanted>> {
        let Some(upload) = &self.upload else { return Poll::Ready(Ok(())) };
        if upload.gate() == Gate::Open {
            return Poll::Ready(Ok(()));
        }
        upload.wait_at_gate(context.waker());
        match upload.gate() {
            Gate::Open => Poll::Ready(Ok(())),
            Gate::Over => Poll::Ready(Err(NotWanted)),
            Gate::Answered => Poll::Pending,
            Gate::Held => {
                let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(CONTINUE_WAIT)));
                ready!(patience.as_mut().poll(context));
                upload.open();
                // It was answered at this very moment: then that stands, and the end of the response will wake.
                if upload.gate() == Gate::Open { Poll::Ready(Ok(())) } else { Poll::Pending }
            }
        }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(Ok(Frame::data(ahead))));
        }
        if let Err(not_wanted) = ready!(self.poll_gate(context)) {
            return Poll::Ready(Some(Err(Box::new(not_wanted))));
        }
        let frame = self.content.poll_frame(context);
        if let Some(upload) = &self.upload {
            match frame {
                Poll::Ready(_) => upload.progressed(),
                Poll::Pending => upload.wait_for_client(),
            }
            // Nobody asks again where nothing more will come.
            if matches!(frame, Poll::Ready(None)) || self.content.is_end_stream() {
                upload.ended();
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.content.is_end_stream()
    }
}
