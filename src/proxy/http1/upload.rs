//! The two ends of a request's body: the session gives, a piece at a time, whoever reads it takes, in whatever task.

use super::body_reader::Piece;
use super::head::Expects;
use crate::engine::origin::BodyError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What both ends know.
#[derive(Debug)]
struct Slot {
    /// Given and not taken yet.
    given: Option<Frame<Bytes>>,
    /// Why nothing more is given, after that.
    failure: Option<BodyError>,
    /// Nothing more is given.
    is_over: bool,
    /// Nothing more is taken.
    is_given_up: bool,
    /// Whether the client waits until the body is wanted.
    expects: Expects,
    session: Option<Waker>,
    reader: Option<Waker>,
}

/// The session's end.
#[derive(Debug)]
pub(super) struct Upload(Arc<Mutex<Slot>>);

/// The reader's end.
#[derive(Debug)]
pub(super) struct UploadBody {
    slot: Arc<Mutex<Slot>>,
    /// How many bytes are still to be taken, where that is known.
    left: Option<u64>,
}

/// What the reader asks of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing for now.
    Nothing,
    /// The next piece.
    Piece,
    /// The first piece, for which the client waits to be asked.
    FirstPiece,
    /// Nothing ever again.
    GivenUp,
}

/// Why a body ends early.
#[derive(Debug, thiserror::Error)]
#[error("the client's connection ended within the body")]
struct ConnectionOver;

/// A body of this length, if it is known, that has not begun.
pub(super) fn upload(length: Option<u64>, expects: Expects) -> (Upload, UploadBody) {
    let slot =
        Slot { given: None, failure: None, is_over: false, is_given_up: false, expects, session: None, reader: None };
    let slot = Arc::new(Mutex::new(slot));
    (Upload(slot.clone()), UploadBody { slot, left: length })
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upload {
    /// What the reader asks for. Where that is nothing, the task is woken once it is something.
    pub(super) fn wish(&self, cx: &Context<'_>) -> Wish {
        let mut slot = lock(&self.0);
        if slot.is_given_up {
            return Wish::GivenUp;
        }
        match (&slot.given, slot.expects, &slot.reader) {
            (None, Expects::Nothing, _) => Wish::Piece,
            (None, Expects::Continue, Some(_)) => Wish::FirstPiece,
            _ => {
                slot.session = Some(cx.waker().clone());
                Wish::Nothing
            }
        }
    }

    /// Whether nothing more is taken.
    pub(super) fn is_given_up(&self) -> bool {
        lock(&self.0).is_given_up
    }

    /// The client waits no longer: it was asked, or sends the body unasked.
    pub(super) fn expects_nothing(&self) {
        lock(&self.0).expects = Expects::Nothing;
    }

    /// Gives a piece that was wished for.
    pub(super) fn give(&self, piece: Piece) {
        let frame = match piece {
            Piece::Data(data) => Frame::data(data),
            Piece::Trailers(trailers) => Frame::trailers(trailers),
        };
        self.tell(|slot| slot.given = Some(frame));
    }

    /// All was given.
    pub(super) fn end(&self) {
        self.tell(|slot| slot.is_over = true);
    }

    /// The body breaks off.
    pub(super) fn fail(&self, error: BodyError) {
        self.tell(|slot| {
            slot.failure = Some(error);
            slot.is_over = true;
        });
    }

    fn tell(&self, change: impl FnOnce(&mut Slot)) {
        let mut slot = lock(&self.0);
        change(&mut slot);
        let reader = slot.reader.take();
        drop(slot);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !lock(&self.0).is_over {
            self.fail(Box::new(ConnectionOver));
        }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut slot = lock(&self.slot);
        let polled = match slot.given.take() {
            None if slot.is_over => return Poll::Ready(slot.failure.take().map(Err)),
            None => {
                slot.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(given) => Poll::Ready(Some(Ok(given))),
        };
        let session = slot.session.take();
        drop(slot);
        if let Some(session) = session {
            session.wake();
        }
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let (Some(left), Some(data)) = (&mut self.left, frame.data_ref())
        {
            *left = left.saturating_sub(data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let slot = lock(&self.slot);
        slot.is_over && slot.given.is_none() && slot.failure.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for UploadBody {
    fn drop(&mut self) {
        let mut slot = lock(&self.slot);
        slot.is_given_up = true;
        slot.given = None;
        let session = slot.session.take();
        drop(slot);
        if let Some(session) = session {
            session.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// What the reader's end has now: `-` where it has to wait.
    fn taken(body: &mut UploadBody) -> String {
        match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => "-".to_owned(),
            Poll::Ready(None) => "end".to_owned(),
            Poll::Ready(Some(Ok(frame))) => String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap(),
            Poll::Ready(Some(Err(error))) => error.to_string(),
        }
    }

    #[test]
    fn a_piece_is_given_once_the_one_before_is_taken_and_what_was_given_is_taken_before_the_end() {
        let cx = Context::from_waker(Waker::noop());
        let (upload, mut body) = upload(Some(3), Expects::Continue);
        assert_eq!((upload.wish(&cx), body.size_hint().exact()), (Wish::Nothing, Some(3)));
        assert_eq!((taken(&mut body).as_str(), upload.wish(&cx)), ("-", Wish::FirstPiece));
        upload.expects_nothing();
        assert_eq!(upload.wish(&cx), Wish::Piece);
        upload.give(Piece::Data(Bytes::from_static(b"ab")));
        assert_eq!((upload.wish(&cx), taken(&mut body).as_str()), (Wish::Nothing, "ab"));
        assert_eq!((upload.wish(&cx), body.size_hint().exact()), (Wish::Piece, Some(1)));
        upload.give(Piece::Data(Bytes::from_static(b"c")));
        drop(upload);
        assert!(!body.is_end_stream());
        assert_eq!(taken(&mut body), "c");
        assert_eq!(taken(&mut body), ConnectionOver.to_string());
        assert_eq!((taken(&mut body).as_str(), body.is_end_stream()), ("end", true));
    }

    #[test]
    fn a_body_that_is_given_up_is_wished_for_no_more() {
        let (upload, body) = upload(None, Expects::Nothing);
        drop(body);
        assert!(upload.is_given_up());
        assert_eq!(upload.wish(&Context::from_waker(Waker::noop())), Wish::GivenUp);
    }
}
