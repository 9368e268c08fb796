//! The head of an answer that is being stored, held back for a moment: a short body is complete and stored by then, and
//! Cache-Status can say so. A long body, or one that takes its time, is not waited for.

use super::Engine;
use super::draft::{Draft, announced_length};
use super::fetch_outcome::{Fetched, Streaming};
use super::requester::Requester;
use super::storing::{StoreOutcome, Storing};
use crate::coalesce::shared_body::SharedBodyReader;
use crate::key::PrimaryKey;
use crate::rules::Route;
use crate::semantics::event_stream::is_event_stream;
use http::HeaderMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// The largest body that a head waits for, in bytes.
const SHORT_BODY_BYTES: u64 = 64 * 1024;

/// How long a head waits for a body that is announced as short.
const ANNOUNCED_WAIT: Duration = Duration::from_millis(100);

/// How long it waits for one of unknown length: the end of a short one mostly comes with its beginning.
const UNANNOUNCED_WAIT: Duration = Duration::from_millis(5);

/// The reply to the one that fetches, and what comes of storing its answer.
pub(super) struct HeldReply<'a> {
    engine: &'a Engine,
    route: Arc<Route>,
    key: PrimaryKey,
    outcome: watch::Sender<Option<StoreOutcome>>,
    held: Option<(oneshot::Sender<Fetched>, Fetched)>,
    until: Instant,
    arrived_bytes: u64,
}

impl<'a> HeldReply<'a> {
    /// For an answer that nobody waits for here.
    pub(super) fn nobodys(engine: &'a Engine, draft: &Draft) -> Self {
        let (route, key) = (Arc::clone(&draft.route), draft.key.clone());
        let (outcome, until) = (watch::Sender::new(None), Instant::now());
        Self { engine, route, key, outcome, held: None, until, arrived_bytes: 0 }
    }

    /// For the one that fetches. Sent at once where there is nothing to wait for.
    pub(super) fn to(
        self,
        reply: oneshot::Sender<Fetched>,
        request: &Requester,
        response: Arc<Streaming>,
        headers: HeaderMap,
        reader: SharedBodyReader,
    ) -> Self {
        let wait = request.at_most(head_wait(&headers));
        let storing = Some(Storing::Open(self.outcome.subscribe()));
        let held = Some((reply, Fetched::Streaming { response, headers, reader, storing }));
        let mut this = Self { held, until: self.until + wait, ..self };
        if wait.is_zero() {
            this.send();
        }
        this
    }

    /// Sends the reply, if it is still held.
    fn send(&mut self) {
        if let Some((reply, fetched)) = self.held.take() {
            // Whoever asked may have gone.
            drop(reply.send(fetched));
        }
    }

    /// The outcome of a future. The reply goes out meanwhile, once it has waited for long enough.
    pub(super) async fn while_held<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        if self.held.is_some() {
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = sleep_until(self.until) => self.send(),
            }
        }
        future.await
    }

    /// So many bytes more have come.
    pub(super) fn grows_by(&mut self, bytes: usize) {
        self.arrived_bytes = self.arrived_bytes.saturating_add(bytes as u64);
        if self.arrived_bytes > SHORT_BODY_BYTES {
            self.send();
        }
    }

    /// Tells what came of storing the answer. Of several outcomes the first stands.
    pub(super) fn settle(&mut self, outcome: StoreOutcome) {
        if self.outcome.borrow().is_none() {
            self.engine.note_store_outcome(&self.route.name, &self.key, outcome);
            self.outcome.send_replace(Some(outcome));
        }
        self.send();
    }
}

/// How long the head waits for its body; a stream of events may take for ever, so it is not waited for.
fn head_wait(headers: &HeaderMap) -> Duration {
    match announced_length(headers) {
        _ if is_event_stream(headers) => Duration::ZERO,
        None => UNANNOUNCED_WAIT,
        Some(length) if length <= SHORT_BODY_BYTES => ANNOUNCED_WAIT,
        Some(_) => Duration::ZERO,
    }
}
