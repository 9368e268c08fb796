//! What one client may take at once (`limits.per_client`): connections, requests in a second, requests that wait for the
//! origin.
//!
//! A client is who sent a request to the first trusted proxy on its way, never such a proxy itself. Connections and waiting
//! requests are counted one by one, so a table is no larger than what is open. Requests in a second are counted in a sketch
//! of fixed size ([`rates`]), whoever makes them. Nothing is counted, nor any memory taken, where there is no limit.

mod counts;
pub(crate) mod metrics;
mod rates;

use crate::semantics::network::Network;
use counts::Counts;
pub(crate) use counts::Place;
use rates::Rates;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::time::Instant;

/// `limits.per_client`. Zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientLimits {
    /// `connections`
    pub connections: usize,
    /// `requests_per_second`
    pub requests_per_second: usize,
    /// `misses`
    pub misses: usize,
}

/// A client has as much as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// The account of all clients.
#[derive(Debug, Default)]
pub struct Clients {
    connections: Limited,
    /// Connections beyond the limit, which get an answer that says so.
    surplus: Arc<Counts>,
    requests_max: AtomicUsize,
    rates: OnceLock<Rates>,
    misses: Limited,
    refused: Refused,
}

/// What is counted one by one.
#[derive(Debug, Default)]
struct Limited {
    max: AtomicUsize,
    taken: Arc<Counts>,
}

impl Limited {
    /// A place; `None` if there is no limit.
    fn take(&self, client: Network) -> Result<Option<Place>, TooMany> {
        match self.max.load(Ordering::Relaxed) {
            0 => Ok(None),
            max => self.taken.take(client, max).map(Some).ok_or(TooMany),
        }
    }
}

/// What was refused.
#[derive(Debug, Default)]
struct Refused {
    connections: AtomicU64,
    requests: AtomicU64,
    misses: AtomicU64,
}

impl Clients {
    /// Nobody has anything yet.
    #[must_use]
    pub(crate) fn new(limits: ClientLimits) -> Self {
        let clients = Self::default();
        clients.limit(limits);
        clients
    }

