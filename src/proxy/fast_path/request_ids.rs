//! The ids of plain hits: numbered from a random start, since drawing each anew would cost a hit more than all the rest
//! of its head.

use crate::proxy::request_id::RequestId;
use http::HeaderValue;

/// The ids of one connection's plain hits.
#[derive(Debug)]
pub(super) struct RequestIds {
    next: u128,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self { next: rand::random() }
    }
}

impl RequestIds {
    /// The id of the next request: the one that it was given, else one that nothing else has.
    pub(super) fn next(&mut self, given: Option<&HeaderValue>) -> RequestId {
        if let Some(given) = given {
            return RequestId::Given(given.clone());
        }
        self.next = self.next.wrapping_add(1);
        RequestId::Made(self.next)
    }
}
