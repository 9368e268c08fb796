//! Larder before real servers that are reached in other ways than by plain HTTP/1.1 over TCP.

#[path = "support/mod.rs"]
mod support;

#[path = "to_upstreams/https.rs"]
mod https;
