//! HTTP/2 from clients: RFC 9113, over the `h2` library itself.
//!
//! [`connection`] accepts the streams of one connection. Each stream is one future ([`stream`]): it asks the handler
//! ([`exchange`]), which may pass interim responses on meanwhile ([`replying`]), and sends the answer as fast as its client
//! takes it ([`sending`]). A watch beside it ends it where the client makes no progress ([`progress`]). An extended CONNECT
//! (RFC 8441) becomes a tunnel ([`connect`]).

mod cancelled;
mod connect;
mod connection;
mod exchange;
pub(super) mod limits;
pub(super) mod progress;
mod pulse;
mod received;
mod replying;
mod sending;
mod socket;
mod stream;
mod tunnel;

pub(super) use connection::Http2Connection;
