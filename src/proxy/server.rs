//! What all connections of one listener share.

use super::conversation::Conversation;
use super::end_signal::EndSignal;
use super::observer::Observers;
use super::options::ProxyOptions;
use super::room::Room;
use super::stream::{STREAM_WINDOW_BYTES, StreamExecutor};
use crate::clients::Clients;
use crate::engine::Handler;
use crate::in_flight::InFlight;
use hyper::server::conn::http2;
use hyper_util::rt::TokioTimer;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest target that the `http` crate takes.
const URI_BYTES_MAX: usize = 65_534;
/// Streams at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// Bytes of one HTTP/2 stream's response that wait for the client.
const STREAM_SEND_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the requests of all streams of a connection that may wait for whoever takes them.
const CONNECTION_WINDOW_BYTES: u32 = 512 * 1024;
/// Streams that a client may open and reset before they were looked at: more ends the connection.
const RESET_STREAMS_MAX: usize = 20;
/// Streams that may be reset for what their client did wrong: more ends the connection.
const ERROR_RESETS_MAX: usize = 128;
/// How often, and for how long, a silent HTTP/2 client is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// A server: the handler, the limits, and hyper set up for HTTP/2.
#[derive(Debug)]
pub(super) struct Server<H> {
    /// Answers the requests.
    pub(super) handler: Arc<H>,
    /// The options, with the target's limit at most what can be taken.
    pub(super) options: ProxyOptions,
    /// Are told of requests and connections.
    pub(super) observers: Observers,
    /// HTTP/2 connections.
    pub(super) http2: http2::Builder<StreamExecutor>,
    /// What bodies under way hold; none where nobody keeps an account.
    pub(super) in_flight: Option<Arc<InFlight>>,
    /// What each client takes.
    pub(super) clients: Arc<Clients>,
    /// Where connections find a place.
    pub(super) room: Arc<Room>,
    /// The end: what is under way may finish.
    pub(super) end: EndSignal,
    /// What is still under way is cut off.
    pub(super) cut: EndSignal,
}

impl<H: Handler> Server<H> {
    /// A server that has not begun to end.
    pub(super) fn new(handler: Arc<H>, mut options: ProxyOptions, observers: Observers) -> Self {
        options.uri_bytes_max = options.uri_bytes_max.min(URI_BYTES_MAX);
        let (in_flight, clients) = (handler.in_flight(), handler.clients());
        let executor = StreamExecutor { stall_timeout: options.stall_timeout, in_flight: in_flight.clone() };
        let mut http2 = http2::Builder::new(executor);
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(u32::try_from(options.header_bytes_max).unwrap_or(u32::MAX))
            .max_send_buf_size(STREAM_SEND_BYTES_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
            .max_local_error_reset_streams(ERROR_RESETS_MAX)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        let room = Arc::new(Room::new(options.connections_max));
        Self {
            handler,
            options,
            observers,
            http2,
            in_flight,
            clients,
            room,
            end: EndSignal::default(),
            cut: EndSignal::default(),
        }
    }

    /// The state of a connection that is opened now.
    pub(super) fn conversation(&self) -> Arc<Conversation> {
        Arc::new(Conversation::new(Instant::now(), self.observers.clone()).charging(self.in_flight.clone()))
    }
}
