//! The data port: listeners, connections, limits, timeouts, interim responses, upgrades, shutdown.
//!
//! [`serve`] accepts sockets, some of which speak TLS first ([`tls`]). Each is one task ([`connection`]): its first bytes tell
//! HTTP/1, a session of our own ([`http1`]), from HTTP/2 ([`http2`], [`streams`]), by the h2 library; both over the socket's wrapper ([`wire`]), which
//! counts and minds clients that take nothing. [`service`] gives each request to the engine's [`crate::engine::Handler`] and
//! turns its answer into a response, whose body ([`response_body`]) reports to the observers ([`observer`]) how it
//! ended. What the parts of one connection must know of each other stands in its [`conversation`].

mod end_signal;
mod lines;
mod listen_address;
mod out_buffer;
pub(crate) mod refusal;
pub(crate) mod request_id;
mod socket;
mod stream_limits;
mod stream_progress;
mod websocket;
mod written;

mod in_buffer;
mod interim;
pub(crate) mod observer;
mod open_error;
mod plain_socket;
mod problem;
mod tunnel_end;

pub(crate) mod access_log;
mod conversation;
mod proxy_protocol;
pub(crate) mod tls;

mod listen_options;
mod record;
mod request_body;
mod room;
mod wire;

pub(crate) mod https_policy;
mod response_body;
mod upgrade;

pub(crate) mod entrance;

mod options;

mod http2_limits;

mod server;

mod client_limits;
mod handshake;

mod service;

mod plain_fields;

mod http1;
mod streams;

mod http2;

mod connection;

#[cfg(feature = "http3")]
mod http3;
#[cfg(any(test, fuzzing))]
mod simulated;

mod acceptor;
#[cfg(fuzzing)]
#[doc(hidden)]
pub(crate) mod fuzzing;

mod listening;

mod listener;

pub(crate) use acceptor::adopt_tcp;
#[cfg(feature = "http3")]
pub(crate) use http3::UdpPort;
pub use listen_address::ListenAddress;
pub(crate) use listen_options::Transport;
pub use listen_options::{ListenerOptions, Speaks};
pub use listener::serve;
pub use listening::Listening;
#[cfg(not(feature = "http3"))]
pub(crate) use listening::UdpPort;
pub(crate) use listening::{Given, Opening};
pub use options::{OptionsInForce, ProxyOptions};
pub(crate) use proxy_protocol::ProxyProtocol;
