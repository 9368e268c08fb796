//! A [`Link`] that requests wait for, with a [`Breaker`] before it.
//!
//! What it costs that Redis is away is paid by the commands under way when that shows, and by none that comes later:
//! those are refused at once until a probe, made by a task of its own, finds Redis well.

use super::breaker::{Breaker, BreakerState, FIRST_PROBE, Tripped, next_pause};
use super::link::{Keeper, Link, LinkError, LinkFailure};
use redis::{Cmd, Value};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// How long a probe may take.
const PROBE_DEADLINE: Duration = Duration::from_secs(1);

/// See the module.
pub struct GuardedLink {
    link: Arc<dyn Link>,
    breaker: Breaker,
    failures: [AtomicU64; LinkFailure::ALL.len()],
    tripped: Notify,
}

impl GuardedLink {
    /// Guards `link`, which others should not use besides. [`Self::probe`] must run for as long as it is used.
    #[must_use]
    pub fn over(link: Arc<dyn Link>) -> Arc<Self> {
        let (breaker, failures, tripped) = (Breaker::default(), Default::default(), Notify::new());
        Arc::new(Self { link, breaker, failures, tripped })
    }

    /// Asks Redis now and then while it counts as away, until it answers. Never ends.
    pub async fn probe(self: Arc<Self>) {
        loop {
            while self.breaker() == BreakerState::Closed {
                self.tripped.notified().await;
            }
            let mut pause = FIRST_PROBE;
            loop {
                sleep(pause).await;
                if self.link.call(&redis::cmd("PING"), PROBE_DEADLINE).await.is_ok() {
                    break;
                }
                pause = next_pause(pause);
            }
            tracing::info!("Redis is available again");
            self.breaker.close();
        }
    }

    /// Whether commands are sent.
    #[must_use]
    pub(crate) fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// How many commands had no usable reply, by what happened.
    #[must_use]
    pub fn failures(&self) -> [(LinkFailure, u64); LinkFailure::ALL.len()] {
        std::array::from_fn(|n| (LinkFailure::ALL[n], self.failures[n].load(Ordering::Relaxed)))
    }

    /// Notes a failure, and opens the breaker where it means that Redis is away.
    fn failed(&self, error: &LinkError) {
        self.failures[error.failure as usize].fetch_add(1, Ordering::Relaxed);
        let is_away = matches!(error.failure, LinkFailure::Away | LinkFailure::TimedOut);
        if is_away && self.breaker.trip() == Tripped::Now {
            tracing::warn!(%error, "Redis is unavailable; requests are served without it until it answers a probe");
            self.tripped.notify_one();
        }
    }
}

#[async_trait::async_trait]
impl Link for GuardedLink {
    async fn call(&self, command: &Cmd, deadline: Duration) -> Result<Value, LinkError> {
        let reply = match self.breaker() {
            BreakerState::Open => Err(LinkError::of(LinkFailure::BreakerOpen)),
            BreakerState::Closed => self.link.call(command, deadline).await,
        };
        reply.inspect_err(|error| self.failed(error))
    }

    async fn keeper(&self, key: &str, deadline: Duration) -> Result<Keeper, LinkError> {
        let keeper = match self.breaker() {
            BreakerState::Open => Err(LinkError::of(LinkFailure::BreakerOpen)),
            BreakerState::Closed => self.link.keeper(key, deadline).await,
        };
        keeper.inspect_err(|error| self.failed(error))
    }

    fn generation(&self) -> u64 {
        self.link.generation()
    }
}

impl fmt::Debug for GuardedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedLink")
            .field("link", &self.link)
            .field("breaker", &self.breaker())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::simulated_redis::{Cable, SimulatedRedis};
    use tokio::time::{Instant, advance};

    const DEADLINE: Duration = Duration::from_millis(50);

    /// What a command comes to, and how long it takes.
    async fn ask(link: &GuardedLink) -> (Option<LinkFailure>, Duration) {
        let began = Instant::now();
        let failure = link.call(&redis::cmd("PING"), DEADLINE).await.err().map(|error| error.failure);
        (failure, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn invariant_5_only_the_commands_under_way_pay_for_a_redis_that_is_away() {
        let wire = Arc::new(Cable::default());
        let link = GuardedLink::over(SimulatedRedis::new().link(wire.clone()));
        tokio::spawn(Arc::clone(&link).probe());
        assert_eq!(ask(&link).await, (None, Duration::ZERO));
        wire.cut();
        let timed_out = (Some(LinkFailure::TimedOut), DEADLINE);
        assert_eq!(tokio::join!(ask(&link), ask(&link)), (timed_out, timed_out));
        for _ in 0..3 {
            assert_eq!(ask(&link).await, (Some(LinkFailure::BreakerOpen), Duration::ZERO));
            advance(Duration::from_secs(5)).await;
        }
        let failures = link.failures().into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>();
        assert_eq!(failures, [(LinkFailure::BreakerOpen, 3), (LinkFailure::TimedOut, 2)]);
        wire.mend();
        advance(Duration::from_secs(5)).await;
        while link.breaker() == BreakerState::Open {
            advance(Duration::from_millis(1)).await;
        }
        assert_eq!(ask(&link).await, (None, Duration::ZERO));
    }
}
