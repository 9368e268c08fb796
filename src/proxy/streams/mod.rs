//! What HTTP/2 and HTTP/3 have in common: a request and its answer on a stream of their own.
//!
//! Each stream is one future ([`serving`]): it asks the handler ([`exchange`]), which may pass interim responses on meanwhile,
//! and sends the answer as fast as its client takes it ([`sending`]). A watch beside it ends it where the client makes no
//! progress (`proxy::stream_progress`). An extended CONNECT (RFC 8441, RFC 9220) becomes a tunnel ([`connect`]). What the two protocols
//! differ in is a stream's answering side ([`answering`]) and the body of its request. A plain hit needs no future ([`fast_path`]).

pub(super) mod answering;
pub(super) mod cancelled;

mod expecting;
pub(super) mod interims;
mod sending;
mod tunnel;

mod exchange;

mod connect;

pub(super) mod serving;

pub(super) mod fast_path;
