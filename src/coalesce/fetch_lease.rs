//! The right to fetch a key for a whole fleet, as those who fetch and store see it. By what means instances agree on it is
//! not known here.

use crate::key::PrimaryKey;
use crate::stamp::Stamp;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::oneshot;

/// Lets the leaders of several instances agree on one fetch of a key at a time.
#[async_trait::async_trait]
pub trait FetchLeases: fmt::Debug + Send + Sync + 'static {
    /// Claims the fetch of `key` for a flight of `stamp`, or waits until its holder has brought the answer, at most
    /// `wait`. `may_share` judges by its stamp whether the holder's answer would be of use; where it says no, the lease is
    /// taken over.
    async fn claim(
        &self,
        key: &PrimaryKey,
        stamp: Stamp,
        wait: Duration,
        may_share: &(dyn Fn(Stamp) -> bool + Sync),
    ) -> Claim;
}

/// What a leader is to do.
#[derive(Debug)]
pub enum Claim {
    /// Fetch, for the whole fleet. The answer may have come just before, so look again first.
    Won(FetchLease),
    /// Another instance has fetched: look again.
    Answered,
    /// Fetch for this instance alone.
    Alone(WhyAlone),
}

/// Why a leader fetches without a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyAlone {
    /// The instance that held the lease has brought nothing that can be shared.
    NothingShared,
    /// What the instance that held the lease has brought is for nobody else: everyone asks on their own.
    NotShareable,
    /// It takes longer than this request waits.
    Slow,
    /// What instances agree by is away.
    Away,
}

impl WhyAlone {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NothingShared, Self::NotShareable, Self::Slow, Self::Away];

    /// The stable label in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NothingShared => "nothing-shared",
            Self::NotShareable => "not-shareable",
            Self::Slow => "slow",
            Self::Away => "away",
        }
    }
}

/// What a fetch under a lease came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// The answer is where the others find it.
    Stored,
    /// The answer is for nobody else.
    NotShareable,
    /// There is no answer.
    Nothing,
}

/// The right to fetch a key for the whole fleet. It ends when it is dropped, and the others are notified.
#[derive(Debug)]
pub struct FetchLease {
    outcome: OnceLock<LeaseOutcome>,
    ended: Option<oneshot::Sender<LeaseOutcome>>,
}

impl FetchLease {
    /// A lease, and where its end is reported to what granted it.
    #[must_use]
    pub fn new() -> (Self, oneshot::Receiver<LeaseOutcome>) {
        let (sender, ended) = oneshot::channel();
        (Self { outcome: OnceLock::new(), ended: Some(sender) }, ended)
    }

    /// Notes that the answer is where the others find it.
    pub fn stored(&self) {
        let _ = self.outcome.set(LeaseOutcome::Stored);
    }

    /// Notes that the answer is for nobody else: those who wait are to ask on their own once this is dropped.
    pub fn alone(&self) {
        let _ = self.outcome.set(LeaseOutcome::NotShareable);
    }
}

impl Drop for FetchLease {
    fn drop(&mut self) {
        let outcome = self.outcome.get().copied().unwrap_or(LeaseOutcome::Nothing);
        if let Some(ended) = self.ended.take() {
            // Nothing receives it once the instance ends; then the lease ends by itself.
            let _ = ended.send(outcome);
        }
    }
}
