//! What one connection of a client may do, and hold, over either protocol.

/// Streams at once on one connection.
pub(super) const STREAMS_MAX: u32 = 128;
/// Bytes of one stream's request that may wait for whoever takes them.
pub(super) const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
/// Bytes of the requests of all streams of a connection that may wait for whoever takes them.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 512 * 1024;
