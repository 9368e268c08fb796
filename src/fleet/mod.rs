//! What instances share: commands to Redis, and the names of keys there.
//!
//! Everything that speaks to Redis does so through a [`link::Link`], which knows commands and replies and nothing else;
//! so another Redis can stand behind the tier and the log alike.

pub(crate) mod address;
pub(crate) mod breaker;
pub(crate) mod link;
pub(crate) mod member;
pub(crate) mod names;
pub(crate) mod options;

mod connection;
pub(crate) mod guarded_link;
pub(crate) mod redis_link;
#[cfg(test)]
pub(crate) mod simulated_redis;
pub(crate) mod streams;

mod held_lease;
mod lease_news;
pub(crate) mod metrics;
pub(crate) mod redis_leases;
