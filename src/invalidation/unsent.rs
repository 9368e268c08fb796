//! What the log could not take of the invalidations of unsafe requests, until it can: whoever sent the request is
//! informed of nothing and asks for nothing again.
//!
//! Bounded. Over the bound it stands for everything: whatever the fleet has stored must then be validated.

use super::purge::{Purge, PurgeSource, SCOPES_MAX};
use crate::scope::Scope;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much text is kept, in bytes: what one entry of the log may well hold.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// What the log has yet to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owed {
    /// That these are purged, at most [`SCOPES_MAX`].
    Scopes(HashSet<Scope>),
    /// That anything may be out of date.
    Everything,
}

impl Default for Owed {
    fn default() -> Self {
        Self::Scopes(HashSet::new())
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Unsent(Mutex<Owed>);

impl Unsent {
    /// Keeps a purge that the log did not take, where nobody else will ask for it again.
    pub(super) fn keep(&self, purge: &Purge) {
        if purge.source == PurgeSource::UnsafeRequest {
            self.owe(purge.scopes.iter().cloned());
        }
    }

    /// Takes out what is kept.
    pub(super) fn take(&self) -> Owed {
        std::mem::take(&mut self.owed())
    }

    /// Puts back what was taken out.
    pub(super) fn put_back(&self, owed: Owed) {
        match owed {
            Owed::Scopes(scopes) => self.owe(scopes),
            Owed::Everything => *self.owed() = Owed::Everything,
        }
    }

    fn owe(&self, more: impl IntoIterator<Item = Scope>) {
        let mut owed = self.owed();
        let Owed::Scopes(scopes) = &mut *owed else { return };
        scopes.extend(more);
        if scopes.len() > SCOPES_MAX || scopes.iter().map(Scope::text_bytes).sum::<usize>() > TEXT_BYTES_MAX {
            *owed = Owed::Everything;
        }
    }

    fn owed(&self) -> MutexGuard<'_, Owed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
