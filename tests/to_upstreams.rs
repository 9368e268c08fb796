//! Larder before real servers that are reached in other ways than by plain HTTP/1.1 over TCP.

#[path = "support/mod.rs"]
mod support;

#[path = "to_upstreams/http2.rs"]
mod http2;
#[path = "to_upstreams/https.rs"]
mod https;
#[path = "to_upstreams/reloading.rs"]
mod reloading;
#[path = "to_upstreams/reuse.rs"]
mod reuse;
#[path = "to_upstreams/sockets.rs"]
mod sockets;
#[path = "to_upstreams/trying.rs"]
mod trying;
