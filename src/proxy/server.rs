//! What all connections of one listener share.

use super::conversation::Conversation;
use super::end_signal::EndSignal;
use super::http2;
use super::observer::Observers;
use super::options::ProxyOptions;
use super::room::Room;
use crate::clients::Clients;
use crate::clock::SystemClock;
use crate::engine::Handler;
use crate::in_flight::InFlight;
use std::sync::Arc;
use tokio::time::Instant;

/// The longest target that the `http` crate takes.
const URI_BYTES_MAX: usize = 65_534;
/// A server: the handler, the limits, and the library of HTTP/2, set up.
#[derive(Debug)]
pub(super) struct Server<H> {
    /// Answers the requests.
    pub(super) handler: Arc<H>,
    /// The options, with the target's limit at most what can be taken.
    pub(super) options: ProxyOptions,
    /// Notified of requests and connections.
    pub(super) observers: Observers,
    /// HTTP/2 connections.
    pub(super) http2: h2::server::Builder,
    /// Tells when an answer was made that does not say so itself.
    pub(super) clock: SystemClock,
    /// What bodies under way hold; `None` if nobody keeps an account.
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
        let http2 = http2::limits::builder(&options);
        let room = Arc::new(Room::new(options.connections_max));
        Self {
            handler,
            options,
            observers,
            http2,
            clock: SystemClock::default(),
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
