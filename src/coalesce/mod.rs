//! One leader, N followers: requests for the same key share one fetch and stream its body as it arrives.
//!
//! Knows only keys. A [`flights::Flights`] table maps a key to the flight under way. The first to
//! [`flights::Flights::join`] gets a [`flights::Leader`]; later ones a [`flights::Follower`]. The leader
//! announces once: either an answer to share, whose [`shared_body::SharedBody`] it goes on to fill, or that each must
//! ask alone. A leader dropped before it announces anything wakes its followers with `Gone`. The leaders of several
//! instances agree by a [`fetch_lease`].
//!
//! Locks: a short mutex per table shard and one per shared body. Neither is held across an await, and neither is ever
//! taken while the other is held. Nobody polls: an announcement, a piece or an end wakes those that wait for it.

pub(crate) mod fetch_lease;
pub(crate) mod flights;
pub(crate) mod shared_body;
