//! Changes that a PostgreSQL tells of itself: the rows of a publication, by logical replication.
//!
//! The server keeps what is not confirmed to it, in the order of the commits, and gives a slot to one connection
//! at a time. So the slot is the fleet's lease: one instance reads, the others look every half second whether nobody does,
//! and the next begins where the log of purges ends. Delivery is at least once. What the slot can't give (there is none, the
//! server has thrown it away, the history is another's) is a gap: everything that a change could have named is purged.

mod columns;
mod slot;

mod decode;

mod replicas;
mod session;
mod unsettled;

mod reading;

use super::Lag;
use crate::engine::Engine;
use crate::events::EventSource;
use crate::events::driver::{Next, Source};
use crate::events::postgres_server::PostgresServer;
use reading::{ReadError, Reading};
use replicas::Replicas;
use session::{Session, StreamError};
use slot::{Control, ControlError, Found, History, SlotState};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use unsettled::AGAIN;

/// Between two looks at a slot that another instance reads.
const LOOK: Duration = Duration::from_millis(500);

/// `[events.postgres_changes]`, resolved.
#[derive(Debug, Clone)]
pub struct PostgresChangesOptions {
    /// `url`, `ca_file`
    pub server: PostgresServer,
    /// `publication`
    pub publication: String,
    /// `slot`
    pub slot: String,
    /// `replicas`: those that origins read from.
    pub replicas: Vec<PostgresServer>,
}

/// The changes of one slot.
pub(crate) struct PostgresChanges {
    options: PostgresChangesOptions,
    engine: Arc<Engine>,
    lag: Arc<Lag>,
    control: Option<Control>,
    stage: Stage,
    /// How far those are that origins read from, while changes are read here.
    replicas: Option<Replicas>,
    /// Where the server stood at a gap that replicas may not have replayed.
    gap: Option<u64>,
    /// The history that was last seen, and how far it had come.
    seen: Option<(History, u64)>,
    /// What the slot still has can't be read.
    slot_state: SlotUse,
}

/// Whether the slot can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlotUse {
    Readable,
    /// Another is made in its place.
    Spoilt,
}

enum Stage {
    /// Another instance reads, or nobody yet.
    Apart,
    /// A slot is made, and what it can't tell of is about to be purged.
    Making {
        passing: String,
        /// What replicas must have replayed before that purge is the last, and of which system.
        unsettled: Option<(String, u64)>,
    },
    Reading(Box<Reading>),
}

/// Why there are no changes now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangesError {
    /// The server can't be asked.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// It does not stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// There is no such publication.
    #[error("there is no publication `{0}`: `larder changes plan` prints the SQL that makes it")]
    NoPublication(String),
    /// The slot is somebody else's.
    #[error("the replication slot `{0}` is of another database or not of pgoutput: name another as `slot`")]
    ForeignSlot(String),
}

impl PostgresChanges {
    /// Not connected yet.
    pub(crate) fn new(options: PostgresChangesOptions, engine: Arc<Engine>, lag: Arc<Lag>) -> Self {
        let (stage, slot_state) = (Stage::Apart, SlotUse::Readable);
        let (control, replicas, gap, seen) = (None, None, None, None);
        Self { options, engine, lag, control, stage, replicas, gap, seen, slot_state }
    }

    async fn advance(&mut self) -> Result<Next<u64>, ChangesError> {
        loop {
            match &mut self.stage {
                Stage::Apart => {
                    if let Some(gap) = self.attach().await? {
                        return Ok(gap);
                    }
                }
                Stage::Making { passing, unsettled } => {
                    let replicas =
                        self.replicas.get_or_insert_with(|| Replicas::watch(&self.options.replicas, &self.lag));
                    if let Some((system, end)) = unsettled {
                        // An instance that dies in between leaves no slot behind.
                        let is_replayed = timeout(AGAIN, replicas.have_replayed(system, *end)).await.is_ok();
                        if is_replayed {
                            *unsettled = None;
                        }
                        return Ok(Next::Gap);
                    }
                    let passing = std::mem::take(passing);
                    if let Some(control) = &self.control {
                        control.keep_passing(&passing, &self.options.slot).await?;
                    }
                    (self.stage, self.slot_state) = (Stage::Apart, SlotUse::Readable);
                }
                Stage::Reading(reading) => {
                    let Some(control) = &self.control else {
                        self.stage = Stage::Apart;
                        continue;
                    };
                    let replicas =
                        self.replicas.get_or_insert_with(|| Replicas::watch(&self.options.replicas, &self.lag));
                    match reading.next(control, &self.options, &self.lag, replicas).await {
                        Ok((changed, end)) => return Ok(Next::Changes(changed, end)),
                        Err(ReadError::Ended(error)) => return Err(error),
                        Err(ReadError::Spoilt(error)) => {
                            self.slot_state = SlotUse::Spoilt;
                            return Err(error);
                        }
                    }
                }
            }
        }
    }

