//! One fetch of a key at a time in the whole fleet, agreed on by way of Redis.
//!
//! A leader claims a short **lease**, and renews it while it fetches ([`super::held_lease`]): who dies with one holds up
//! the others no longer than that. Who finds it taken waits until its holder reports what came of it
//! ([`super::lease_news`]), and asks for the lease now and then in case that is lost. Everything here may fail without
//! harm: then each instance fetches on its own.

use super::held_lease::{self, HeldLease};
use super::lease_news::LeaseNews;
use super::link::{Link, LinkError, LinkFailure};
use super::options::FleetOptions;
use crate::coalesce::fetch_lease::{Claim, FetchLease, FetchLeases, LeaseOutcome, WhyAlone};
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::key::PrimaryKey;
use crate::stamp::Stamp;
use redis::{cmd, from_redis_value};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout};

/// Time between two attempts to get a lease that is taken: in case the news was lost.
const LOOK: Duration = Duration::from_millis(200);

/// The leases of one instance.
pub struct RedisLeases {
    requests: Arc<dyn Link>,
    background: Arc<dyn Link>,
    news: LeaseNews,
    options: FleetOptions,
    run: u32,
    claims: AtomicU64,
    ended: mpsc::UnboundedSender<(HeldLease, LeaseOutcome)>,
    /// Held by [`Self::work`].
    to_release: Mutex<mpsc::UnboundedReceiver<(HeldLease, LeaseOutcome)>>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    won: AtomicU64,
    answered: AtomicU64,
    alone: [AtomicU64; WhyAlone::ALL.len()],
}

/// The links that leases need.
#[derive(Debug, Clone)]
pub struct LeaseLinks {
    /// For claims: requests wait for them.
    pub requests: Arc<dyn Link>,
    /// For renewals and releases.
    pub background: Arc<dyn Link>,
    /// For reading what holders report, alone: it blocks.
    pub listening: Arc<dyn Link>,
}

/// What a claim found.
enum Attempt {
    Won,
    Taken { since: Stamp },
}

impl RedisLeases {
    /// No leases. [`Self::work`] must run for as long as they are used.
    #[must_use]
    pub fn new(links: LeaseLinks, options: FleetOptions, run: u32) -> Arc<Self> {
        let (ended, to_release) = mpsc::unbounded_channel();
        Arc::new(Self {
            requests: links.requests,
            background: links.background,
            news: LeaseNews::new(links.listening, options.names.fetched()),
            options,
            run,
            claims: AtomicU64::new(0),
            ended,
            to_release: Mutex::new(to_release),
            counts: Counts::default(),
        })
    }

    /// Reads what other instances report, and releases the leases that have ended. Never ends.
    pub async fn work(self: Arc<Self>) {
        let release = async {
            let mut to_release = self.to_release.lock().await;
            while let Some((lease, outcome)) = to_release.recv().await {
                lease.release(outcome).await;
            }
        };
        tokio::join!(self.news.listen(), release);
    }

    /// How many claims there were, by what came of them.
    #[must_use]
    pub fn claims(&self) -> Vec<(&'static str, u64)> {
        let alone = WhyAlone::ALL.iter().zip(&self.counts.alone).map(|(why, count)| (why.label(), count));
        let others = [("won", &self.counts.won), ("answered", &self.counts.answered)];
        others.into_iter().chain(alone).map(|(label, count)| (label, count.load(Ordering::Relaxed))).collect()
    }

    async fn claim_or_wait(
        &self,
        name: &str,
        value: &str,
        wait: Duration,
        may_share: &(dyn Fn(Stamp) -> bool + Sync),
    ) -> Claim {
        let deadline = Instant::now() + wait;
        // Before the first attempt: the holder may be done right after it.
        let listener = self.news.listener(name);
        loop {
            match self.attempt(name, value, "NX").await {
                Ok(Attempt::Won) => return Claim::Won(self.lease(name, value, wait)),
                Ok(Attempt::Taken { since }) if !may_share(since) => {
                    return match self.attempt(name, value, "").await {
                        Ok(_) => Claim::Won(self.lease(name, value, wait)),
                        Err(_) => Claim::Alone(WhyAlone::Away),
                    };
                }
                Ok(Attempt::Taken { .. }) => {}
                Err(_) => return Claim::Alone(WhyAlone::Away),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Claim::Alone(WhyAlone::Slow);
            }
            match timeout(left.min(LOOK), listener.outcome()).await {
                Ok(LeaseOutcome::Stored) => return Claim::Answered,
                Ok(LeaseOutcome::NotShareable) => return Claim::Alone(WhyAlone::NotShareable),
                Ok(LeaseOutcome::Nothing) => return Claim::Alone(WhyAlone::NothingShared),
                Err(_) => {}
            }
        }
    }

    /// Sets the lease if it is free, or in any case; returns who held it.
    async fn attempt(&self, name: &str, value: &str, condition: &str) -> Result<Attempt, LinkError> {
        let mut set = cmd("SET");
        set.arg(name).arg(value);
        if !condition.is_empty() {
            set.arg(condition);
        }
        set.arg("GET").arg("PX");
        held_lease::add_duration(&mut set);
        let reply = self.requests.call(&set, self.options.timeout).await?;
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::EveryClaimWins) {
            return Ok(Attempt::Won);
        }
        let held: Option<String> = from_redis_value(reply).map_err(|_| LinkError::of(LinkFailure::Unexpected))?;
        Ok(match held {
            None => Attempt::Won,
            // What says nothing of its stamp began before everything.
            Some(held) => Attempt::Taken {
                since: held.split_once(' ').and_then(|(stamp, _)| Stamp::parse(stamp)).unwrap_or(Stamp::ZERO),
            },
        })
    }

    fn lease(&self, name: &str, value: &str, wait: Duration) -> FetchLease {
        let (lease, ended) = FetchLease::new();
        let (link, news) = (Arc::clone(&self.background), self.options.names.fetched());
        let held = HeldLease { link, news, name: name.to_owned(), value: value.to_owned() };
        let releases = self.ended.clone();
        tokio::spawn(async move {
            let outcome = held.renew(wait, ended).await;
            // Nobody takes it any more once the instance ends; then the lease ends by itself.
            drop(releases.send((held, outcome)));
        });
        lease
    }
}

#[async_trait::async_trait]
impl FetchLeases for RedisLeases {
    async fn claim(
        &self,
        key: &PrimaryKey,
        stamp: Stamp,
        wait: Duration,
        may_share: &(dyn Fn(Stamp) -> bool + Sync),
    ) -> Claim {
        let name = self.options.names.fetch(key.fingerprint());
        let number = self.claims.fetch_add(1, Ordering::Relaxed);
        let value = format!("{stamp} {}-{:08x}-{number}", self.options.instance, self.run);
        let claim = self.claim_or_wait(&name, &value, wait, may_share).await;
        let count = match &claim {
            Claim::Won(_) => &self.counts.won,
            Claim::Answered => &self.counts.answered,
            Claim::Alone(why) => &self.counts.alone[*why as usize],
        };
        count.fetch_add(1, Ordering::Relaxed);
        claim
    }
}

impl fmt::Debug for RedisLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLeases").field("counts", &self.counts).finish_non_exhaustive()
    }
}
