//! Stored bodies that have left the cache while somebody still holds them.
//!
//! Held here as well, so that it can be asked whether anybody else does; looked through each time their number has
//! doubled, and whenever room is wanted or reported. Charged as long as they are here, so never too little.

use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many there may be before they are looked through for the first time.
const LOOKED_AT_FIRST: usize = 16;

#[derive(Default)]
pub(super) struct Lingering {
    bytes: AtomicU64,
    bodies: Mutex<Bodies>,
}

#[derive(Default)]
struct Bodies {
    held: Vec<Bytes>,
    look_at: usize,
}

impl Lingering {
    /// What they hold, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Takes a body in, where somebody else than the one who gives it holds it.
    pub(super) fn add(&self, body: &Bytes) {
        if body.is_unique() || body.is_empty() {
            return;
        }
        let mut bodies = self.bodies();
        let is_known = bodies.held.iter().any(|held| held.as_ptr() == body.as_ptr());
        if is_known {
            return;
        }
        bodies.held.push(body.clone());
        self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        if bodies.held.len() >= bodies.look_at.max(LOOKED_AT_FIRST) {
            self.look_through(&mut bodies);
        }
    }

    /// Lets go of those that nobody else holds any more.
    pub(super) fn let_go(&self) {
        if self.bytes() > 0 {
            self.look_through(&mut self.bodies());
        }
    }

    fn look_through(&self, bodies: &mut Bodies) {
        bodies.held.retain(|body| !body.is_unique());
        bodies.look_at = bodies.held.len() * 2;
        self.bytes.store(bodies.held.iter().map(|body| body.len() as u64).sum(), Ordering::Relaxed);
    }

    fn bodies(&self) -> MutexGuard<'_, Bodies> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
