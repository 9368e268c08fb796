//! The upstream pool over real sockets, against an origin that is scripted byte by byte.

#![allow(clippy::unwrap_used)] // A test that can't go on says so by a panic.

#[path = "upstream/raw_origin.rs"]
mod raw_origin;

#[path = "upstream/busy_origin.rs"]
mod busy_origin;

#[path = "upstream/balancing.rs"]
mod balancing;
#[path = "upstream/bodies.rs"]
mod bodies;
#[path = "upstream/draining.rs"]
mod draining;
#[path = "upstream/ejection.rs"]
mod ejection;
#[path = "upstream/failures.rs"]
mod failures;
#[path = "upstream/health.rs"]
mod health;
#[path = "upstream/keeping.rs"]
mod keeping;
#[path = "upstream/messages.rs"]
mod messages;
#[path = "upstream/retries.rs"]
mod retries;
#[path = "upstream/room.rs"]
mod room;
#[path = "upstream/terms.rs"]
mod terms;
