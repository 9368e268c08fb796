//! The data port over real sockets: what a client sends, what the handler sees, what the client gets.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed step is a failed test, and tests need no docs")]

mod against_hyper;
mod bodies;
mod both_paths;
mod fast_path;
mod fast_path_http2;
mod http2;
mod interims;
mod lifetime;
mod refusals;
mod requests;
mod room;
mod session;
mod support;
mod timeouts;
mod upgrades;