    /// Looks at the slot, and reads it if nobody else does.
    async fn attach(&mut self) -> Result<Option<Next<u64>>, ChangesError> {
        let control = match self.control.take() {
            Some(control) => control,
            None => Control::connect(&self.options.server).await?,
        };
        let (slot, publication) = (&self.options.slot, &self.options.publication);
        let found = control.look(slot, publication).await?;
        found.measure(&self.lag);
        let control = self.control.insert(control);
        if other_history(&mut self.seen, &found) {
            tracing::warn!(?found.history, "PostgreSQL goes on from another history than before");
            self.gap = Some(found.position);
            return Ok(Some(Next::Gap));
        }
        if !found.has_publication {
            return Err(ChangesError::NoPublication(publication.clone()));
        }
        match found.slot {
            SlotState::Foreign => return Err(ChangesError::ForeignSlot(slot.clone())),
            SlotState::Free if self.slot_state == SlotUse::Readable => {
                match Session::begin(&control.server, slot, publication).await {
                    Ok(session) => {
                        tracing::info!(slot, "reading the changes of PostgreSQL");
                        let mut reading = Reading::new(session, Arc::clone(&self.engine), &found);
                        if let Some(end) = self.gap.take().filter(|_| !self.options.replicas.is_empty()) {
                            reading.settle_gap(end);
                        }
                        self.stage = Stage::Reading(Box::new(reading));
                    }
                    // Another was faster.
                    Err(StreamError::Refused { code, .. }) if code == "55006" => sleep(LOOK).await,
                    Err(error) => return Err(error.into()),
                }
            }
            SlotState::Taken => sleep(LOOK).await,
            SlotState::Missing | SlotState::Lost | SlotState::Free => {
                if found.slot != SlotState::Missing {
                    tracing::warn!(slot, "the replication slot has lost changes; another is made in its place");
                    control.drop_slot(slot).await?;
                }
                let passing = format!("{}_{:08x}", &slot[..slot.len().min(50)], rand::random::<u32>());
                control.make_passing(&passing).await?;
                let unsettled = if self.options.replicas.is_empty() {
                    None
                } else {
                    Some((found.history.system, control.look(slot, publication).await?.position))
                };
                self.stage = Stage::Making { passing, unsettled };
                return Ok(Some(Next::Gap));
            }
        }
        Ok(None)
    }
}

/// Whether the server is another than before, or one that has forgotten a part of what it had written.
fn other_history(seen: &mut Option<(History, u64)>, found: &Found) -> bool {
    let before = seen.replace((found.history.clone(), found.position));
    before.is_some_and(|(history, position)| history != found.history || found.position < position)
}

impl Source for PostgresChanges {
    type Position = u64;
    type Error = ChangesError;

    const LABEL: EventSource = EventSource::PostgresChanges;

    async fn next(&mut self) -> Result<Next<u64>, ChangesError> {
        let next = self.advance().await;
        if next.is_err() {
            (self.stage, self.control, self.replicas) = (Stage::Apart, None, None);
        }
        next
    }

    /// The server learns it with what is sent to it next.
    async fn commit(&mut self, position: u64) -> Result<(), ChangesError> {
        if let Stage::Reading(reading) = &mut self.stage {
            reading.confirm(position);
        }
        Ok(())
    }
}
