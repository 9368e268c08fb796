//! HTTP/1 with a client (RFC 9112): one session a connection, whose parser is the only one.
//!
//! [`session`] is the state machine of a connection; [`exchange`] that of one request and its answer. What the client
//! sends is read by [`head_reader`] and [`body_reader`], strictly: two parsers in a row that are lenient in different
//! ways are how requests are smuggled (RFC 9112 section 11.2), so whatever has more than one reading is refused. The body
//! goes to whoever reads it by way of [`upload`]; the answer is written by [`reply`], its head by [`encode`].

mod body_reader;
mod chunked;
mod diagnose;
mod encode;
mod exchange;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
pub(super) mod head;
mod head_reader;
#[cfg(any(test, fuzzing))]
pub(super) mod messages;
mod reply;
mod request_side;
mod session;
pub(super) mod target;
mod upload;

pub(super) use session::Session;
