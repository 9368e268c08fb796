//! Whether a stored response has what a request asks of it: a part may not.

use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::semantics::partial::{Coverage, coverage};
use crate::semantics::range::{self, ByteRange, IfRange};
use http::{HeaderMap, Method};

/// Whether an entry has what a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holding {
    /// It has.
    Held,
    /// It is a part, and not the one that the request asks for.
    Missing,
}

/// Whether an entry holds all that a request asks for: a whole always does; a part only for a GET with a single range
/// inside it whose If-Range, if any, holds.
pub(crate) fn holding(entry: &Entry, method: &Method, presented: &HeaderMap, now: Timestamp) -> Holding {
    match entry.part() {
        Some(_) if held_range(entry, method, presented, now).is_none() => Holding::Missing,
        _ => Holding::Held,
    }
}

/// The single range that a request asks of a stored part, and where it begins in the stored body.
pub(crate) fn held_range(
    entry: &Entry,
    method: &Method,
    presented: &HeaderMap,
    now: Timestamp,
) -> Option<(ByteRange, u64)> {
    let part = entry.part().filter(|_| *method == Method::GET)?;
    let specs = range::parse_range(presented)?;
    let [spec] = specs.as_slice() else { return None };
    let held_bytes = entry.body().at_rest().len() as u64;
    let Coverage::Held { range, offset } = coverage(&part, held_bytes, *spec) else { return None };
    (range::if_range_holds(presented, &entry.headers(), now) != IfRange::Fails).then_some((range, offset))
}