    /// Puts other limits in force. Who has more than they allow keeps it.
    pub(crate) fn limit(&self, limits: ClientLimits) {
        self.connections.max.store(limits.connections, Ordering::Relaxed);
        self.requests_max.store(limits.requests_per_second, Ordering::Relaxed);
        self.misses.max.store(limits.misses, Ordering::Relaxed);
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> ClientLimits {
        ClientLimits {
            connections: self.connections.max.load(Ordering::Relaxed),
            requests_per_second: self.requests_max.load(Ordering::Relaxed),
            misses: self.misses.max.load(Ordering::Relaxed),
        }
    }

    /// A connection of this client; `None` if it counts nowhere, because there is no limit or it is nobody's in
    /// particular.
    ///
    /// # Errors
    /// Where the client has so many beyond the limit that it gets no answer at all.
    pub(crate) fn connect(self: &Arc<Self>, client: Option<Network>) -> Result<Option<ClientConnection>, TooMany> {
        let Some(client) = client else { return Ok(None) };
        let of = |place: Option<Place>, surplus| {
            let clients = Arc::clone(self);
            Some(ClientConnection {
                clients,
                client,
                place: place.map_or_else(OnceLock::new, OnceLock::from),
                _surplus: surplus,
            })
        };
        match self.connections.take(client) {
            Ok(None) => Ok(None),
            Ok(Some(place)) => Ok(of(Some(place), None)),
            Err(TooMany) => {
                if let Some(surplus) = self.surplus.take(client, self.limits().connections) {
                    return Ok(of(None, Some(surplus)));
                }
                self.refused.connections.fetch_add(1, Ordering::Relaxed);
                Err(TooMany)
            }
        }
    }

    /// Counts a request that came at `now`.
    ///
    /// # Errors
    /// Where this second has had as many of its client as it may.
    pub(crate) fn request(&self, client: Option<Network>, now: Instant) -> Result<(), TooMany> {
        let max = self.requests_max.load(Ordering::Relaxed);
        let Some(client) = client.filter(|_| max > 0) else { return Ok(()) };
        self.rates.get_or_init(|| Rates::beginning(now)).count(client, max, now)
    }

    /// Counts a request that was refused for its client's rate.
    pub(crate) fn refused_request(&self) {
        self.refused.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A place among those of a client's requests that wait for the origin; `None` if there is no limit. Shared by all
    /// that the request leads to.
    ///
    /// # Errors
    /// Where all are taken.
    pub(crate) fn miss(&self, client: Option<Network>) -> Result<Option<Arc<Place>>, TooMany> {
        let Some(client) = client else { return Ok(None) };
        let taken = self.misses.take(client);
        if taken.is_err() {
            self.refused.misses.fetch_add(1, Ordering::Relaxed);
        }
        taken.map(|place| place.map(Arc::new))
    }
}

/// An open connection of one client.
#[derive(Debug)]
pub(crate) struct ClientConnection {
    clients: Arc<Clients>,
    client: Network,
    place: OnceLock<Place>,
    _surplus: Option<Place>,
}

impl ClientConnection {
    /// Whether it is one of those that its client may have, by now.
    pub(crate) fn is_within(&self) -> bool {
        if self.place.get().is_some() {
            return true;
        }
        match self.clients.connections.take(self.client) {
            Ok(None) => true,
            Ok(Some(place)) => {
                // Another request may have been as quick; its place is enough.
                drop(self.place.set(place));
                true
            }
            Err(TooMany) => false,
        }
    }

    /// Counts a request that was refused for it.
    pub(crate) fn refused(&self) {
        self.clients.refused.connections.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use std::time::Duration;

    #[expect(clippy::unnecessary_wraps, reason = "as the callers have it")]
    fn client(text: &str) -> Option<Network> {
        Some(text.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn connections_beyond_the_limit_are_told_so_and_as_many_more_are_not() {
        let clients = Arc::new(Clients::new(ClientLimits { connections: 2, ..ClientLimits::default() }));
        let one = client("192.0.2.1");
        let mut open: Vec<_> = (0..4).map(|_| clients.connect(one).unwrap().unwrap()).collect();
        assert_eq!(open.iter().map(ClientConnection::is_within).collect::<Vec<_>>(), [true, true, false, false]);
        assert!(clients.connect(one).is_err());
        assert!(clients.connect(client("192.0.2.2")).unwrap().unwrap().is_within(), "another client");
        assert!(clients.connect(None).unwrap().is_none(), "a trusted proxy");
        // One that ends makes room, for one that is open as well.
        drop(open.remove(0));
        assert_eq!(open.iter().map(ClientConnection::is_within).collect::<Vec<_>>(), [true, true, false]);
        clients.limit(ClientLimits::default());
        assert!(open[2].is_within() && clients.connect(one).unwrap().is_none(), "there is no limit any more");
    }

    #[test]
    fn misses_are_places_that_come_back() {
        let clients = Clients::new(ClientLimits { misses: 1, ..ClientLimits::default() });
        let one = client("2001:db8::1");
        let place = clients.miss(one).unwrap();
        assert!(place.is_some());
        assert_eq!(clients.miss(client("2001:db8::2")).unwrap_err(), TooMany, "one network is one client");
        let shared = place.clone();
        drop(place);
        assert!(clients.miss(one).is_err());
        drop(shared);
        assert!(clients.miss(one).unwrap().is_some());
    }

    #[tokio::test]
    async fn where_there_is_no_limit_nothing_is_counted() {
        let clients = Arc::new(Clients::default());
        let one = client("192.0.2.1");
        for _ in 0..100 {
            assert_eq!(clients.request(one, Instant::now()), Ok(()));
            assert!(clients.miss(one).unwrap().is_none() && clients.connect(one).unwrap().is_none());
        }
        assert!(clients.rates.get().is_none());
        clients.limit(ClientLimits { requests_per_second: 1, ..ClientLimits::default() });
        let now = Instant::now();
        assert_eq!(
            [now, now, now + Duration::from_secs(1)].map(|at| clients.request(one, at).is_ok()),
            [true, false, true]
        );
    }
}
