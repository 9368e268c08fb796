//! What all connections of one listener share, by the options in force when they last looked.

use super::conversation::Conversation;
use super::end_signal::EndSignal;
use super::http2_limits;
use super::listen_options::SecurePorts;
use super::observer::Observers;
use super::options::{Generation, OptionsInForce, ProxyOptions};
use super::room::Room;
use crate::clients::Clients;
use crate::clock::SystemClock;
use crate::engine::Handler;
use crate::in_flight::InFlight;
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
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
    pub(super) end: Arc<EndSignal>,
    /// What is still under way is cut off.
    pub(super) cut: Arc<EndSignal>,
    in_force: Arc<OptionsInForce>,
    generation: Generation,
    /// Where the server by later options is.
    port: Weak<Port<H>>,
}

impl<H: Handler> Server<H> {
    /// A server that has not begun to end, by options that stay.
    #[cfg(any(test, fuzzing))]
    pub(super) fn new(handler: Arc<H>, options: ProxyOptions, observers: Observers) -> Self {
        Self::first(handler, &OptionsInForce::new(options), observers, Weak::new(), |options| options)
    }

    fn first(
        handler: Arc<H>,
        in_force: &Arc<OptionsInForce>,
        observers: Observers,
        port: Weak<Port<H>>,
        prepared: impl FnOnce(ProxyOptions) -> ProxyOptions,
    ) -> Self {
        let generation = in_force.generation();
        let options = fitting(prepared(ProxyOptions::clone(&in_force.options())));
        let (in_flight, clients) = (handler.in_flight(), handler.clients());
        Self {
            handler,
            http2: http2_limits::builder(&options),
            room: Arc::new(Room::new(options.connections_max)),
            options,
            observers,
            clock: SystemClock::default(),
            in_flight,
            clients,
            end: Arc::default(),
            cut: Arc::default(),
            in_force: Arc::clone(in_force),
            generation,
            port,
        }
    }

    /// The same server by the options that are in force now.
    fn renewed(&self, prepared: impl FnOnce(ProxyOptions) -> ProxyOptions) -> Self {
        let generation = self.in_force.generation();
        let options = fitting(prepared(ProxyOptions::clone(&self.in_force.options())));
        self.room.resize(options.connections_max);
        Self {
            handler: Arc::clone(&self.handler),
            http2: http2_limits::builder(&options),
            options,
            observers: self.observers.clone(),
            clock: SystemClock::default(),
            in_flight: self.in_flight.clone(),
            clients: Arc::clone(&self.clients),
            room: Arc::clone(&self.room),
            end: Arc::clone(&self.end),
            cut: Arc::clone(&self.cut),
            in_force: Arc::clone(&self.in_force),
            generation,
            port: Weak::clone(&self.port),
        }
    }

    /// Whether the options are those in force. Cheap: it is asked before each request.
    pub(super) fn is_latest(&self) -> bool {
        self.in_force.generation() == self.generation
    }

    /// The server by the options in force; `None` if it is this one, or nobody accepts connections any more.
    pub(super) fn latest(&self) -> Option<Arc<Self>> {
        if self.is_latest() { None } else { self.port.upgrade().map(|port| port.server()) }
    }

    /// The state of a connection that is opened now.
    pub(super) fn conversation(&self) -> Arc<Conversation> {
        Arc::new(Conversation::new(Instant::now(), self.observers.clone()).charging(self.in_flight.clone()))
    }
}

fn fitting(options: ProxyOptions) -> ProxyOptions {
    ProxyOptions { uri_bytes_max: options.uri_bytes_max.min(URI_BYTES_MAX), ..options }
}

/// The data port: the server by the options in force, made when it is first asked for.
#[derive(Debug)]
pub(super) struct Port<H> {
    latest: ArcSwap<Server<H>>,
    ports: SecurePorts,
    renewing: Mutex<()>,
}

impl<H: Handler> Port<H> {
    /// One whose first listeners over TLS have these ports.
    pub(super) fn new(
        handler: Arc<H>,
        in_force: &Arc<OptionsInForce>,
        observers: Observers,
        ports: SecurePorts,
    ) -> Arc<Self> {
        Arc::new_cyclic(|port| {
            let prepared = |options| beside(ports, options);
            let server = Server::first(handler, in_force, observers, Weak::clone(port), prepared);
            Self { latest: ArcSwap::from_pointee(server), ports, renewing: Mutex::default() }
        })
    }

    /// The server by the options in force.
    pub(super) fn server(&self) -> Arc<Server<H>> {
        let latest = self.latest.load_full();
        if latest.is_latest() {
            return latest;
        }
        let _renewing = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = self.latest.load_full();
        if latest.is_latest() {
            return latest;
        }
        let renewed = Arc::new(latest.renewed(|options| beside(self.ports, options)));
        self.latest.store(Arc::clone(&renewed));
        renewed
    }
}

fn beside(ports: SecurePorts, mut options: ProxyOptions) -> ProxyOptions {
    options.entrance.https = std::mem::take(&mut options.entrance.https).beside(ports);
    options
}
