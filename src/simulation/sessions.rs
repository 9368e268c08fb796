//! Clients that write, keep the stamp of that, and then read through any instance: invariant 10.

use super::{PATHS, PRODUCTS, World, request};
use crate::stamps::secret::StampKeys;
use crate::stamps::{LARDER_STAMP, StampCookie, StampOptions, Stamping};
use http::{HeaderValue, Method, Response};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many sessions are remembered: the last ones.
const SESSIONS_MAX: usize = 8;

/// What a client knows that has written something.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// The stamp of its answer.
    pub(super) stamp: HeaderValue,
    /// The versions of everything when the write was done.
    pub(super) versions: BTreeMap<String, u64>,
}

/// The sessions of all clients.
pub(super) type Sessions = Arc<Mutex<Vec<Session>>>;

/// How every instance makes and takes stamps.
pub(super) fn stamping() -> Arc<Stamping> {
    let keys = StampKeys::parse("the secret that all instances share").expect("it is long enough");
    Arc::new(Stamping::new(StampOptions { keys, wait: Duration::from_millis(100), cookie: StampCookie::Off }))
}

/// Remembers what a client knows after a write at whose end these were the versions.
pub(super) fn begin<B>(sessions: &Sessions, answer: &Response<B>, versions: Option<BTreeMap<String, u64>>) {
    let (Some(stamp), Some(versions)) = (answer.headers().get(&LARDER_STAMP), versions) else { return };
    let mut sessions = sessions.lock().unwrap_or_else(PoisonError::into_inner);
    sessions.push(Session { stamp: stamp.clone(), versions });
    if sessions.len() > SESSIONS_MAX {
        sessions.remove(0);
    }
}

impl World {
    /// A client that has written reads something, not only what it wrote, through any instance.
    pub(super) fn read_in_session(&mut self) {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if sessions.is_empty() {
            return self.read();
        }
        let session = &sessions[usize::try_from(self.dice.below(sessions.len() as u64)).expect("few sessions")];
        let path = PATHS[usize::try_from(self.dice.below(PRODUCTS)).expect("few paths")];
        let number = self.any();
        let instance = &self.instances[number];
        // It may fetch beside others, whose fetch began before its stamp.
        self.ledger.unsettle(path);
        let least = session.versions.get(path).copied().unwrap_or_default();
        self.ledger.note(&format!("session of {:?} wants {path} of {least} at {number}", session.stamp));
        let asked = self.ledger.asked((number, instance.life), path, "user-0").since_stamp(least);
        let (engine, ledger) = (Arc::clone(&instance.engine), Arc::clone(&self.ledger));
        let mut request = request(Method::GET, path);
        request.headers_mut().insert(&LARDER_STAMP, session.stamp.clone());
        self.under_way.spawn(async move {
            super::read_with(&engine, &ledger, &asked, request, super::END).await;
        });
    }
}
