//! One session: the queue from requests to the notebook, and what is made of it.

use super::exchange::{Asked, Exchange, Head, PassedOver};
use super::judge::Wanted;
use super::notebook::{Notebook, Room};
use super::proposal::Proposal;
use super::{LearnOrder, Phase};
use crate::clock::Timestamp;
use crate::jobs::Job;
use ahash::RandomState;
use http::HeaderMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How many answers may wait to be noted.
const QUEUE: usize = 4_096;

/// How often they are noted.
const TURN: Duration = Duration::from_millis(100);

/// What is noted, and the end of the queue.
struct Notes {
    notebook: Notebook,
    queue: mpsc::Receiver<Exchange>,
}

impl Notes {
    /// Notes what has come; how many answers that were.
    fn take_in(&mut self) -> usize {
        std::iter::from_fn(|| self.queue.try_recv().ok()).map(|exchange| self.notebook.note(exchange)).count()
    }
}

/// A session.
pub(super) struct Session {
    order: LearnOrder,
    pub(super) began_at: Timestamp,
    since: Instant,
    /// How values are hashed: known to nobody, and gone with the session.
    hashes: RandomState,
    /// How bodies are.
    key: [u8; 32],
    queue: mpsc::Sender<Exchange>,
    passed_over: [AtomicU64; PassedOver::ALL.len()],
    notes: Mutex<Notes>,
    lasted: OnceLock<Duration>,
    /// What it came to in the end.
    proposal: OnceLock<Arc<Proposal>>,
}

impl Session {
    /// A session that begins now.
    pub(super) fn new(order: LearnOrder, began_at: Timestamp) -> Self {
        let (queue, exchanges) = mpsc::channel(QUEUE);
        Self {
            order,
            began_at,
            since: Instant::now(),
            hashes: RandomState::new(),
            key: rand::random(),
            queue,
            passed_over: Default::default(),
            notes: Mutex::new(Notes { notebook: Notebook::with(Room::default()), queue: exchanges }),
            lasted: OnceLock::new(),
            proposal: OnceLock::new(),
        }
    }

    /// What is noted of a request.
    pub(super) fn asked(
        &self,
        url: (&str, &str, Option<&str>),
        headers: &HeaderMap,
        client: Option<IpAddr>,
    ) -> Result<Asked, PassedOver> {
        let client = client.map(crate::semantics::network::Network::from);
        Asked::of(url, headers, (self.hashes.hash_one(client), self.since.elapsed()), &self.hashes)
    }

    /// What is noted of the head of an answer.
    pub(super) fn head(&self, status: u16, headers: &HeaderMap) -> Head {
        Head::of(status, headers, &self.hashes)
    }

    pub(super) const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// An answer is complete.
    pub(super) fn complete(&self, asked: Asked, head: Head, digest: u64) {
        let exchange = Exchange { asked, head, ended: self.since.elapsed(), digest };
        if self.queue.try_send(exchange).is_err() {
            self.pass_over(PassedOver::Behind);
        }
    }

    pub(super) fn pass_over(&self, why: PassedOver) {
        self.passed_over[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Notes answers until its time is over.
    pub(super) async fn watch(&self, job: &Job) {
        while let Some(left) = self.order.duration.checked_sub(self.since.elapsed()).filter(|left| !left.is_zero()) {
            tokio::time::sleep(left.min(TURN)).await;
            let noted = self.notes().take_in();
            (0..noted).for_each(|_| job.count("noted"));
        }
    }

    /// It has ended.
    pub(super) fn ended(&self) {
        let _ = self.lasted.set(self.since.elapsed());
    }

    /// What is to be proposed; what is noted is forgotten once that is known for good.
    pub(super) fn proposal(&self, phase: Phase) -> Arc<Proposal> {
        if let Some(proposal) = self.proposal.get() {
            return Arc::clone(proposal);
        }
        let mut notebook = {
            let mut notes = self.notes();
            notes.take_in();
            notes.notebook.clone()
        };
        for (why, count) in PassedOver::ALL.into_iter().zip(&self.passed_over) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                notebook.pass_over(why, count);
            }
        }
        let watched = self.lasted.get().copied().unwrap_or_else(|| self.since.elapsed());
        let LearnOrder { clients_min, answers_min, .. } = self.order;
        let proposal =
            Arc::new(Proposal::of(&notebook, Wanted { clients: clients_min, answers: answers_min, watched }));
        if phase == Phase::Watching {
            return proposal;
        }
        let proposal = Arc::clone(self.proposal.get_or_init(|| proposal));
        self.notes().notebook = Notebook::default();
        proposal
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // They are whole at every moment.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
