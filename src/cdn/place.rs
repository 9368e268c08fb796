//! How far the purges of the log were made at one CDN, who makes them, and what came of them.
//!
//! In a fleet all that is in Redis: a stream whose entries stand where the log's do, so that the last of them is the place to go on
//! from and each tells what came of the purges before it; and a lease, so that one instance at a time makes them. Two that
//! believe they hold it make purges twice, which does no harm. A lone instance keeps it in memory: after a restart nobody knows
//! what was made, so that everything is.

use crate::clock::Timestamp;
use crate::fleet::link::{Link, LinkError};
use crate::fleet::options::FleetOptions;
use crate::fleet::streams::{self, EntryId, StreamEntry};
use crate::invalidation::following::{Continuity, LogPlace, Passage};
use crate::stamp::Stamp;
use redis::{Cmd, cmd, from_redis_value};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a lease lasts without renewal.
const LEASE: Duration = Duration::from_secs(6);

/// Time between two renewals, and between two attempts to get a lease that is taken.
pub(super) const BEAT: Duration = Duration::from_secs(1);

/// How long a command may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// How many outcomes are remembered.
const OUTCOMES_MAX: usize = 1_000;

/// How much text of the CDN's names for calls is kept of one outcome, in bytes.
const IDS_BYTES_MAX: usize = 1_000;

/// What came of a part of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// When it was done.
    pub(crate) at_ms: u64,
    /// What the CDN was asked for, in words.
    pub(crate) asked: String,
    /// Why that is more than was purged here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) widened: Option<String>,
    /// The CDN's own names for the calls.
    #[serde(default)]
    pub(crate) ids: Vec<String>,
}

impl Outcome {
    /// Keeps no more names than have room.
    pub(crate) fn bounded(mut self) -> Self {
        let mut bytes = 0;
        self.ids.retain(|id| {
            bytes += id.len();
            bytes <= IDS_BYTES_MAX
        });
        self
    }
}

/// What fails now, and is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failing {
    /// What the CDN said, or why it could not be asked.
    pub(crate) error: String,
    /// How often in a row.
    pub(crate) times: u64,
}

/// Where a purge stands at a CDN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It was made; `None` where it is no longer remembered what came of it.
    Done(Option<Outcome>),
    /// It is still to be made, and what is made now fails.
    Failed(Failing),
    /// It is still to be made.
    Pending,
    /// Redis doesn't say now.
    Unknown,
}

/// Whether this instance makes the purges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    Won,
    Taken,
}

/// See the module.
pub(super) enum Place {
    Own(Mutex<Own>),
    Shared(Shared),
}

/// In memory.
#[derive(Debug, Default)]
pub(super) struct Own {
    last: Stamp,
    outcomes: VecDeque<(Stamp, Outcome)>,
    failing: Option<Failing>,
}

/// In Redis.
pub(super) struct Shared {
    link: Arc<dyn Link>,
    /// The stream.
    key: String,
    lease: String,
    /// Who would hold it.
    holder: String,
}

/// A lease as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct WrittenLease {
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failing: Option<Failing>,
}

impl Place {
    /// Of a lone instance.
    pub(super) fn own() -> Self {
        Self::Own(Mutex::default())
    }

    /// Of a fleet.
    pub(super) fn shared(link: Arc<dyn Link>, options: &FleetOptions, cdn: &str) -> Self {
        let holder = format!("{}-{:08x}", options.instance, rand::random::<u32>());
        Self::Shared(Shared { link, key: options.names.cdn(cdn), lease: options.names.cdn_lease(cdn), holder })
    }

    /// Tries to become who makes the purges.
    pub(super) async fn claim(&self) -> Result<Claim, LinkError> {
        match self {
            Self::Own(_) => Ok(Claim::Won),
            Self::Shared(shared) => shared.claim().await,
        }
    }

    /// Says that it still is, and what fails. `Taken` where another is.
    pub(super) async fn renew(&self, failing: Option<Failing>) -> Result<Claim, LinkError> {
        match self {
            Self::Own(own) => {
                lock(own).failing = failing;
                Ok(Claim::Won)
            }
            Self::Shared(shared) => shared.renew(failing).await,
        }
    }

    /// Up to where purges were made; `None` if nobody knows.
    pub(super) async fn load(&self) -> Result<Option<LogPlace>, LinkError> {
        match self {
            Self::Own(_) => Ok(None),
            Self::Shared(shared) => shared.load().await,
        }
    }

    /// Notes that the purges of a passage were made.
    pub(super) async fn done(
        &self,
        passage: &Passage,
        after: Option<LogPlace>,
        outcome: Outcome,
    ) -> Result<(), LinkError> {
        match self {
            Self::Own(own) => {
                let mut own = lock(own);
                own.last = passage.end.stamp;
                own.failing = None;
                own.outcomes.push_back((passage.end.stamp, outcome));
                while own.outcomes.len() > OUTCOMES_MAX {
                    own.outcomes.pop_front();
                }
                Ok(())
            }
            Self::Shared(shared) => shared.done(passage, after, &outcome).await,
        }
    }

