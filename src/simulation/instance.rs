//! One instance of the fleet: a whole engine over simulated links, that can die and be born again.

use super::ledger::Ledger;
use super::network::{Dice, SimulatedClock, Weather};
use super::origin::{Shop, ShopSeenFrom};
use super::rules::Edition;
use super::sessions;
use super::watch;
use crate::engine::arrival::Front;
use crate::engine::refresh::RefreshOptions;
use crate::engine::shared_tier::SharedTier;
use crate::engine::{Engine, EngineParts};
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
use crate::fleet::redis_leases::{LeaseLinks, RedisLeases};
use crate::fleet::simulated_redis::SimulatedRedis;
use crate::invalidation::{Currency, FleetLinks, Invalidation, InvalidationOptions};
use crate::stamp::Stamp;
use crate::store::memory::{MemoryOptions, MemoryTier};
use crate::store::redis::RedisTier;
use crate::store::write_behind::WriteBehind;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// A living instance. Its tasks end with it; requests under way go on, and nobody hears of them.
pub(super) struct Instance {
    pub(super) engine: Arc<Engine>,
    pub(super) weather: Arc<Weather>,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) life: u32,
    _tasks: JoinSet<()>,
}

/// Where instances are born.
pub(super) struct Nursery {
    pub(super) redis: Arc<SimulatedRedis>,
    pub(super) shop: Arc<Shop>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) dice: Dice,
    pub(super) born: tokio::time::Instant,
    /// How much memory barriers may take.
    pub(super) barriers_bytes_max: usize,
}

impl Nursery {
    /// An instance with nothing in memory.
    pub(super) fn instance(&self, number: usize, life: u32, edition: Edition) -> Instance {
        let (weather, clock) = (Weather::fair(self.dice.clone()), SimulatedClock::new(self.born));
        let options = fleet_options(number);
        let link = || -> Arc<dyn Link> { self.redis.link(weather.clone()) };
        let (requests, probing) = watch::guarded(link(), Arc::clone(&self.ledger), number);
        let run = u32::try_from(number).expect("few instances") * 1000 + life;
        let barriers_bytes_max = self.barriers_bytes_max;
        let about =
            InvalidationOptions { clock: clock.clone(), run, barriers_bytes_max, ..InvalidationOptions::default() };
        let links = FleetLinks { requests: Arc::clone(&requests), reader: link() };
        let (invalidation, reading) = Invalidation::in_fleet(links, options.clone(), about);
        let writes = link();
        let tier = RedisTier::new(Arc::clone(&requests), Arc::clone(&writes), options.clone(), clock.clone());
        let behind = WriteBehind::new(tier.clone(), options.queue_bytes_max);
        let links = LeaseLinks { requests, background: writes, listening: link() };
        let leases = RedisLeases::new(links, options, run);
        let mut tasks = JoinSet::new();
        tasks.spawn(reading);
        tasks.spawn(probing);
        tasks.spawn(Arc::clone(&behind).work());
        tasks.spawn(Arc::clone(&leases).work());
        let asked = Arc::clone(&invalidation);
        let origin = ShopSeenFrom {
            shop: Arc::clone(&self.shop),
            instance: (number, life),
            // Whoever has counted a purge of its own, because the log's acknowledgement of it was lost, asks anew for what
            // the others have by the log alone.
            is_current: Arc::new(move || {
                let applied = asked.applied();
                asked.currency() == Currency::Proven && applied == Stamp::new(applied.log(), 0)
            }),
        };
        let engine = Engine::new(EngineParts {
            clock: clock.clone(),
            origin: Arc::new(origin),
            memory: Arc::new(MemoryTier::new(MemoryOptions { size_bytes: 64 << 20, variants_per_key_max: 4 })),
            shared: Some(SharedTier { tier, writes: behind, leases }),
            invalidation,
            rules: edition.rules(),
            // Which keys are hot is decided by hashes with seeds of their own, which no seed of ours decides.
            refresh: RefreshOptions { hot_keys: 0, ..RefreshOptions::default() },
            front: Front { stamps: Some(sessions::stamping()), ..Front::default() },
        });
        Instance { engine, weather, clock, life, _tasks: tasks }
    }
}

fn fleet_options(number: usize) -> FleetOptions {
    let partition_grace = Duration::from_secs(4);
    FleetOptions { partition_grace, ..FleetOptions::new(String::new(), format!("instance-{number}")) }
}
