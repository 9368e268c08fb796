//! Changes that a MariaDB tells of itself: the rows in its binary log, read as a replica reads it.
//!
//! The server keeps its log for as long as it is told to, whoever reads it. So the position is kept here: with the log of purges in
//! Redis, or in the process where there is no Redis, and only once the log of purges holds what comes before it. One instance of a fleet
//! reads: it holds a lock of the server's that ends with its connection. Delivery is at least once. What the log hasn't got (it was
//! purged or begun anew, the history is another's, or no position is known) is a gap: everything that a change could have named is purged, and the
//! reading goes on from the present end.

mod control;
mod cursor;
mod events;
mod inflate;
mod kept;
mod numbers;
mod position;
mod reading;
mod relations;
mod rows;
mod server;
mod statement;
mod stream;
mod table;
mod values;

use super::Lag;
use crate::engine::Engine;
use crate::events::EventSource;
use crate::events::driver::{Next, Source};
use crate::fleet::link::LinkError;
use control::{Control, ControlError, Lease};
use events::Decoder;
pub(crate) use kept::Kept;
use position::Position;
use reading::{Read, Reading};
pub(crate) use server::MysqlServer;
use std::sync::Arc;
use std::time::Duration;
use stream::{Stream, StreamError};
use tokio::time::sleep;

/// Between two looks at a log that another instance reads.
const LOOK: Duration = Duration::from_millis(500);

/// So many connections in a row from which nothing could be read mean that what comes next can't be.
const FRUITLESS_MAX: u32 = 5;

/// `[events.mysql_changes]`, resolved.
#[derive(Debug, Clone)]
pub struct MysqlChangesOptions {
    /// `url`, `ca_file`
    pub server: MysqlServer,
    /// `server_id`: the number by which the server knows its reader.
    pub server_id: u32,
}

/// The changes in one server's log.
pub(crate) struct MysqlChanges {
    options: MysqlChangesOptions,
    engine: Arc<Engine>,
    lag: Arc<Lag>,
    control: Option<Control>,
    kept: Kept,
    stage: Stage,
    /// Connections in a row from which nothing could be read.
    fruitless: u32,
}

enum Stage {
    /// Another instance reads, or nobody yet.
    Apart,
    /// What came before this is about to be purged, as far as it could be named.
    Beginning(Position),
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
    /// The position can't be read or kept.
    #[error("the position in the binary log can't be kept: {0}")]
    Kept(#[from] LinkError),
    /// Another reads, and this instance is in no fleet with it.
    #[error(
        "another reader of the binary log calls itself server {0}: name another as `server_id`, or share a Redis with it"
    )]
    NumberTaken(u32),
}

impl MysqlChanges {
    /// Not connected yet.
    pub(crate) fn new(options: MysqlChangesOptions, kept: Kept, engine: Arc<Engine>, lag: Arc<Lag>) -> Self {
        Self { options, engine, lag, control: None, kept, stage: Stage::Apart, fruitless: 0 }
    }

    async fn advance(&mut self) -> Result<Next<Position>, ChangesError> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Apart) {
                Stage::Apart => {
                    if let Some(gap) = self.attach().await? {
                        return Ok(gap);
                    }
                }
                Stage::Beginning(position) => {
                    self.kept.save(&position).await?;
                    self.begin(position).await?;
                }
                Stage::Reading(mut reading) => {
                    let Some(control) = &mut self.control else { continue };
                    match reading.next(control, &self.lag).await? {
                        Read::Changed(changed, position) => {
                            self.stage = Stage::Reading(reading);
                            self.fruitless = 0;
                            return Ok(Next::Changes(changed, position));
                        }
                        Read::Nothing(position) => {
                            if !reading.is_confirmed(&position) {
                                self.kept.save(&position).await?;
                                reading.confirm(position);
                            }
                            self.fruitless = 0;
                            self.stage = Stage::Reading(reading);
                        }
                    }
                }
            }
        }
    }

    /// Looks who reads the log, and reads it if nobody else does.
    async fn attach(&mut self) -> Result<Option<Next<Position>>, ChangesError> {
        let control = match self.control.take() {
            Some(control) => control,
            None => Control::connect(&self.options.server).await?,
        };
        let control = self.control.insert(control);
        if control.lease(self.options.server_id).await? == Lease::Others {
            if let Kept::Here(_) = self.kept {
                return Err(ChangesError::NumberTaken(self.options.server_id));
            }
            // Whoever reads says how far behind that is.
            self.lag.note(0, 0, 0);
            sleep(LOOK).await;
            return Ok(None);
        }
        let known = self.kept.load().await?.filter(|_| self.fruitless < FRUITLESS_MAX);
        if let Some(position) = known {
            self.begin(position).await?;
            return Ok(None);
        }
        self.stage = Stage::Beginning(control.present().await?);
        self.fruitless = 0;
        Ok(Some(Next::Gap))
    }

    async fn begin(&mut self, position: Position) -> Result<(), ChangesError> {
        let Some(control) = &mut self.control else { return Ok(()) };
        let (charsets, relations) = (control.charsets().await?, control.relations().await?);
        let stream = Stream::begin(&self.options.server, self.options.server_id, &position).await?;
        self.fruitless += 1;
        tracing::info!(gtids = %position.gtids, "reading the changes of the database's binary log");
        let decoder = Decoder::new(charsets, relations, self.options.server.database().map(str::to_owned));
        self.stage = Stage::Reading(Box::new(Reading::new(stream, decoder, Arc::clone(&self.engine), position)));
        Ok(())
    }
}

impl Source for MysqlChanges {
    type Position = Position;
    type Error = ChangesError;

    const LABEL: EventSource = EventSource::MysqlChanges;

    async fn next(&mut self) -> Result<Next<Position>, ChangesError> {
        let next = self.advance().await;
        if let Err(error) = &next {
            (self.stage, self.control) = (Stage::Apart, None);
            if matches!(error, ChangesError::Stream(error) if error.is_lasting()) {
                self.fruitless = FRUITLESS_MAX;
            }
        }
        next
    }

    /// Where it can't be kept, it is kept with the next.
    async fn commit(&mut self, position: Position) -> Result<(), ChangesError> {
        self.kept.save(&position).await?;
        if let Stage::Reading(reading) = &mut self.stage {
            reading.confirm(position);
        }
        Ok(())
    }
}
