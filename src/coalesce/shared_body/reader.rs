//! Reads a shared body from its beginning, as a [`http_body::Body`].

use super::outcome::Truncated;
use super::shared_state::SharedState;
use super::state::{End, Next};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// One reader. Its pieces are the writer's own, shared; its error is a [`Truncated`].
pub(crate) struct SharedBodyReader {
    shared: Arc<SharedState>,
    /// Its number in the state.
    place: usize,
    over: bool,
}

impl SharedBodyReader {
    pub(super) fn new(shared: Arc<SharedState>, place: usize) -> Self {
        Self { shared, place, over: false }
    }
}

impl Body for SharedBodyReader {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let (next, writer) = self.shared.state().next(self.place, context.waker());
        writer.into_iter().for_each(Waker::wake);
        match next {
            Next::Later => Poll::Pending,
            Next::Data(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Next::End(end) => {
                self.over = true;
                match end {
                    End::Whole(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
                    End::Cut(Truncated { cause }) => Poll::Ready(Some(Err(Box::new(Truncated { cause })))),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.shared.state().progress(self.place).1
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.shared.state();
        let (offset, _) = state.progress(self.place);
        if let Some(length) = state.length() {
            return SizeHint::with_exact(length.saturating_sub(offset));
        }
        let mut hint = SizeHint::new();
        hint.set_lower(state.arrived_bytes().saturating_sub(offset));
        hint
    }
}

impl Drop for SharedBodyReader {
    fn drop(&mut self) {
        let writer = self.shared.state().leave(self.place);
        writer.into_iter().for_each(Waker::wake);
    }
}
