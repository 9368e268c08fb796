//! A request's body that can be sent once more, as long as little of it has been sent.

use crate::engine::origin::{Body, BodyError};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

/// How much of a body is kept to be sent again.
pub(super) const KEPT_BYTES_MAX: usize = 64 * 1024;
/// How many pieces of it. What little pieces share with others counts for more than their bytes.
const KEPT_PIECES_MAX: usize = 64;

/// The body goes on in a later try.
#[derive(Debug, thiserror::Error)]
#[error("the request is tried again")]
struct Superseded;

/// One sending of a body.
pub(super) struct Replay {
    source: Arc<Mutex<Replayed>>,
    /// Which sending this is.
    round: u32,
    /// How many of the kept pieces it has sent.
    sent: usize,
}

/// What all sendings of a body share. The mutex is held while the body is polled, by the one sending that may.
struct Replayed {
    body: Body,
    round: u32,
    kept: Kept,
    end: End,
}

/// Whether the body has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Ahead,
    Reached,
}

enum Kept {
    /// Everything that has been read so far.
    All { pieces: Vec<Piece>, bytes: usize },
    /// Not everything: it can't be sent again.
    NotAll,
}

enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl Piece {
    fn frame(&self) -> Frame<Bytes> {
        match self {
            Self::Data(data) => Frame::data(data.clone()),
            Self::Trailers(trailers) => Frame::trailers(trailers.clone()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            Self::Trailers(_) => 0,
        }
    }
}

impl Kept {
    fn keep(&mut self, frame: &Frame<Bytes>) {
        let data = frame.data_ref().cloned().map(Piece::Data);
        let piece = data.or_else(|| frame.trailers_ref().cloned().map(Piece::Trailers));
        match (self, piece) {
            (Self::All { pieces, bytes }, Some(piece))
                if *bytes + piece.len() <= KEPT_BYTES_MAX && pieces.len() < KEPT_PIECES_MAX =>
            {
                *bytes += piece.len();
                pieces.push(piece);
            }
            (kept, _) => *kept = Self::NotAll,
        }
    }

    /// What is kept past the first `sent` pieces.
    fn unsent(&self, sent: usize) -> &[Piece] {
        match self {
            Self::All { pieces, .. } => pieces.get(sent..).unwrap_or_default(),
            Self::NotAll => &[],
        }
    }
}

impl Replay {
    pub(super) fn new(body: Body) -> Self {
        let kept = Kept::All { pieces: Vec::new(), bytes: 0 };
        Self { source: Arc::new(Mutex::new(Replayed { body, round: 0, kept, end: End::Ahead })), round: 0, sent: 0 }
    }

    fn source(&self) -> MutexGuard<'_, Replayed> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same body from its beginning; the sending before it sends nothing more. `None` if that is not kept.
    pub(super) fn again(&self) -> Option<Self> {
        let mut source = self.source();
        if matches!(source.kept, Kept::NotAll) {
            return None;
        }
        source.round += 1;
        Some(Self { source: Arc::clone(&self.source), round: source.round, sent: 0 })
    }

    /// A handle on the same body, for [`Self::again`] only.
    pub(super) fn handle(&self) -> Self {
        Self { source: Arc::clone(&self.source), round: self.round, sent: self.sent }
    }

    pub(super) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let shared = Arc::clone(&self.source);
        let mut source = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let source = &mut *source;
        if source.round != self.round {
            return Poll::Ready(Some(Err(Box::new(Superseded))));
        }
        if let Some(piece) = source.kept.unsent(self.sent).first() {
            self.sent += 1;
            return Poll::Ready(Some(Ok(piece.frame())));
        }
        if source.end == End::Reached {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut source.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                source.kept.keep(frame);
                self.sent += 1;
            }
            Some(Err(_)) => source.kept = Kept::NotAll,
            None => source.end = End::Reached,
        }
        Poll::Ready(frame)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let source = self.source();
        source.kept.unsent(self.sent).is_empty() && (source.end == End::Reached || source.body.is_end_stream())
    }

    /// What is still to come.
    pub(super) fn size_hint(&self) -> SizeHint {
        let source = self.source();
        let unsent: u64 = source.kept.unsent(self.sent).iter().map(|piece| piece.len() as u64).sum();
        let rest = source.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(unsent));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(unsent));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, StreamBody};
    use std::task::Waker;

    fn of(frames: Vec<Frame<Bytes>>) -> Replay {
        Replay::new(StreamBody::new(futures_util::stream::iter(frames.into_iter().map(Ok))).boxed_unsync())
    }

    fn next(replay: &mut Replay) -> Option<Frame<Bytes>> {
        match replay.poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(frame) => frame.transpose().unwrap(),
            Poll::Pending => panic!("these frames are all there"),
        }
    }

    fn rest(replay: &mut Replay) -> (Vec<u8>, Option<HeaderMap>) {
        let (mut data, mut trailers) = (Vec::new(), None);
        while let Some(frame) = next(replay) {
            match frame.into_data() {
                Ok(piece) => data.extend_from_slice(&piece),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        assert!(replay.is_end_stream());
        (data, trailers)
    }

    #[test]
    fn a_small_body_is_sent_again_whole_wherever_the_sending_before_stopped() {
        let trailers = HeaderMap::from_iter([(http::header::ETAG, "\"t\"".parse().unwrap())]);
        for stop in 0..5 {
            let frames = ["one", "two", "three"].map(|text| Frame::data(Bytes::from(text)));
            let mut first = of(frames.into_iter().chain([Frame::trailers(trailers.clone())]).collect());
            for _ in 0..stop {
                next(&mut first);
            }
            let mut second = first.handle().again().unwrap();
            assert!(!second.is_end_stream());
            assert_eq!(rest(&mut second), (b"onetwothree".to_vec(), Some(trailers.clone())), "after {stop}");
            let superseded = first.poll_frame(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(superseded, Poll::Ready(Some(Err(_)))), "only one sending may go on");
        }
    }

    #[test]
    fn a_body_of_which_too_much_was_sent_is_not_sent_again_but_ends_as_it_would() {
        let piece = Bytes::from(vec![b'x'; KEPT_BYTES_MAX]);
        let mut first = of(vec![Frame::data(piece.clone()), Frame::data(piece)]);
        next(&mut first);
        assert!(first.handle().again().is_some(), "so much is kept");
        let mut second = first.again().unwrap();
        next(&mut second);
        next(&mut second);
        assert!(second.again().is_none());
        assert_eq!(rest(&mut second), (Vec::new(), None));
        let mut tiny = of((0..=KEPT_PIECES_MAX).map(|_| Frame::data(Bytes::from("x"))).collect());
        assert_eq!(rest(&mut tiny).0.len(), KEPT_PIECES_MAX + 1);
        assert!(tiny.again().is_none(), "many pieces are too much, too");
    }

    #[test]
    fn what_is_still_to_come_is_told_exactly() {
        let body = http_body_util::Full::from("hello").map_err(|never| match never {}).boxed_unsync();
        let mut first = Replay::new(body);
        assert_eq!(first.size_hint().exact(), Some(5));
        next(&mut first);
        assert_eq!((first.size_hint().exact(), first.again().unwrap().size_hint().exact()), (Some(0), Some(5)));
    }
}
