//! The data port: listeners, connections, limits, timeouts, interim responses, upgrades, shutdown.
//!
//! [`serve`] accepts sockets, some of which speak TLS first ([`tls`]). Each is one task ([`connection`]): its first bytes tell
//! HTTP/1, a session of our own ([`http1`]), from HTTP/2 ([`http2`], [`streams`]), by the h2 library; both over the socket's wrapper ([`wire`]), which
//! counts and minds clients that take nothing. [`service`] gives each request to the engine's [`crate::engine::Handler`] and
//! turns its answer into a response, whose body ([`response_body`]) reports to the observers ([`observer`]) how it
//! ended. What the parts of one connection must know of each other stands in its [`conversation`].

mod acceptor;
pub(crate) mod access_log;
mod client_limits;
mod connection;
mod conversation;
mod end_signal;
pub(crate) mod entrance;
mod fast_path;
mod http1;
mod http2;
#[cfg(feature = "http3")]
mod http3;
pub(crate) mod https_policy;
mod interim;
mod lines;
mod listen_address;
mod listener;
mod listening;
pub(crate) mod observer;
mod options;
mod out_buffer;
mod plain_socket;
mod problem;
mod proxy_protocol;
mod record;
pub(crate) mod refusal;
mod request_body;
pub(crate) mod request_id;
mod response_body;
mod room;
mod server;
mod service;
#[cfg(any(test, fuzzing))]
mod simulated;
mod socket;
mod streams;
pub(crate) mod tls;
mod tunnel_end;
mod upgrade;
mod websocket;
mod wire;
mod written;

pub(crate) use acceptor::adopt_tcp;
#[cfg(fuzzing)]
#[doc(hidden)]
pub(crate) use http1::fuzzing;
#[cfg(feature = "http3")]
pub(crate) use http3::UdpPort;
pub use listen_address::ListenAddress;
pub use listener::serve;
#[cfg(not(feature = "http3"))]
pub(crate) use listening::UdpPort;
pub(crate) use listening::{Given, Opening, Transport};
pub use listening::{ListenerOptions, Listening, Speaks};
pub use options::{OptionsInForce, ProxyOptions};
pub(crate) use proxy_protocol::ProxyProtocol;
