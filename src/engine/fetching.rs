//! A fetch as the request that it is for waits for it: driven by that request, until something else must.
//!
//! Nothing is handed over while the requester waits: its own task polls the fetch, which then takes no task of its own. Once
//! the requester has its answer, or has left, what is left of the fetch goes on in a task: the rest of a long body, or
//! all of it for those who share it. A slow client holds up nobody, since its fetch does not depend on what it reads.

use super::fetch_outcome::Fetched;
use super::origin_failure::OriginFailure;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// See the module. Dropped, it leaves the fetch to itself.
#[must_use = "what comes of a fetch is taken, or it is left to itself"]
pub(super) struct Fetching {
    /// None once it is over, or goes on by itself.
    work: Option<Work>,
    reply: oneshot::Receiver<Fetched>,
}

impl Fetching {
    /// Of this work, which replies to its requester and may go on after that.
    pub(super) fn of<W>(work: impl FnOnce(oneshot::Sender<Fetched>) -> W) -> Self
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let (sender, reply) = oneshot::channel();
        // Boxed, since it may move to a task, and is large.
        Self { work: Some(Box::pin(work(sender))), reply }
    }

    /// Leaves it to itself.
    pub(super) fn detach(&mut self) {
        // Without a runtime the process is about to end.
        if let Some(work) = self.work.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }

    fn drive(&mut self, context: &mut Context<'_>) {
        let Some(work) = &mut self.work else { return };
        // A panic, which is in the log, ends the fetch and not its requester; nothing that it has left half done is used.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        if !matches!(polled, Ok(Poll::Pending)) {
            self.work = None;
        }
    }
}

impl Future for Fetching {
    type Output = Fetched;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Fetched> {
        self.drive(context);
        let replied = Pin::new(&mut self.reply).poll(context);
        replied.map(|fetched| {
            self.detach();
            // It has ended without a reply only if it has panicked.
            fetched.unwrap_or_else(|_| Fetched::Failed(Arc::new(OriginFailure::Gone)))
        })
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.detach();
    }
}

#[cfg(test)]
#[path = "fetching_tests.rs"]
mod tests;
