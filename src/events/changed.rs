//! What changes of a database come to, on the way from their source to the purges.

use crate::rules::event::EventPurge;
use std::collections::BTreeMap;

/// What committed transactions purge.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The purges, each with another depth.
    pub(crate) purges: Vec<EventPurge>,
    /// How many changes there were, by table and by what came of them.
    pub(crate) counts: BTreeMap<(String, &'static str), u64>,
}
