//! Codings that are made of what is stored once a client comes that takes nothing better: once each, off the path of
//! other requests.
//!
//! One task makes one coding of one key at a time. Who comes for it, and who comes meanwhile, waits for a moment, and
//! then takes what there is. What is made lies beside the body at rest, is charged to the memory tier, and leaves it
//! with the entry. Lock: one short mutex around what is under way, held while nothing else is asked.

use super::Engine;
use super::deliver;
use crate::entry::Entry;
use crate::entry::body::StoredBody;
use crate::entry::coders::{self, DecodeError};
use crate::in_flight::Room;
use crate::key::PrimaryKey;
use crate::plan::request::CacheableRequest;
use crate::semantics::content_coding::Coding;
use crate::store::memory::Admission;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a request waits for a coding that is made for it.
const WAIT: Duration = Duration::from_millis(100);

/// For how many keys a coding is made at once; whoever comes for another takes what there is.
const UNDER_WAY_MAX: usize = 64;

/// What is being made, and how much has been.
#[derive(Default)]
pub(super) struct Recoding {
    /// Each closed once it is over.
    under_way: Mutex<HashMap<PrimaryKey, watch::Receiver<()>>>,
    made: [AtomicU64; Coding::ALL.len()],
}

impl Recoding {
    /// How many bodies were coded anew, by coding.
    pub(super) fn made(&self) -> impl Iterator<Item = (Coding, u64)> {
        Coding::ALL.into_iter().zip(self.made.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    fn count(&self, coding: Coding) {
        for (_, count) in Coding::ALL.iter().zip(&self.made).filter(|(known, _)| **known == coding) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<PrimaryKey, watch::Receiver<()>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the coding made that suits the request best, and waits for it a moment. What is stored is to be looked up again then.
pub(super) async fn suit(engine: &Arc<Engine>, request: &CacheableRequest, entry: &Arc<Entry>) {
    let made = async {
        let mut entry = Arc::clone(entry);
        // Others may be made of the same key first.
        for _ in Coding::ALL {
            let Some(coding) = engine.unmade(request, &entry) else { return };
            let Some(mut over) = engine.recode(&request.key, &entry, coding) else { return };
            // Nothing is ever sent: this fails once it is over.
            let _ = over.changed().await;
            let stored = engine.memory().peek(&request.key);
            let Some(found) = stored.as_ref().and_then(|stored| request.select(stored)) else { return };
            entry = Arc::clone(found);
        }
    };
    let _ = timeout(WAIT, made).await;
}

impl Engine {
    /// The coding that would suit a request best, and that has not been made of an entry.
    pub(super) fn unmade(&self, request: &CacheableRequest, entry: &Entry) -> Option<Coding> {
        deliver::unmade(entry, &request.method, &request.headers, &request.route.codings, self.now())
    }

    /// Begins to make a coding of an entry; what it returns is closed once that is over, or what else is being made of the
    /// key. `None` where there is no room for it, in the cache or beside it.
    fn recode(self: &Arc<Self>, key: &PrimaryKey, entry: &Arc<Entry>, coding: Coding) -> Option<watch::Receiver<()>> {
        let identity_bytes = entry.body().identity_bytes();
        let most = usize::try_from(identity_bytes).ok()?.saturating_add(entry.weight_bytes());
        let has_room = self.memory().has_room_beside(key, most)
            && self.in_flight().room_for(identity_bytes.saturating_mul(2)) == Room::Free;
        let mut under_way = self.recoding.under_way();
        if let Some(over) = under_way.get(key) {
            return Some(over.clone());
        }
        if !has_room || under_way.len() >= UNDER_WAY_MAX {
            return None;
        }
        let (sender, over) = watch::channel(());
        under_way.insert(key.clone(), over.clone());
        drop(under_way);
        let task = Task { engine: Arc::clone(self), key: key.clone(), _sender: sender };
        let entry = Arc::clone(entry);
        tokio::spawn(async move { task.run(&entry, coding).await });
        Some(over)
    }
}

/// One coding under way; over when it is dropped.
struct Task {
    engine: Arc<Engine>,
    key: PrimaryKey,
    _sender: watch::Sender<()>,
}

impl Task {
    async fn run(self, entry: &Arc<Entry>, coding: Coding) {
        // The semaphore is never closed.
        let _turn = self.engine.coders.acquire().await.ok();
        let _charge = self.engine.in_flight().charge(entry.body().identity_bytes().saturating_mul(2));
        let at_rest = entry.body().to_stored();
        // It fails only where the runtime shuts down.
        let Ok(made) = spawn_blocking(move || recoded(at_rest, coding)).await else { return };
        let memory = self.engine.memory();
        match made {
            Ok(body) => {
                if memory.put_same(&self.key, entry, Arc::new(entry.with_recoded(body))) == Admission::Stored {
                    self.engine.recoding.count(coding);
                }
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(url = entry.membership().url, error, "a stored body is dropped");
                memory.discard(&self.key, entry);
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.engine.recoding.under_way().remove(&self.key);
    }
}

/// A body in another coding. It is kept whatever it saves, so that nobody asks for it again.
fn recoded(body: StoredBody, coding: Coding) -> Result<StoredBody, DecodeError> {
    let (identity, identity_bytes) = match body {
        StoredBody::AsReceived(received) => (received.clone(), received.len() as u64),
        StoredBody::Coded { coding, coded, identity_bytes } => {
            (coders::decode(coding, coded, identity_bytes)?, identity_bytes)
        }
    };
    let coded = coders::code(coding, &identity).into_boxed_slice().into();
    Ok(StoredBody::Coded { coding, coded, identity_bytes })
}
