//! Reading the stream: transactions that have come already are handed on together, as one purge.

use super::decode::{Decoder, Said};
use super::replicas::Replicas;
use super::session::{Sent, Session, StreamError};
use super::slot::{Control, Found};
use super::unsettled::Unsettled;
use super::{ChangesError, Lag, PostgresChangesOptions};
use crate::engine::Engine;
use crate::events::changed::Changed;
use crate::events::changes::batch::Batch;
use crate::events::changes::together::{More, Place, Together};
use crate::events::changes::wider::Wider;
use pgwire_replication::PgWireError;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How often the server is asked for its position, and gets that of this instance.
const BEAT: Duration = Duration::from_secs(1);

/// How often it gets that while changes come without a pause.
const CONFIRMATION: Duration = Duration::from_millis(100);

/// How the database is made to tell more.
const HINT: &str = "if the old row lacks them: ALTER TABLE … REPLICA IDENTITY FULL, as `larder changes plan` prints it";

/// Why reading ended.
pub(super) enum ReadError {
    /// It can go on from where it was.
    Ended(ChangesError),
    /// What comes next can't be read.
    Spoilt(ChangesError),
}

/// One connection's changes.
pub(super) struct Reading {
    session: Session,
    decoder: Decoder,
    engine: Arc<Engine>,
    /// The transaction that is being read.
    open: Option<(Batch, Transactions)>,
    /// Those that were read whole.
    whole: Together<Transactions>,
    /// Up to where the log of purges holds everything.
    confirmed: u64,
    /// Up to where the server knows that, and since when.
    told: (u64, Instant),
    looked_at: Instant,
    wider: Wider,
    /// Which system's log that is.
    system: String,
    /// What replicas may not have replayed.
    unsettled: Unsettled,
}

/// Which transactions, and the position behind the last one that is committed.
#[derive(Debug, Default)]
struct Transactions {
    numbers: HashSet<u32>,
    end: u64,
}

impl Place for Transactions {
    fn follow(&mut self, later: Self) {
        self.numbers.extend(later.numbers);
        self.end = self.end.max(later.end);
    }
}

impl Reading {
    /// Goes on from where the slot of this server is confirmed.
    pub(super) fn new(session: Session, engine: Arc<Engine>, found: &Found) -> Self {
        let now = Instant::now();
        Self {
            session,
            decoder: Decoder::new(),
            engine,
            open: None,
            whole: Together::new(),
            confirmed: found.confirmed,
            told: (0, now),
            looked_at: now,
            wider: Wider::new(HINT),
            system: found.history.system.clone(),
            unsettled: Unsettled::new(),
        }
    }

    /// What replicas have not replayed of a gap that ended here is purged again, too.
    pub(super) fn settle_gap(&mut self, end: u64) {
        self.unsettled.add_any(end);
    }

    /// The log of purges holds everything up to here.
    pub(super) fn confirm(&mut self, position: u64) {
        self.confirmed = self.confirmed.max(position);
    }

    /// Waits for the next transactions and until what they changed can be seen.
    pub(super) async fn next(
        &mut self,
        control: &Control,
        options: &PostgresChangesOptions,
        lag: &Lag,
        replicas: &Replicas,
    ) -> Result<(Changed, u64), ReadError> {
        loop {
            replicas.want(!self.unsettled.is_empty());
            if let Some(again) = self.unsettled.due(replicas.replayed(&self.system), &self.engine.rules()) {
                return Ok(again);
            }
            if self.looked_at.elapsed() >= BEAT {
                control.look(&options.slot, &options.publication).await?.measure(lag);
                self.looked_at = Instant::now();
            }
            let is_caught_up = self.open.is_none() && !self.session.has_more();
            let more = if is_caught_up { More::NotYet } else { More::Coming };
            if let Some((batch, Transactions { numbers, end })) = self.whole.handed_on(&self.engine, more) {
                let rules = self.engine.rules();
                let changed = batch.finish(&rules);
                if changed.counts.is_empty() {
                    self.pass(end);
                    continue;
                }
                control.seen(&numbers).await?;
                if replicas.is_empty() {
                    return Ok((changed, end));
                }
                self.unsettled.add(&changed, end, rules.number());
                // It is confirmed once it is settled.
                return Ok((changed, 0));
            }
            let is_idle = !self.session.has_more();
            let (position, since) = self.told;
            if (is_idle && self.confirmed > position) || since.elapsed() >= if is_idle { BEAT } else { CONFIRMATION } {
                self.session.confirm(self.confirmed).await?;
                self.told = (self.confirmed, Instant::now());
            }
            tokio::select! {
                sent = timeout(self.whole.wait(BEAT), self.session.next()) => if let Ok(sent) = sent {
                    self.take(sent?);
                },
                () = replicas.news(), if !self.unsettled.is_empty() => {}
            }
        }
    }

    /// Nothing that concerns anybody has changed up to here.
    fn pass(&mut self, end: u64) {
        if let Some(settled) = self.unsettled.pass(end) {
            self.confirm(settled);
        }
    }

    fn take(&mut self, sent: Sent) {
        let message = match sent {
            Sent::Data(message) => message,
            Sent::Alive { end } => {
                match (self.whole.place(), &self.open) {
                    (_, Some(_)) => {}
                    (Some(place), None) => place.end = place.end.max(end),
                    (None, None) => self.pass(end),
                }
                return;
            }
        };
        let rules = self.open.as_ref().map_or_else(|| self.engine.rules(), |(open, _)| Arc::clone(open.rules()));
        let said = self.decoder.read(message, &rules);
        let (open, place) = self.open.get_or_insert_with(|| (Batch::by(rules), Transactions::default()));
        match said {
            Said::Begin { xid } => drop(place.numbers.insert(xid)),
            Said::Commit { end } => {
                place.end = end;
                if let Some((open, place)) = self.open.take() {
                    self.whole.add(open, place);
                }
                return;
            }
            Said::Change(changes) => open.add(changes, |table, gathered| self.wider.tell(table, gathered)),
            Said::Unreadable => open.add_unreadable(),
            Said::Nothing => {}
        }
        if place.numbers.is_empty() && open.has_nothing() {
            // A description of a table may come between transactions.
            self.open = None;
        }
    }
}

impl<E: Into<ChangesError>> From<E> for ReadError {
    fn from(error: E) -> Self {
        let error = error.into();
        // There is no such publication in the history that the slot reads; a part of it is gone; a row is too large.
        let is_spoilt = match &error {
            ChangesError::Stream(StreamError::Refused { code, .. }) => matches!(code.as_str(), "42704" | "58P01"),
            ChangesError::Stream(StreamError::Protocol(error)) => matches!(error, PgWireError::MessageTooLarge { .. }),
            _ => false,
        };
        if is_spoilt { Self::Spoilt(error) } else { Self::Ended(error) }
    }
}