    /// Where the purge at this place in the log stands.
    pub(super) async fn state(&self, stamp: Stamp) -> State {
        match self {
            Self::Own(own) => lock(own).state(stamp),
            Self::Shared(shared) => shared.state(stamp).await.unwrap_or(State::Unknown),
        }
    }
}

impl Own {
    fn state(&self, stamp: Stamp) -> State {
        if stamp > self.last {
            return self.failing.clone().map_or(State::Pending, State::Failed);
        }
        let at = self.outcomes.partition_point(|(end, _)| *end < stamp);
        // Of what came before the first that is remembered, nothing is known but that it was done.
        let is_known = at > 0 || self.outcomes.len() < OUTCOMES_MAX;
        State::Done(self.outcomes.get(at).filter(|_| is_known).map(|(_, outcome)| outcome.clone()))
    }
}

impl Shared {
    async fn claim(&self) -> Result<Claim, LinkError> {
        let mut set = self.set(None);
        set.arg("NX").arg("GET");
        let held: Option<String> = from_redis_value(self.link.call(&set, DEADLINE).await?).unwrap_or_default();
        Ok(if held.is_none_or(|held| self.is_own(&held)) { Claim::Won } else { Claim::Taken })
    }

    async fn renew(&self, failing: Option<Failing>) -> Result<Claim, LinkError> {
        let held = self.held().await?;
        if held.is_some_and(|held| !self.is_own(&held)) {
            return Ok(Claim::Taken);
        }
        self.link.call(&self.set(failing), DEADLINE).await?;
        Ok(Claim::Won)
    }

    fn set(&self, failing: Option<Failing>) -> Cmd {
        let lease = WrittenLease { by: self.holder.clone(), failing };
        let lease = serde_json::to_string(&lease).expect("texts and numbers are JSON");
        let mut set = cmd("SET");
        set.arg(&self.lease).arg(lease).arg("PX").arg(u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX));
        set
    }

    fn is_own(&self, held: &str) -> bool {
        serde_json::from_str::<WrittenLease>(held).is_ok_and(|lease| lease.by == self.holder)
    }

    async fn held(&self) -> Result<Option<String>, LinkError> {
        let mut get = cmd("GET");
        get.arg(&self.lease);
        Ok(from_redis_value(self.link.call(&get, DEADLINE).await?).unwrap_or_default())
    }

    async fn load(&self) -> Result<Option<LogPlace>, LinkError> {
        let entries = streams::ranged(self.link.call(&streams::last(&self.key), DEADLINE).await?)?;
        Ok(entries.first().and_then(|entry| {
            let entries = entry.field("entries")?.parse().ok()?;
            Some(LogPlace { stamp: Stamp::new((entry.id.0, entry.id.1), 0), entries })
        }))
    }

    async fn done(&self, passage: &Passage, after: Option<LogPlace>, outcome: &Outcome) -> Result<(), LinkError> {
        if passage.continuity == Continuity::Lost {
            // Another log may begin below where the one before stood.
            let mut del = cmd("DEL");
            del.arg(&self.key);
            self.link.call(&del, DEADLINE).await?;
        }
        let (millis, sequence) = passage.end.stamp.log();
        let after = after.map_or(Stamp::ZERO, |place| place.stamp);
        let outcome = serde_json::to_string(outcome).expect("texts and numbers are JSON");
        let fields = [("entries", passage.end.entries.to_string()), ("after", after.to_string()), ("outcome", outcome)];
        let append = streams::append(&self.key, Some(EntryId(millis, sequence)), Some(OUTCOMES_MAX), &fields);
        self.link.call(&append, DEADLINE).await.map(drop)
    }

    async fn state(&self, stamp: Stamp) -> Result<State, LinkError> {
        let (millis, sequence) = stamp.log();
        let range = streams::range_from(&self.key, EntryId(millis, sequence), 1);
        let covering = streams::ranged(self.link.call(&range, DEADLINE).await?)?;
        if let Some(entry) = covering.first() {
            return Ok(State::Done(outcome_of(entry, stamp)));
        }
        let lease = self.held().await?.and_then(|held| serde_json::from_str::<WrittenLease>(&held).ok());
        Ok(lease.and_then(|lease| lease.failing).map_or(State::Pending, State::Failed))
    }
}

/// What an entry says of the purge at `stamp`, if that is one of those that it is about.
fn outcome_of(entry: &StreamEntry, stamp: Stamp) -> Option<Outcome> {
    let after = Stamp::parse(entry.field("after")?)?;
    serde_json::from_str(entry.field("outcome")?).ok().filter(|_| after < stamp)
}

impl Outcome {
    /// When it was done.
    pub(crate) const fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at_ms)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
