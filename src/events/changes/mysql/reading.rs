//! Reading the log: what its transactions changed, handed on once it can be seen.

use super::ChangesError;
use super::control::Control;
use super::events::{Decoder, RawEvent, Said};
use super::position::{Gtid, LogPlace, Position};
use super::stream::{Stream, StreamError};
use crate::engine::Engine;
use crate::events::changed::Changed;
use crate::events::changes::Lag;
use crate::events::changes::batch::Batch;
use crate::events::changes::together::{More, Together};
use crate::events::changes::wider::Wider;
use crate::rules::RuleSet;
use crate::rules::change::{RowChange, TableName};
use mysql_async::binlog::events::Event;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often the server is asked how far its log goes.
const BEAT: Duration = Duration::from_secs(1);

/// For how long after a statement the catalog may still lack what it has made.
const RELATIONS_SETTLE: Duration = Duration::from_secs(2);

/// How the database is made to tell more.
const HINT: &str = "`larder changes verify` says what the binary log leaves out, and how that is mended";

/// The event that describes a file, and when it was begun.
const FORMAT_DESCRIPTION: u8 = 15;

/// Places count 32 bits, and go round in a larger file.
const ROUND: u64 = 1 << 32;

/// What is read next.
pub(super) enum Read {
    /// What changed, and up to where.
    Changed(Changed, Position),
    /// Nothing of interest up to here.
    Nothing(Position),
}

/// One connection's changes.
pub(super) struct Reading {
    stream: Stream,
    decoder: Decoder,
    engine: Arc<Engine>,
    /// The transaction that is being read.
    open: Option<(Batch, Option<Gtid>)>,
    /// Those that were read whole.
    whole: Together<Position>,
    /// Behind the last transaction that was read whole.
    at: Position,
    /// Where the event that was read last ends.
    place: LogPlace,
    /// Which server began the file, and when; `None` until this connection has said it.
    begun: Option<(u32, u32)>,
    /// Up to where the log of purges holds everything.
    confirmed: Position,
    looked_at: Instant,
    /// Until then the relations are asked for before each event; `None` where they are known.
    related_anew_until: Option<Instant>,
    wider: Wider,
}

impl Reading {
    pub(super) fn new(stream: Stream, decoder: Decoder, engine: Arc<Engine>, after: Position) -> Self {
        Self {
            stream,
            decoder,
            engine,
            open: None,
            whole: Together::new(),
            at: after.clone(),
            place: after.place.clone(),
            begun: None,
            confirmed: after,
            looked_at: Instant::now(),
            related_anew_until: None,
            wider: Wider::new(HINT),
        }
    }

    /// The log of purges holds everything up to here.
    pub(super) fn confirm(&mut self, position: Position) {
        self.confirmed = position;
    }

    /// Whether it is known already that it does up to here.
    pub(super) fn is_confirmed(&self, position: &Position) -> bool {
        self.confirmed == *position
    }

    /// Waits for the next transactions and until what they changed can be seen.
    pub(super) async fn next(&mut self, control: &mut Control, lag: &Lag) -> Result<Read, ChangesError> {
        loop {
            if self.looked_at.elapsed() >= BEAT {
                self.look(control, lag).await?;
                if self.open.is_none() && self.whole.place().is_none() {
                    return Ok(Read::Nothing(self.at.clone()));
                }
            }
            let come = self.stream.at_once();
            let more = if come.is_some() || self.open.is_some() { More::Coming } else { More::NotYet };
            let come_nothing = come.is_none();
            if let Some(event) = come {
                self.relate(control).await?;
                self.take(&event?)?;
            }
            if let Some((batch, position)) = self.whole.handed_on(&self.engine, more) {
                let changed = batch.finish(&self.engine.rules());
                control.seen(&position.place).await?;
                return Ok(Read::Changed(changed, position));
            }
            if come_nothing && let Some(event) = self.stream.within(self.whole.wait(BEAT)).await? {
                self.relate(control).await?;
                self.take(&event)?;
            }
        }
    }

