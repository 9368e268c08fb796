//! This instance's part in a fleet: the links to Redis, what runs over them, and its metrics.

use crate::clock::Clock;
use crate::engine::shared_tier::SharedTier;
use crate::fleet::guarded_link::GuardedLink;
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
use crate::fleet::redis_leases::{LeaseLinks, RedisLeases};
use crate::fleet::redis_link::RedisLink;
use crate::invalidation::{FleetLinks, Invalidation, InvalidationOptions};
use crate::metric::Measured;
use crate::store::redis::RedisTier;
use crate::store::write_behind::WriteBehind;
use crate::supervisor::Supervisor;
use anyhow::Context as _;
use std::sync::Arc;

/// What an instance of a fleet is made of besides what every instance is.
pub(super) struct Fleet {
    pub(super) invalidation: Arc<Invalidation>,
    pub(super) shared: SharedTier,
    /// To read events by, and nothing else.
    pub(super) events: Arc<dyn Link>,
    /// What it counts.
    pub(super) metrics: Vec<Arc<dyn Measured>>,
}

impl Fleet {
    /// Joins the fleet that `options` name. Redis need not be there yet. `resume` is called before anything is read of the log.
    pub(super) fn join(
        options: &FleetOptions,
        clock: Arc<dyn Clock>,
        resume: impl FnOnce(&Invalidation),
        tasks: &mut Supervisor,
    ) -> anyhow::Result<Self> {
        let open = || RedisLink::open(options).context("cannot use Redis (redis.url)");
        let requests = GuardedLink::over(open()?);
        // Who blocks has a link of its own.
        let (reader, writes, listening) = (open()?, open()?, open()?);
        let links = FleetLinks { requests: requests.clone(), reader };
        let about = InvalidationOptions { clock: Arc::clone(&clock), ..InvalidationOptions::default() };
        let run = about.run;
        let (invalidation, reading) = Invalidation::in_fleet(links, options.clone(), about);
        resume(&invalidation);
        let tier = RedisTier::new(requests.clone(), writes.clone(), options.clone(), clock);
        let behind = WriteBehind::new(tier.clone(), options.queue_bytes_max);
        let links = LeaseLinks { requests: requests.clone(), background: writes, listening };
        let leases = RedisLeases::new(links, options.clone(), run);
        let shared = SharedTier { tier: tier.clone(), writes: Arc::clone(&behind), leases: leases.clone() };
        // What it has applied is in the log's order; a reader started anew would not know where it was.
        tasks.require("invalidation-log", reading);
        let probing = Arc::clone(&requests);
        tasks.restart("redis-probe", move || Arc::clone(&probing).probe());
        let (writing, leasing) = (Arc::clone(&behind), Arc::clone(&leases));
        tasks.restart("write-behind", move || Arc::clone(&writing).work());
        tasks.restart("fetch-leases", move || Arc::clone(&leasing).work());
        Ok(Self { events: open()?, invalidation, shared, metrics: vec![requests, tier, behind, leases] })
    }
}
