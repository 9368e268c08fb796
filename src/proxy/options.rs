//! What the data port is set up with.

use super::entrance::Entrance;
use super::listen_options::ListenerOptions;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// `[listen]`, `[limits]` and `[timeouts]`, resolved.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// `listen.http` and `listen.https`: at least one.
    pub listeners: Vec<ListenerOptions>,
    /// `listen.trusted_proxies`, `forwarded`, `trust_host`, `scheme` and `default_host`.
    pub entrance: Entrance,
    /// `limits.header_bytes`: of one request's whole head; more: 431.
    pub header_bytes_max: usize,
    /// `limits.headers`: field lines of one request; more: 431.
    pub headers_max: usize,
    /// `limits.uri_bytes`: of the request target; more: 414.
    pub uri_bytes_max: usize,
    /// `limits.connections`: at once; for a new one the one that has been idle longest makes room.
    pub connections_max: usize,
    /// `timeouts.header_read`: from the first byte of a head to its last.
    pub header_read_timeout: Duration,
    /// `timeouts.idle`: between two requests on a connection.
    pub idle_timeout: Duration,
    /// `timeouts.drain_delay`: how long connections are still accepted once asked to stop.
    pub drain_delay: Duration,
    /// `timeouts.drain`: how long requests under way may take once asked to stop.
    pub drain_timeout: Duration,
    /// `timeouts.stall`: how long a client may neither send the next piece of its body nor read the next of a response.
    pub stall_timeout: Duration,
}

/// The options that a data port goes by, which may be replaced while it serves: connections go by the new ones from their next
/// request on. Listeners stay as they are.
#[derive(Debug)]
pub struct OptionsInForce {
    options: ArcSwap<ProxyOptions>,
    generation: AtomicU64,
}

/// Which options are meant: those that came later have a higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Generation(u64);

impl OptionsInForce {
    /// These.
    #[must_use]
    pub fn new(options: ProxyOptions) -> Arc<Self> {
        Arc::new(Self { options: ArcSwap::from_pointee(options), generation: AtomicU64::new(0) })
    }

    /// Puts others in force.
    pub fn replace(&self, options: ProxyOptions) {
        self.options.store(Arc::new(options));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The options in force.
    #[must_use]
    pub fn options(&self) -> Arc<ProxyOptions> {
        self.options.load_full()
    }

    /// Which these are. Read before them, so that what is read is never taken for older than it is.
    pub(super) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }
}