    /// Has the relations that the next event is read by. A statement is in the log before the catalog shows what it has made, so
    /// for a while after one they are asked for each time.
    async fn relate(&mut self, control: &mut Control) -> Result<(), ChangesError> {
        if self.decoder.has_other_relations() {
            self.related_anew_until = Some(Instant::now() + RELATIONS_SETTLE);
        }
        if let Some(until) = self.related_anew_until {
            let is_last = until <= Instant::now();
            self.decoder.relate(control.relations().await?);
            self.related_anew_until = Some(until).filter(|_| !is_last);
        }
        Ok(())
    }

    async fn look(&mut self, control: &mut Control, lag: &Lag) -> Result<(), ChangesError> {
        let end = control.end().await?;
        if self.begun.is_some() && !end.reaches(&self.at.place) {
            return Err(StreamError::OtherHistory.into());
        }
        let behind = control.bytes_between(&self.confirmed.place, &end).await?;
        let ordinal = |place: &LogPlace| {
            let (file, position) = place.ordinal();
            file << 40 | position
        };
        lag.note(ordinal(&end), ordinal(&self.confirmed.place), behind);
        self.looked_at = Instant::now();
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Result<(), StreamError> {
        let header = event.header();
        let kind = header.event_type_raw();
        if kind == FORMAT_DESCRIPTION {
            self.begun(header.server_id(), header.timestamp())?;
        }
        self.go_on_to(header.log_pos().into());
        let raw = RawEvent { kind, server: header.server_id(), flags: header.flags_raw(), data: event.data() };
        let rules = self.open.as_ref().map_or_else(|| self.engine.rules(), |(open, _)| Arc::clone(open.rules()));
        match self.decoder.read(raw, &rules) {
            Said::File { name, position } => self.place = LogPlace { file: name, position },
            Said::Begin(gtid) => {
                if self.open.as_ref().is_some_and(|(open, _)| !open.has_nothing()) {
                    self.end();
                }
                let before = self.open.take().and_then(|(_, gtid)| gtid);
                self.open = Some((Batch::by(self.engine.rules()), gtid.or(before)));
            }
            Said::Change(changes) => self.add(changes, &rules),
            Said::Last(changes) => {
                self.add(changes, &rules);
                self.end();
            }
            Said::Unreadable => self.open.get_or_insert_with(|| (Batch::by(rules), None)).0.add_unreadable(),
            Said::End => self.end(),
            Said::Nothing => {}
        }
        Ok(())
    }

    /// A file of the log was begun by this server then. If that is not when it was, the log was begun anew.
    fn begun(&mut self, server: u32, when: u32) -> Result<(), StreamError> {
        self.begun = Some((server, when));
        if self.at.server != server {
            // Its files are others; the GTIDs go on.
            (self.at.server, self.at.place, self.at.begun) = (server, self.place.clone(), when);
        }
        if self.at.server == server && self.at.place.file == self.place.file {
            if self.at.begun != 0 && self.at.begun != when {
                return Err(StreamError::OtherHistory);
            }
            self.at.begun = when;
        }
        Ok(())
    }

    /// An event ends there; 0 for one that is in no log.
    fn go_on_to(&mut self, position: u64) {
        const QUARTER: u64 = ROUND / 4;
        let (rounds, before) = (self.place.position / ROUND, self.place.position % ROUND);
        let has_gone_round = before > ROUND - QUARTER && position < QUARTER;
        if position > before || has_gone_round {
            self.place.position = (rounds + u64::from(has_gone_round)) * ROUND + position;
        }
    }

    fn add(&mut self, changes: Vec<(TableName, RowChange)>, rules: &Arc<RuleSet>) {
        if changes.is_empty() {
            return;
        }
        let (open, _) = self.open.get_or_insert_with(|| (Batch::by(Arc::clone(rules)), None));
        open.add(changes, |table, gathered| self.wider.tell(table, gathered));
    }

    /// What was read of a transaction is whole.
    fn end(&mut self) {
        let Some((batch, gtid)) = self.open.take() else { return };
        if let Some(gtid) = gtid {
            self.at.gtids.follow(gtid);
        }
        self.at.place = self.place.clone();
        if let Some(begun) = self.begun {
            (self.at.server, self.at.begun) = begun;
        }
        if !batch.has_nothing() {
            self.whole.add(batch, self.at.clone());
        } else if let Some(place) = self.whole.place() {
            *place = self.at.clone();
        }
    }
}
