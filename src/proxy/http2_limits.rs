//! What one connection of a client may do over HTTP/2, and hold.

use super::options::ProxyOptions;
use super::stream_limits::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, STREAMS_MAX};
use h2::server::Builder;

/// Bytes of one stream's response that wait for the socket.
const STREAM_SEND_BYTES_MAX: usize = 64 * 1024;
/// What the library holds of short pieces of requests costs more than their bytes: each is counted as 256 bytes, less its own.
/// So about 8,000 of them may wait on a connection.
const SHORT_PIECES_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Streams that a client may open and reset before they were looked at: more ends the connection.
const RESET_STREAMS_MAX: usize = 20;
/// Streams that may be reset for what their client did wrong: more ends the connection.
const ERROR_RESETS_MAX: usize = 128;

/// The library, set up for the connections of one server.
pub(super) fn builder(options: &ProxyOptions) -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(options.header_bytes_max).unwrap_or(u32::MAX))
        .max_send_buffer_size(STREAM_SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
        .max_local_error_reset_streams(Some(ERROR_RESETS_MAX))
        .data_frame_budget(SHORT_PIECES_BYTES_MAX)
        .enable_connect_protocol();
    builder
}
