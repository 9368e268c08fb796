//! The answer to a successful write on its way to the client.
//!
//! The origin may go on changing things while it answers. So what a write has changed is invalidated when the head of
//! the answer is there and once more at the answer's end, whatever end that is. A client that leaves in between does not
//! end the exchange: the rest is read without it, for a while.

use super::Engine;
use super::origin::{Body, BodyError};
use super::unattended::Patience;
use crate::invalidation::PurgeOptions;
use crate::invalidation::purge::{Depth, Purge, PurgeSource};
use crate::scope::Scope;
use crate::stamp::Stamp;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long an answer is read without its client. An answer may be a stream that never ends.
const READ_ALONE_MAX: Duration = Duration::from_secs(30);

/// Where the log of purges holds what a write has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invalidated {
    /// Nowhere: nothing that it has changed may be stored.
    Nothing,
    /// Here.
    At(Stamp),
    /// Nowhere: the log could not take it, and only this instance knows of it.
    HereAlone,
}

/// Purges what a write has changed, or may have.
pub(super) async fn invalidate(engine: &Engine, scopes: Vec<Scope>, url: &str) -> Invalidated {
    if scopes.is_empty() {
        return Invalidated::Nothing;
    }
    let purge = Purge { scopes, depth: Depth::Hard, source: PurgeSource::UnsafeRequest };
    let purged = log_failure(engine.invalidation().purge(purge, PurgeOptions::default()).await, url);
    purged.map_or(Invalidated::HereAlone, |receipt| Invalidated::At(receipt.stamp))
}

pub(super) fn log_failure<T, E: std::fmt::Display>(purged: Result<T, E>, url: &str) -> Option<T> {
    purged
        .inspect_err(
            |error| tracing::warn!(url, %error, "an unsafe request's invalidation holds here alone until the log is back"),
        )
        .ok()
}

/// Invalidates once more what a write has changed.
#[derive(Clone)]
pub(super) struct Aftermath {
    /// The engine.
    pub(super) engine: Arc<Engine>,
    /// What the write has changed.
    pub(super) scopes: Vec<Scope>,
    /// Where it was sent, for the log.
    pub(super) url: Box<str>,
}

impl Aftermath {
    async fn invalidate(self) {
        invalidate(&self.engine, self.scopes, &self.url).await;
    }
}

type NextFrame = Option<Result<Frame<Bytes>, BodyError>>;

/// What is done with the rest of an answer whose client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientGone {
    /// It is read, for a while.
    Read,
    /// It is a stream of events, perhaps without an end: the exchange is ended, so that the origin notices.
    End,
}

/// Where the answer stands.
enum State {
    /// Under way.
    Streaming(Aftermath),
    /// It has ended with this, which the client gets once the invalidation is done.
    Ended(oneshot::Receiver<()>, NextFrame),
    /// The client has had all of it.
    Over,
}

/// The body of such an answer.
pub(super) struct WrittenBody {
    inner: Option<Body>,
    state: State,
    alone: ClientGone,
}

impl WrittenBody {
    /// The body of an answer whose head was there when `aftermath` was last invalidated.
    pub(super) fn watch(inner: Body, aftermath: Aftermath, alone: ClientGone) -> Body {
        if inner.is_end_stream() || aftermath.scopes.is_empty() {
            return inner;
        }
        Self { inner: Some(inner), state: State::Streaming(aftermath), alone }.boxed_unsync()
    }

    fn take_aftermath(&mut self) -> Option<Aftermath> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Streaming(aftermath) => Some(aftermath),
            state => {
                self.state = state;
                None
            }
        }
    }
}

impl http_body::Body for WrittenBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<NextFrame> {
        let this = self.get_mut();
        loop {
            match (&mut this.state, &mut this.inner) {
                (State::Streaming(_), Some(inner)) => {
                    let piece = ready!(Pin::new(&mut *inner).poll_frame(context));
                    if matches!(piece, Some(Ok(_))) && !inner.is_end_stream() {
                        return Poll::Ready(piece);
                    }
                    let Some(aftermath) = this.take_aftermath() else { return Poll::Ready(piece) };
                    let unattended = Arc::clone(aftermath.engine.unattended());
                    this.state = State::Ended(unattended.begin(|_| aftermath.invalidate()), piece);
                }
                (State::Ended(invalidated, piece), _) => {
                    // It ends without a word only with the runtime.
                    let _ = ready!(Pin::new(invalidated).poll(context));
                    let piece = piece.take();
                    this.state = State::Over;
                    return Poll::Ready(piece);
                }
                (State::Over | State::Streaming(_), _) => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.state, &self.inner) {
            (State::Streaming(_), Some(inner)) => inner.size_hint(),
            (State::Ended(_, Some(Ok(frame))), _) => {
                SizeHint::with_exact(frame.data_ref().map_or(0, |data| data.len() as u64))
            }
            _ => SizeHint::with_exact(0),
        }
    }
}

impl Drop for WrittenBody {
    fn drop(&mut self) {
        if let (Some(aftermath), Some(inner)) = (self.take_aftermath(), self.inner.take()) {
            let unattended = Arc::clone(aftermath.engine.unattended());
            drop(match self.alone {
                ClientGone::Read => unattended.begin(|patience| read_alone(inner, aftermath, patience)),
                ClientGone::End => {
                    drop(inner);
                    unattended.begin(|_| aftermath.invalidate())
                }
            });
        }
    }
}

/// Reads an answer to its end without its client, as far as that goes, and then invalidates.
async fn read_alone(mut inner: Body, aftermath: Aftermath, mut patience: Patience) {
    let read = timeout(READ_ALONE_MAX, async { while let Some(Ok(_)) = inner.frame().await {} });
    tokio::select! {
        biased;
        _ = read => {}
        () = patience.over() => {}
    }
    drop(inner);
    aftermath.invalidate().await;
}
