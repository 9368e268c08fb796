//! What requests of GraphQL ask for, kept by the digest of what they say, so that what is asked for again costs a hash; and
//! the documents that clients name by their hashes.

use crate::semantics::graphql::document::Document;
use crate::semantics::graphql::request::{Operation, TextHash, Told, Untold};
use crate::semantics::reason::Reason;
use ahash::RandomState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use std::sync::Arc;

/// What is kept of requests, and of documents, takes at most so many bytes each, about.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a request of usual size takes.
const BYTES_TYPICAL: usize = 1024;

/// A bounded memory of requests and documents.
pub(super) struct Operations {
    told: Cache<[u8; 32], Told, ByBytes, RandomState>,
    documents: Cache<TextHash, Arc<Document>, ByBytes, RandomState>,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<[u8; 32], Told> for ByBytes {
    fn weight(&self, _: &[u8; 32], told: &Told) -> u64 {
        told.as_ref().map_or(256, |operation| operation.document.weight() as u64 + 256)
    }
}

impl Weighter<TextHash, Arc<Document>> for ByBytes {
    fn weight(&self, _: &TextHash, document: &Arc<Document>) -> u64 {
        document.weight() as u64
    }
}

impl Default for Operations {
    fn default() -> Self {
        Self { told: bounded(), documents: bounded() }
    }
}

fn bounded<V: Clone>() -> Cache<[u8; 32], V, ByBytes, RandomState>
where
    ByBytes: Weighter<[u8; 32], V>,
{
    let options = OptionsBuilder::new()
        .estimated_items_capacity(usize::try_from(BYTES_MAX).unwrap_or(usize::MAX) / BYTES_TYPICAL)
        .weight_capacity(BYTES_MAX)
        .build()
        .expect("both capacities are set");
    Cache::with_options(options, ByBytes, RandomState::new(), DefaultLifecycle::default())
}

/// Where a request says what it asks for.
#[derive(Debug, Clone, Copy)]
enum Place {
    Body,
    Url,
}

impl Operations {
    /// What a body of JSON asks for, without its content coding.
    pub(super) fn of_body(&self, text: &[u8]) -> Told {
        self.told(Place::Body, text, || Operation::of_body(text, |hash| self.documents.get(hash)))
    }

    /// What the query of a URL asks for.
    pub(super) fn of_query(&self, query: &str) -> Told {
        self.told(Place::Url, query.as_bytes(), || Operation::of_query(query, |hash| self.documents.get(hash)))
    }

    fn told(&self, place: Place, text: &[u8], read: impl FnOnce() -> Result<Operation, Untold>) -> Told {
        let digest = *blake3::Hasher::new().update(&[place as u8]).update(text).finalize().as_bytes();
        if let Some(told) = self.told.get(&digest) {
            return told;
        }
        let told = read().map(Arc::new);
        if let Ok(operation) = &told
            && let Some(hash) = operation.text_hash
        {
            self.documents.insert(hash, Arc::clone(&operation.document));
        }
        // A document may become known.
        if !matches!(&told, Err(untold) if untold.why == Reason::GraphqlHashUnknown) {
            self.told.insert(digest, told.clone());
        }
        told
    }
}
