//! One response in several codings: the one at rest, and those that Larder has made of it beside.

use super::body::StoredBody;
use super::{Entry, EntryParts};
use crate::semantics::content_coding::Coding;
use bytes::Bytes;
use std::sync::Arc;

/// What of a response is sent with a coding.
#[derive(Debug, Clone, Copy)]
pub enum InCoding<'a> {
    /// The entry itself.
    AtRest,
    /// Another, which lies beside it.
    Beside(&'a Arc<Entry>),
    /// Nothing: it has not been made.
    Unmade,
}

impl Entry {
    /// The coding that Larder keeps the body in; `None` where it is as received, and where it is a part.
    #[must_use]
    pub fn coding(&self) -> Option<Coding> {
        self.body().coding()
    }

    /// The same response in a coding.
    #[must_use]
    pub fn in_coding(&self, coding: Coding) -> InCoding<'_> {
        if self.coding() == Some(coding) {
            return InCoding::AtRest;
        }
        self.recoded().iter().find(|other| other.coding() == Some(coding)).map_or(InCoding::Unmade, InCoding::Beside)
    }

    /// The same response with another coding of its body beside it, in place of one of the same coding.
    #[must_use]
    pub(crate) fn with_recoded(&self, body: StoredBody) -> Self {
        let others = self.recoded().iter().filter(|other| other.coding() != body.coding());
        let mut bodies: Vec<_> = others.map(|other| other.body().to_stored()).collect();
        bodies.push(body);
        self.with_bodies(bodies)
    }

    /// The same response with the other codings that an older entry has, where its body is the same.
    #[must_use]
    pub(crate) fn with_recoded_of(self, older: &Self) -> Self {
        let is_same = || (self.coding(), self.body().at_rest()) == (older.coding(), older.body().at_rest());
        if older.recoded().is_empty() || !is_same() {
            return self;
        }
        self.with_bodies(older.recoded().iter().map(|other| other.body().to_stored()).collect())
    }

    /// What is at rest, and what lies beside it, where that is shared as it is sent.
    pub(crate) fn shared_bodies(&self) -> impl Iterator<Item = &Bytes> {
        let beside = self.recoded().iter().filter_map(|other| other.body().shared());
        self.body().shared().into_iter().chain(beside)
    }

    fn recoded(&self) -> &[Arc<Self>] {
        self.apart.as_ref().map_or(&[], |apart| &apart.recoded)
    }

    fn with_bodies(&self, bodies: Vec<StoredBody>) -> Self {
        let headers = self.headers();
        let beside = |body| Arc::new(Self::new(self.parts_with(body), &headers));
        Self::beside(bodies.into_iter().map(beside).collect(), self.parts_with(self.body().to_stored()), &headers)
    }

    fn parts_with(&self, body: StoredBody) -> EntryParts {
        let filed = self.membership();
        EntryParts {
            url: filed.url.into(),
            path_start: filed.path_start,
            route: filed.route.clone(),
            tags: filed.tags.to_tags().collect(),
            status: self.status(),
            policy: self.policy(),
            variant: self.variant().clone(),
            body,
            part: self.part(),
            stamp: self.stamp(),
            stored_at: self.stored_at(),
            filed_by: self.filed_by(),
            settling: self.settling(),
        }
    }
}

#[cfg(test)]
#[path = "recoded_tests.rs"]
mod tests;
