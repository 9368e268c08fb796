//! What other parts count for themselves and the metrics only ask for when somebody reads them.

use crate::events::EventCount;
use crate::histogram::DurationCounts;
use crate::invalidation::Invalidation;
use crate::scope::RouteName;
use std::sync::Arc;

/// The label of the tier in this process.
pub const MEMORY: &str = "memory";

/// The label of the tier that all instances share.
pub const REDIS: &str = "redis";

/// The name of the pool of `[upstream]`.
pub const DEFAULT_POOL: &str = "default";

/// What a tier holds and has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TierUsage {
    /// `memory`; later `redis`.
    pub tier: &'static str,
    /// Responses stored.
    pub entries: u64,
    /// Bytes charged.
    pub bytes: u64,
    /// The most bytes that it may be charged.
    pub bytes_max: u64,
    /// Responses that left since the start, by reason.
    pub evictions: Vec<(&'static str, u64)>,
}

/// What bodies under way hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InFlightUsage {
    /// Bytes charged.
    pub held_bytes: u64,
    /// Readers cut off since the start.
    pub cut_off: u64,
}

/// What one upstream server was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerUsage {
    /// The name of its pool.
    pub pool: &'static str,
    /// `host:port`
    pub server: String,
    /// Requests since the start, by result.
    pub requests: Vec<(&'static str, u64)>,
    /// Requests that were followed by another try, by cause.
    pub retries: Vec<(&'static str, u64)>,
    /// Whether it is asked: 1, or 0 while it has been taken out.
    pub up: u64,
    /// Open connections, by what they do.
    pub connections: Vec<(&'static str, u64)>,
    /// Time to the head of the answer.
    pub durations: DurationCounts,
}

/// What this instance did with what it shares with others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FleetUsage {
    /// Requests answered from the shared tier.
    pub answered: u64,
    /// Fetches claimed for the whole fleet, by what came of that.
    pub claims: Vec<(&'static str, u64)>,
    /// Whether Redis counts as away, so that requests do without it: 1, else 0.
    pub breaker_open: u64,
    /// Commands without a usable reply, by what happened.
    pub failures: Vec<(&'static str, u64)>,
    /// Look-ups in the shared tier, by result.
    pub lookups: Vec<(&'static str, u64)>,
    /// Writes to the shared tier, by result.
    pub writes: Vec<(&'static str, u64)>,
}

/// What became of attempts to load rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RulesUsage {
    /// Rules put in force, those at the start included.
    pub accepted: u64,
    /// Rules refused.
    pub refused: u64,
    /// Whether newer rules than those in force stand rejected: 1, else 0.
    pub rejected_now: u64,
}

/// Asks something for its numbers.
pub type Ask<T> = Box<dyn Fn() -> T + Send + Sync>;

/// Whom to ask.
pub struct MetricSources {
    /// The tiers.
    pub tiers: Ask<Vec<TierUsage>>,
    /// The account of bodies under way.
    pub in_flight: Ask<InFlightUsage>,
    /// The upstream pool.
    pub servers: Ask<Vec<ServerUsage>>,
    /// The rules' keeper.
    pub rules: Ask<RulesUsage>,
    /// What is shared with other instances; none where this one stands alone.
    pub fleet: Ask<Option<FleetUsage>>,
    /// Hot keys fetched again after a purge.
    pub refreshes: Ask<u64>,
    /// What came of storing answers, by route and label.
    pub admissions: Ask<Vec<(RouteName, &'static str, u64)>>,
    /// Events taken.
    pub events: Ask<Vec<EventCount>>,
    /// The purges.
    pub invalidation: Arc<Invalidation>,
}

impl MetricSources {
    /// Only the purges, for a start; fill in the other fields.
    #[must_use]
    pub fn new(invalidation: Arc<Invalidation>) -> Self {
        Self {
            tiers: Box::new(Vec::new),
            in_flight: Box::new(InFlightUsage::default),
            servers: Box::new(Vec::new),
            rules: Box::new(RulesUsage::default),
            fleet: Box::new(|| None),
            refreshes: Box::new(|| 0),
            admissions: Box::new(Vec::new),
            events: Box::new(Vec::new),
            invalidation,
        }
    }
}
