//! The admin API over real sockets, in front of a real engine whose origin is a function.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

#[path = "admin/alerts.rs"]
mod alerts;
#[path = "admin/draining.rs"]
mod draining;
#[path = "admin/explaining.rs"]
mod explaining;
#[path = "admin/house.rs"]
mod house;
#[path = "admin/letting_in.rs"]
mod letting_in;
#[path = "admin/purging.rs"]
mod purging;
#[path = "admin/ruling.rs"]
mod ruling;
#[path = "admin/seeing.rs"]
mod seeing;
#[path = "admin/warming.rs"]
mod warming;
#[path = "admin/watching.rs"]
mod watching;
