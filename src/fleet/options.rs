//! `[redis]`, resolved.

use super::names::Names;
use std::time::Duration;

/// How this instance shares with others.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// `url`: `redis://`, `rediss://`, `redis+sentinel://host:port,host:port/service`, `redis-cluster://host:port,…`;
    /// `rediss+sentinel://` and `rediss-cluster://` with TLS.
    pub url: String,
    /// `ca_file`, its text: certificates in PEM that `rediss://` trusts instead of the system's.
    pub ca_pem: Option<String>,
    /// `namespace`
    pub names: Names,
    /// `instance`: the name of this instance in receipts, unique in the fleet.
    pub instance: String,
    /// `timeout`: for one operation on the path of a request.
    pub timeout: Duration,
    /// `partition_grace`: how long hits are served without proof that no purge was missed.
    pub partition_grace: Duration,
    /// `max_value`: the largest value stored, in bytes.
    pub value_bytes_max: usize,
    /// `write_queue`: the most bytes that wait to be written.
    pub queue_bytes_max: usize,
    /// `log_retention`: how long purges are remembered, and so the longest that a response may live.
    pub log_retention: Duration,
    /// `join_wait`: how long a start waits until this instance is current; then it goes on without.
    pub join_wait: Duration,
}

impl FleetOptions {
    /// The defaults, for an instance of this name.
    #[must_use]
    pub fn new(url: String, instance: String) -> Self {
        Self {
            url,
            ca_pem: None,
            names: Names::below("larder"),
            instance,
            timeout: Duration::from_millis(50),
            partition_grace: Duration::from_secs(30),
            value_bytes_max: 1024 * 1024,
            queue_bytes_max: 16 * 1024 * 1024,
            log_retention: Duration::from_hours(24),
            join_wait: Duration::from_secs(2),
        }
    }

    /// How long an instance's lease lasts without renewal: longer than it serves hits without one, by a margin that
    /// covers what is sent, executed and rounded in between.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.partition_grace + (self.partition_grace / 4).max(Duration::from_secs(1))
    }
}
