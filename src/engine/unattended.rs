//! What runs to its end whether or not its client stays: the exchange of an unsafe request, and every purge.
//!
//! A client that leaves takes nothing back: what it has sent, the origin may have done. Such work runs in a task of its
//! own; the client waits for it, and may stop waiting. Two bounds hold: only so much goes on without a client at once,
//! and at the end of the instance it is waited for no longer than what is under way. Work that may not go on is notified,
//! and then does what its unknown outcome asks for.

#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use std::panic::resume_unwind;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

/// How many pieces of work may go on at once without their clients: each may hold a connection to the origin.
const PLACES: usize = 1024;

/// All such work of one instance.
#[derive(Debug)]
pub struct Unattended {
    under_way: watch::Sender<usize>,
    is_cut_off: watch::Sender<bool>,
    places: Arc<Semaphore>,
}

impl Unattended {
    /// None under way.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            under_way: watch::Sender::new(0),
            is_cut_off: watch::Sender::new(false),
            places: Arc::new(Semaphore::new(PLACES)),
        })
    }

    /// Does some work to its end, and returns what it came to. Work goes on when its caller stops waiting.
    pub async fn finish<T, W>(self: &Arc<Self>, work: impl FnOnce(Patience) -> W) -> T
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let (_attending, client) = oneshot::channel();
        let patience =
            Patience { unattended: Arc::clone(self), client: Some(client), place: None, alone: WithoutClient::Allowed };
        let under_way = Running::begun(Arc::clone(self));
        let work = work(patience);
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::WriteEndsWithClient) {
            return work.await;
        }
        // Boxed, since a task moves its future more than once, and this one is large.
        let task = tokio::spawn(Box::pin(async move {
            let done = work.await;
            drop(under_way);
            done
        }));
        match task.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Nobody cancels it; it ends so only with the runtime, which ends this task as well.
                Err(_cancelled) => std::future::pending().await,
            },
        }
    }

    /// Begins work that nobody waits for, from wherever that is noticed. The receiver may be dropped.
    pub(super) fn begin<W>(self: &Arc<Self>, work: impl FnOnce(Patience) -> W) -> oneshot::Receiver<()>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let (done, receiver) = oneshot::channel();
        // Without a runtime the process is about to end.
        let Ok(runtime) = Handle::try_current() else { return receiver };
        let patience =
            Patience { unattended: Arc::clone(self), client: None, place: None, alone: WithoutClient::Allowed };
        let under_way = Running::begun(Arc::clone(self));
        let work = work(patience);
        runtime.spawn(Box::pin(async move {
            work.await;
            drop(under_way);
            // Who waited may have left.
            let _ = done.send(());
        }));
        receiver
    }

    /// Resolves once nothing is under way.
    pub async fn settled(&self) {
        // The sender is in `self`, so the wait can only end by there being none.
        let _ = self.under_way.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Tells all of it, now and from now on, that it may not go on.
    pub fn cut_off(&self) {
        self.is_cut_off.send_replace(true);
    }
}

/// One piece of work under way.
struct Running(Arc<Unattended>);

impl Running {
    fn begun(unattended: Arc<Unattended>) -> Self {
        unattended.under_way.send_modify(|count| *count += 1);
        Self(unattended)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}

/// How long one piece of work may go on.
#[derive(Debug)]
pub struct Patience {
    unattended: Arc<Unattended>,
    /// Resolves once the client has left; `None` if that is known.
    client: Option<oneshot::Receiver<()>>,
    place: Option<OwnedSemaphorePermit>,
    alone: WithoutClient,
}

/// Whether work goes on without its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WithoutClient {
    Allowed,
    Never,
}

impl Patience {
    /// The same, but no longer than the client stays.
    pub(super) fn of_client(self) -> Self {
        Self { alone: WithoutClient::Never, ..self }
    }

    /// Resolves once the work may not go on: its client has left, and too much goes on so already or this never does;
    /// or all of it is cut off.
    pub(super) async fn over(&mut self) {
        let unattended = Arc::clone(&self.unattended);
        let cut_off = async {
            let _ = unattended.is_cut_off.subscribe().wait_for(|is_cut_off| *is_cut_off).await;
        };
        let no_place = async {
            if let Some(client) = &mut self.client {
                // It never sends; it is dropped with the one that waits.
                let _ = client.await;
                self.client = None;
            }
            if self.alone == WithoutClient::Never {
                return;
            }
            if self.place.is_none() {
                self.place = Arc::clone(&self.unattended.places).try_acquire_owned().ok();
            }
            if self.place.is_some() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = cut_off => {}
            () = no_place => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::sync::Notify;

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_for_it_any_more() {
        let unattended = Unattended::new();
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (told, gate) = (Arc::clone(&begun), Arc::clone(&go_on));
        let waiting = tokio::spawn({
            let unattended = Arc::clone(&unattended);
            async move {
                let work = async move {
                    told.notify_one();
                    gate.notified().await;
                };
                unattended.finish(|_| work).await;
            }
        });
        begun.notified().await;
        waiting.abort();
        let _ = waiting.await;
        assert_eq!(*unattended.under_way.borrow(), 1);
        go_on.notify_one();
        unattended.settled().await;
    }

    #[tokio::test]
    async fn what_is_cut_off_is_told_so_now_and_later() {
        let unattended = Unattended::new();
        let waiting = unattended.begin(|mut patience| async move { patience.over().await });
        unattended.cut_off();
        waiting.await.unwrap();
        unattended.begin(|mut patience| async move { patience.over().await }).await.unwrap();
    }

    #[tokio::test]
    async fn only_so_much_goes_on_without_its_client() {
        let unattended = Unattended::new();
        let all = u32::try_from(PLACES).unwrap();
        let places = Arc::clone(&unattended.places).acquire_many_owned(all).await.unwrap();
        unattended.begin(|mut patience| async move { patience.over().await }).await.unwrap();
        drop(places);
        let going_on = unattended.begin(|mut patience| async move { patience.over().await });
        tokio::select! {
            biased;
            _ = going_on => panic!("there is a place for it"),
            () = async {} => {}
        }
    }

    #[tokio::test]
    async fn a_client_that_waits_needs_no_place() {
        let unattended = Unattended::new();
        let all = u32::try_from(PLACES).unwrap();
        let _places = Arc::clone(&unattended.places).acquire_many_owned(all).await.unwrap();
        let work = unattended.finish(|mut patience| async move {
            tokio::select! {
                biased;
                () = patience.over() => panic!("its client waits"),
                () = async {} => {}
            }
        });
        work.await;
    }

    #[tokio::test]
    #[should_panic(expected = "in the work")]
    async fn a_panic_is_the_waiting_ones_panic() {
        let unattended = Unattended::new();
        unattended.finish(|_| async { panic!("in the work") }).await;
        pending::<()>().await;
    }
}
