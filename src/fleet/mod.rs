//! What instances share: commands to Redis, the names of keys there, the leases of fetches.
//!
//! Everything that speaks to Redis does so through a [`link::Link`], which knows commands and replies and nothing else;
//! so a simulated Redis can stand behind the tier, the log, the leases and the events alike.

pub mod address;
pub mod breaker;
mod connection;
pub mod link;
pub mod names;
pub mod options;
pub mod redis_link;
pub mod streams;
