//! What one connection of a client may do, and hold, as far as the transport sees to it.

use crate::proxy::stream_limits::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, STREAMS_MAX};
use quinn::{IdleTimeout, TransportConfig, VarInt};
use std::time::Duration;

/// Streams at once that go one way: three are needed.
const ONE_WAY_STREAMS_MAX: u32 = 16;
/// Bytes of the answers of all streams of a connection that its client has not confirmed.
const SEND_WINDOW_BYTES: u64 = 1024 * 1024;
/// How long a client may be silent before it is asked for a sign of life, in milliseconds.
const SILENCE_MAX_MS: u32 = 20_000;

/// The transport of all connections.
pub(super) fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(ONE_WAY_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(Duration::from_millis(SILENCE_MAX_MS.into())))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(2 * SILENCE_MAX_MS))));
    transport
}
