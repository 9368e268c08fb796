//! What a purge's caller gets back, and the memory of recent ones.

use super::idempotency::IdempotencyKey;
use super::purge::{Depth, PurgeSource};
use crate::clock::Timestamp;
use crate::scope::Scope;
use crate::stamp::Stamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many scopes a receipt repeats; it counts the rest.
pub(crate) const SCOPES_SHOWN_MAX: usize = 20;

/// Where a purge stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Names the purge in `GET /purges/{id}`. Safe in a URL path.
    pub id: String,
    /// The name that its caller gave it, if any.
    pub idempotency: Option<IdempotencyKey>,
    /// Its place in the log.
    pub stamp: Stamp,
    /// Instances that have applied it.
    pub applied: Vec<String>,
    /// Live instances that have not yet.
    pub pending: Vec<String>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// The first [`SCOPES_SHOWN_MAX`] of its scopes.
    pub scopes: Vec<Scope>,
    /// How many scopes it named.
    pub scopes_total: usize,
    /// How deep it went.
    pub depth: Depth,
    /// Who asked.
    pub source: PurgeSource,
    /// The instance that was asked.
    pub by: String,
}

impl Receipt {
    fn text_bytes(&self) -> usize {
        self.id.len() + self.by.len() + self.scopes.iter().map(Scope::text_bytes).sum::<usize>()
    }
}

/// The most recent receipts, bounded in number and in text.
#[derive(Debug)]
pub(crate) struct Receipts {
    recent: VecDeque<Arc<Receipt>>,
    count_max: usize,
    text_bytes: usize,
    text_bytes_max: usize,
}

impl Receipts {
    /// None yet; at most `count_max`, and at most `text_bytes_max` bytes of scopes and names in all.
    pub(crate) fn new(count_max: usize, text_bytes_max: usize) -> Self {
        Self { recent: VecDeque::new(), count_max, text_bytes: 0, text_bytes_max }
    }

    /// Adds a receipt; the oldest make room.
    pub(crate) fn add(&mut self, receipt: Arc<Receipt>) {
        self.text_bytes += receipt.text_bytes();
        self.recent.push_back(receipt);
        while self.recent.len() > self.count_max || self.text_bytes > self.text_bytes_max {
            let Some(oldest) = self.recent.pop_front() else { break };
            self.text_bytes = self.text_bytes.saturating_sub(oldest.text_bytes());
        }
    }

    /// The receipt of the first purge that its caller gave this name, if it is remembered.
    pub(crate) fn find_named(&self, name: &str) -> Option<Arc<Receipt>> {
        self.recent.iter().find(|receipt| receipt.idempotency.as_ref().is_some_and(|key| key.name == name)).cloned()
    }

    /// The receipt with this id, if it is remembered.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Receipt>> {
        self.recent.iter().rev().find(|receipt| receipt.id == id).cloned()
    }

    /// The receipt of the purge at this place in the log, if it is remembered.
    pub(crate) fn find_at(&self, stamp: Stamp) -> Option<Arc<Receipt>> {
        self.recent.iter().rev().find(|receipt| receipt.stamp == stamp).cloned()
    }

    /// All that are remembered, newest first.
    pub(crate) fn recent(&self) -> Vec<Arc<Receipt>> {
        self.recent.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(id: usize) -> Arc<Receipt> {
        Arc::new(Receipt {
            idempotency: None,
            id: format!("r{id}"),
            stamp: Stamp::local(id as u64),
            applied: vec![],
            pending: vec![],
            requested_at: Timestamp::EPOCH,
            scopes: vec![Scope::Url("/12345678".into())],
            scopes_total: 1,
            depth: Depth::Hard,
            source: PurgeSource::Admin,
            by: String::new(),
        })
    }

    fn remembered(receipts_max: usize, text_bytes_max: usize) -> Vec<String> {
        let mut receipts = Receipts::new(receipts_max, text_bytes_max);
        (0..5).for_each(|id| receipts.add(receipt(id)));
        receipts.recent().iter().map(|receipt| receipt.id.clone()).collect()
    }

    #[test]
    fn the_oldest_receipts_make_room_by_number_and_by_bytes() {
        assert_eq!(remembered(3, 1_000), ["r4", "r3", "r2"]);
        assert_eq!(remembered(1_000, 23), ["r4", "r3"]);
        assert_eq!(remembered(1_000, 21), ["r4"]);
    }

    #[test]
    fn a_receipt_is_found_by_its_id_until_it_is_forgotten() {
        let mut receipts = Receipts::new(2, 1_000);
        (0..3).for_each(|id| receipts.add(receipt(id)));
        assert_eq!(receipts.find("r2"), Some(receipt(2)));
        assert_eq!(receipts.find("r0"), None);
    }
}
