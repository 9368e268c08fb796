//! HTTP/3 from clients: RFC 9114, over the QUIC of the `quinn` library.
//!
//! [`listener`] accepts connections at a UDP port, each a task, and makes the handshake. [`connection`] accepts the streams of
//! one, which are served as those of HTTP/2 are ([`streams`](super::streams)): here are a request's head and body as they
//! come ([`received`]) and the answering side ([`replying`], [`outgoing`]). What lies between is small enough to be bounded
//! at every point: frames ([`frames`]), field sections ([`qpack`]), heads ([`head`]), and the streams that go one way
//! ([`control`]). While one process takes another one's place both have connections at the port ([`port`], [`relay`]), and
//! connection identifiers say whose a packet is ([`ids`]).

mod code;
mod ids;
mod limits;
mod qpack;
mod relay;

mod port;

mod frames;
mod head;

mod outgoing;
mod received;

mod control;
mod replying;

mod connection;

mod listener;

pub(super) use listener::{Holder, QuicListener, accept_one};
pub(crate) use port::UdpPort;
