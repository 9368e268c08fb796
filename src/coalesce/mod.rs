//! One leader, N followers: requests for the same key share one fetch and stream its body as it arrives.
//!
//! Knows only keys. A [`Flights`] table maps a key to the flight under way. The first to [`Flights::join`] gets a
//! [`Leader`]; whoever joins later a [`Follower`]. The leader announces a head once, then fills a
//! [`shared_body::SharedBody`]; a leader dropped without announcing wakes its followers with `Gone`. No lock is held
//! across an await. Followers wait without polling.

pub mod flights;
pub mod shared_body;
