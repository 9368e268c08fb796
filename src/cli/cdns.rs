//! The CDNs that an instance purges, and their way to Redis.

use crate::cdn::Cdns;
use crate::clock::Clock;
use crate::config::Config;
use crate::fleet::link::Link;
use crate::fleet::redis_link::RedisLink;
use crate::invalidation::Invalidation;
use crate::supervisor::Supervisor;
use anyhow::Context as _;
use std::sync::Arc;

/// Purges the CDNs of a configuration for as long as the instance lives.
///
/// # Errors
/// Where Redis can't be used.
pub(super) fn start(
    config: &Config,
    invalidation: &Arc<Invalidation>,
    clock: &Arc<dyn Clock>,
    tasks: &mut Supervisor,
) -> anyhow::Result<Arc<Cdns>> {
    if config.cdns.is_empty() {
        return Ok(Arc::default());
    }
    let fleet = match &config.fleet {
        Some(options) => {
            let link: Arc<dyn Link> = RedisLink::open(options).context("cannot use Redis (redis.url)")?;
            Some((link, options.clone()))
        }
        None => None,
    };
    Ok(Cdns::start(&config.cdns, fleet.as_ref(), invalidation, clock, tasks))
}
