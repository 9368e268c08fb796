//! All that later decisions need of a response's caching fields, read once when it arrives.

use super::cache_control::ResponseDirectives;
use super::lifetime::OriginLifetime;
use crate::clock::Timestamp;
use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// When the exchange with the origin took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangeTimes {
    /// When the request was sent: `request_time` of RFC 9111 section 4.2.3.
    pub requested_at: Timestamp,
    /// When the response's head arrived: `response_time` of RFC 9111 section 4.2.3.
    pub received_at: Timestamp,
}

/// The caching policy of one response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsePolicy {
    /// The directives in force: those of a valid targeted field, else of Cache-Control.
    pub directives: ResponseDirectives,
    /// What the origin says of the lifetime.
    pub lifetime: OriginLifetime,
    /// The status.
    pub status: StatusCode,
    /// When the head arrived.
    pub received_at: Timestamp,
    /// `corrected_initial_age` of RFC 9111 section 4.2.3.
    pub initial_age: Duration,
}

impl ResponsePolicy {
    /// Reads the policy from a response's head.
    #[must_use]
    pub fn parse(status: StatusCode, headers: &HeaderMap, times: ExchangeTimes) -> Self {
        todo!("{status} {headers:?} {times:?}")
    }

    /// `current_age` of RFC 9111 section 4.2.3.
    #[must_use]
    pub fn current_age(&self, now: Timestamp) -> Duration {
        self.initial_age.saturating_add(now.since(self.received_at))
    }
}
