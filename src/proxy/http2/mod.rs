//! HTTP/2 from clients: RFC 9113, over the `h2` library itself.
//!
//! [`connection`] accepts the streams of one connection, which are served as those of HTTP/3 are
//! ([`streams`](super::streams)): here are the body of a request ([`received`]) and the answering side ([`replying`],
//! [`sink`]). What is answered together is written together ([`gathering`]).

mod gathering;
mod overhead;
mod pulse;
mod received;
mod sink;

mod replying;
mod socket;

mod connection;

pub(super) use connection::Http2Connection;
