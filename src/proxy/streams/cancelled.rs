//! How many of its requests a client takes back before they are answered. Each may have cost the origin its work already, so
//! a client that does little else is asked to calm down (CVE-2023-44487).

use std::sync::atomic::{AtomicU64, Ordering};

/// So many may be taken back on a connection whatever their share.
const CANCELLED_MAX: u64 = 500;

/// Counts those of one connection.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Cancelled(AtomicU64);

impl Cancelled {
    /// One more was taken back.
    pub(in crate::proxy) fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it is a flood: more than so many, and more than half of all `requests`.
    pub(in crate::proxy) fn is_flood(&self, requests: u64) -> bool {
        let cancelled = self.0.load(Ordering::Relaxed);
        cancelled > CANCELLED_MAX && cancelled > requests / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_a_flood_only_where_they_are_most() {
        let cancelled = Cancelled::default();
        for _ in 0..CANCELLED_MAX {
            cancelled.note();
        }
        assert!(!cancelled.is_flood(CANCELLED_MAX));
        cancelled.note();
        assert!(cancelled.is_flood(CANCELLED_MAX * 2));
        assert!(!cancelled.is_flood(CANCELLED_MAX * 2 + 2));
    }
}
