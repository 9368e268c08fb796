//! A body whose pieces are charged as they enter.

use super::InFlight;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Which way a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the origin: several may read it.
    Down,
    /// To the origin: where half the room is taken, the next piece is taken only once the last one is gone.
    Up,
}

/// A body that charges what it gives.
#[derive(Debug)]
pub(crate) struct Metered<B> {
    body: B,
    in_flight: Arc<InFlight>,
    direction: Direction,
    /// The last piece that went up.
    last: Option<Arc<gone::Mark>>,
}

impl<B> Metered<B> {
    /// Charges the pieces of `body` to `in_flight`.
    pub(crate) const fn new(body: B, in_flight: Arc<InFlight>, direction: Direction) -> Self {
        Self { body, in_flight, direction, last: None }
    }

    /// The body, of which nothing more is charged here.
    pub(crate) fn into_inner(self) -> B {
        self.body
    }

    /// Ready where the next piece may be taken.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(last) = &self.last else { return Poll::Ready(()) };
        if self.in_flight.is_crowded() {
            ready!(last.poll_gone(cx));
        }
        self.last = None;
        Poll::Ready(())
    }

    fn charged(&mut self, piece: Bytes) -> Bytes {
        let held = self.in_flight.hold(piece);
        if self.direction == Direction::Down || held.is_empty() {
            return held;
        }
        let (mark, marked) = gone::marked(held);
        self.last = Some(mark);
        marked
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Metered<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        ready!(self.poll_room(cx));
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(|piece| self.charged(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Pieces that report when they are dropped.
mod gone {
    use bytes::Bytes;
    use futures_util::task::AtomicWaker;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll};

    #[derive(Debug, Default)]
    pub(super) struct Mark {
        gone: AtomicBool,
        waker: AtomicWaker,
    }

    struct Marked {
        bytes: Bytes,
        mark: Arc<Mark>,
    }

    impl AsRef<[u8]> for Marked {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }

    impl Drop for Marked {
        fn drop(&mut self) {
            self.mark.gone.store(true, Ordering::Release);
            self.mark.waker.wake();
        }
    }

    /// The piece, and what reports when its last clone is dropped.
    pub(super) fn marked(bytes: Bytes) -> (Arc<Mark>, Bytes) {
        let mark = Arc::new(Mark::default());
        (Arc::clone(&mark), Bytes::from_owner(Marked { bytes, mark }))
    }

    impl Mark {
        pub(super) fn poll_gone(&self, cx: &Context<'_>) -> Poll<()> {
            self.waker.register(cx.waker());
            if self.gone.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        }
    }
}
