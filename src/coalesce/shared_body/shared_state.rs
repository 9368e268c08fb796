//! One shared body's state, behind its mutex.

use super::state::State;
use crate::in_flight::{Behind, HeldBody, InFlight};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

pub(super) struct SharedState {
    pub(super) state: Mutex<State>,
    pub(super) in_flight: Arc<InFlight>,
    /// Its number among the bodies in flight.
    pub(super) number: u64,
}

impl SharedState {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // No step of the state's leaves it half done, so a panic elsewhere doesn't spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldBody for SharedState {
    fn behind(&self) -> Vec<Behind> {
        self.state().behind()
    }

    fn cut_off(&self, reader: usize) {
        let woken = self.state().cut_off(reader);
        woken.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Drop for SharedState {
    fn drop(&mut self) {
        self.in_flight.forget(self.number);
    }
}
