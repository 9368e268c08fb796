//! HTTP/1 with a client (RFC 9112): one session a connection, whose parser is the only one.
//!
//! [`session`] is the state machine of a connection; [`exchange`] that of one request and its answer. What the client
//! sends is read by [`head_reader`] and [`body_reader`], strictly: two parsers in a row that are lenient in different
//! ways are how requests are smuggled (RFC 9112 section 11.2), so whatever has more than one reading is refused. The body
//! goes to whoever reads it by way of [`upload`]; the answer is written by [`reply`], its head by [`encode`]. Plain hits are
//! answered before that, from the read buffer ([`fast_path`]).

mod diagnose;
pub(super) mod target;

pub(super) mod head;

mod encode;
mod head_reader;

mod body_reader;
mod reply;

#[cfg(any(test, fuzzing))]
pub(super) mod messages;
mod upload;

mod request_side;

mod exchange;
mod fast_path;

mod session;

pub(super) use session::Session;
