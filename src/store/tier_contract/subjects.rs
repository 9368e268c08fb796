//! The tiers, each in a world of its own.

use super::deadline::within;
use super::entries::NOW;
use super::redis_server::RedisServer;
use super::{AfterUse, BeyondVariantsMax, Declared, Parts, Reach, Subject};
use crate::clock::ManualClock;
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
use crate::fleet::redis_link::RedisLink;
use crate::fleet::simulated_redis::{Cable, SimulatedRedis};
use crate::store::memory::{MemoryOptions, MemoryTier};
use crate::store::redis::{RedisTier, VARIANTS_MAX};
use std::sync::Arc;
use std::time::Duration;

/// A body of so many bytes is too large for each of them, and one of half as many is not.
pub(super) const BODY_BYTES_TOO_LARGE: usize = 1 << 20;

/// What a tier stands on.
pub(super) enum World {
    Memory,
    Simulated(Arc<Cable>),
    Real(RedisServer),
}

pub(super) fn memory() -> Subject {
    const VARIANTS: usize = 4;
    let options = MemoryOptions { size_bytes: BODY_BYTES_TOO_LARGE as u64, variants_per_key_max: VARIANTS };
    let declared = Declared {
        variants_max: VARIANTS,
        beyond_variants_max: BeyondVariantsMax::TheOldestGoes,
        parts: Parts::Kept,
        after_use: AfterUse::Stays,
        reach: Reach::Here,
    };
    Subject { tier: Arc::new(MemoryTier::new(options)), declared, world: World::Memory }
}

pub(super) fn simulated_redis() -> Subject {
    let (redis, cable) = (SimulatedRedis::new(), Arc::new(Cable::default()));
    let link = || redis.link(cable.clone());
    in_redis(link(), link(), options(String::new()), World::Simulated(cable.clone()))
}

pub(super) async fn real_redis() -> Subject {
    let server = RedisServer::start().await;
    let options = options(server.url());
    let link = || RedisLink::open(&options).expect("the URL is one");
    let (lookups, writes) = (link(), link());
    in_redis(lookups, writes, options, World::Real(server))
}

fn in_redis(lookups: Arc<dyn Link>, writes: Arc<dyn Link>, options: FleetOptions, world: World) -> Subject {
    let declared = Declared {
        variants_max: VARIANTS_MAX,
        beyond_variants_max: BeyondVariantsMax::TheKeyGoes,
        parts: Parts::Refused,
        after_use: AfterUse::Goes,
        reach: Reach::OverALink,
    };
    Subject { tier: RedisTier::new(lookups, writes, options, Arc::new(ManualClock::new(NOW))), declared, world }
}

fn options(url: String) -> FleetOptions {
    FleetOptions {
        // So long that a busy machine is not taken for a failure.
        timeout: Duration::from_secs(10),
        value_bytes_max: BODY_BYTES_TOO_LARGE,
        queue_bytes_max: BODY_BYTES_TOO_LARGE,
        ..FleetOptions::new(url, "one".to_owned())
    }
}

impl World {
    /// Lets time pass, by the tier's clock.
    pub(super) async fn pass(&self, time: Duration) {
        match self {
            Self::Memory => {}
            Self::Simulated(_) => tokio::time::advance(time).await,
            Self::Real(server) => {
                let until = clock_of(server).await + time;
                within("the clock of Redis", async { while clock_of(server).await <= until {} }).await;
            }
        }
    }

    /// Cuts the tier off from what it stands on, where anything lies between the two.
    pub(super) fn cut(&mut self) {
        match self {
            Self::Memory => {}
            Self::Simulated(cable) => cable.cut(),
            Self::Real(server) => server.kill(),
        }
    }
}

async fn clock_of(server: &RedisServer) -> Duration {
    let (secs, micros): (u64, u64) = server.command(&["TIME"]).await;
    Duration::from_secs(secs) + Duration::from_micros(micros)
}
