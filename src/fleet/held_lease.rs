//! A lease that this instance holds: renewed while its holder fetches, then released, and the others notified.

use super::lease_news;
use super::link::{Link, LinkError};
use crate::coalesce::fetch_lease::LeaseOutcome;
use redis::{Cmd, cmd, from_redis_value};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// How long a lease lasts without renewal.
const LEASE: Duration = Duration::from_secs(1);

/// Time between two renewals.
const RENEWAL: Duration = Duration::from_millis(300);

/// How long a command may take that no request waits for.
const DEADLINE: Duration = Duration::from_secs(1);

/// Adds to a command how long a lease lasts, in milliseconds.
pub(super) fn add_duration(command: &mut Cmd) {
    command.arg(u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX));
}

pub(super) struct HeldLease {
    pub(super) link: Arc<dyn Link>,
    /// The stream by which the others are notified.
    pub(super) news: String,
    pub(super) name: String,
    pub(super) value: String,
}

impl HeldLease {
    /// Renews it until its holder is done, as long as others would `wait` for that.
    pub(super) async fn renew(&self, wait: Duration, mut ended: oneshot::Receiver<LeaseOutcome>) -> LeaseOutcome {
        let outcome = tokio::select! {
            biased;
            outcome = &mut ended => outcome,
            () = renew(&*self.link, &self.name, wait) => ended.await,
        };
        // A lease that is dropped reports its outcome.
        outcome.unwrap_or(LeaseOutcome::Nothing)
    }

    pub(super) async fn release(&self, outcome: LeaseOutcome) {
        if let Err(error) = release(&*self.link, &self.news, &self.name, &self.value, outcome).await {
            tracing::debug!(%error, "a fetch lease could not be released; it expires within a second");
        }
    }
}

/// Renews a lease as long as others would wait for its holder.
async fn renew(link: &dyn Link, name: &str, wait: Duration) {
    let until = Instant::now() + wait;
    loop {
        sleep(RENEWAL).await;
        if Instant::now() >= until {
            return;
        }
        // Not SET: should another have taken it over, that stays so.
        let mut expire = cmd("PEXPIRE");
        expire.arg(name);
        add_duration(&mut expire);
        // A lease that can't be renewed ends, which is what it is for.
        drop(link.call(&expire, DEADLINE).await);
    }
}

/// First the lease is released, then the others are notified: one that then asks for the lease finds it free. Where
/// another has taken it over, those who wait now wait for that one.
async fn release(link: &dyn Link, news: &str, name: &str, value: &str, outcome: LeaseOutcome) -> Result<(), LinkError> {
    let mut get = cmd("GET");
    get.arg(name);
    let held = link.call(&get, DEADLINE).await?;
    // Between this look and the next command another may get the lease; losing it costs a fetch, nothing else.
    match from_redis_value::<Option<String>>(held).ok().flatten() {
        Some(held) if held != value => return Ok(()),
        Some(_) => {
            let mut del = cmd("DEL");
            del.arg(name);
            link.call(&del, DEADLINE).await?;
        }
        None => {}
    }
    link.call(&lease_news::tell(news, name, outcome), DEADLINE).await.map(drop)
}
