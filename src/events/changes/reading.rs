//! Reading the stream: transactions that have come already are handed on together, as one purge.

use super::batch::Batch;
use super::decode::{Decoder, Said};
use super::session::{Sent, Session, StreamError};
use super::slot::Control;
use super::{ChangesError, Lag, PostgresChangesOptions};
use crate::engine::Engine;
use crate::events::changed::Changed;
use crate::rules::change::{Gathered, TableName};
use pgwire_replication::PgWireError;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How often the server is asked for its position, and gets that of this instance.
const BEAT: Duration = Duration::from_secs(1);

/// How often it gets that while changes come without a pause.
const CONFIRMATION: Duration = Duration::from_millis(100);

/// Transactions wait for others at most so long before they are handed on.
const TOGETHER: Duration = Duration::from_millis(5);

/// More than so many scopes are not put together.
const TOGETHER_SCOPES_MAX: usize = 5_000;

/// So much is logged, each once.
const TOLD_MAX: usize = 1_000;

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
    open: Option<Batch>,
    /// Those that were read whole, and since when they wait.
    whole: Option<(Batch, Instant)>,
    /// Up to where the log of purges holds everything.
    confirmed: u64,
    /// Up to where the server knows that, and since when.
    told: (u64, Instant),
    looked_at: Instant,
    named: HashSet<String>,
}

impl Reading {
    pub(super) fn new(session: Session, engine: Arc<Engine>, confirmed: u64) -> Self {
        let now = Instant::now();
        Self {
            session,
            decoder: Decoder::new(),
            engine,
            open: None,
            whole: None,
            confirmed,
            told: (0, now),
            looked_at: now,
            named: HashSet::new(),
        }
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
    ) -> Result<Changed, ReadError> {
        loop {
            if self.looked_at.elapsed() >= BEAT {
                lag.note(&control.look(&options.slot, &options.publication).await?);
                self.looked_at = Instant::now();
            }
            if let Some(batch) = self.handed_on() {
                let seen = batch.transactions.clone();
                let changed = batch.finish(&self.engine.rules());
                if changed.counts.is_empty() {
                    self.confirm(changed.end);
                    continue;
                }
                control.seen(&seen).await?;
                return Ok(changed);
            }
            let is_idle = !self.session.has_more();
            let (position, since) = self.told;
            if (is_idle && self.confirmed > position) || since.elapsed() >= if is_idle { BEAT } else { CONFIRMATION } {
                self.session.confirm(self.confirmed).await?;
                self.told = (self.confirmed, Instant::now());
            }
            let wait = self.whole.as_ref().map_or(BEAT, |_| TOGETHER);
            if let Ok(sent) = timeout(wait, self.session.next()).await {
                self.take(sent?);
            }
        }
    }

    fn take(&mut self, sent: Sent) {
        let message = match sent {
            Sent::Data(message) => message,
            Sent::Alive { end } => {
                match (&mut self.whole, &self.open) {
                    (_, Some(_)) => {}
                    (Some((batch, _)), None) => batch.end = batch.end.max(end),
                    (None, None) => self.confirm(end),
                }
                return;
            }
        };
        let rules = self.open.as_ref().map_or_else(|| self.engine.rules(), |open| Arc::clone(open.rules()));
        let said = self.decoder.read(message, &rules);
        let open = self.open.get_or_insert_with(|| Batch::by(rules));
        match said {
            Said::Begin { xid } => drop(open.transactions.insert(xid)),
            Said::Commit { end } => {
                open.end = end;
                let Some(open) = self.open.take() else { return };
                match &mut self.whole {
                    Some((whole, _)) => whole.absorb(open),
                    None => self.whole = Some((open, Instant::now())),
                }
            }
            said => {
                let named = &mut self.named;
                open.add(said, |table, gathered| tell(named, table, gathered));
                if open.is_empty() && open.has_nothing() {
                    // A description of a table may come between transactions.
                    self.open = None;
                }
            }
        }
    }

    /// The transactions that wait, if nothing is gained by waiting longer.
    fn handed_on(&mut self) -> Option<Batch> {
        let (batch, since) = self.whole.as_ref()?;
        let is_caught_up = self.open.is_none() && !self.session.has_more();
        let is_due = is_caught_up || batch.len() >= TOGETHER_SCOPES_MAX || since.elapsed() >= TOGETHER;
        let other_rules = || batch.rules().number() != self.engine.rules().number();
        if is_due || other_rules() { self.whole.take().map(|(batch, _)| batch) } else { None }
    }
}

/// Names in the log what is purged wider than its block says, each once.
fn tell(named: &mut HashSet<String>, table: &TableName, gathered: &Gathered) {
    let Gathered::Wider { columns, place } = gathered else { return };
    let columns = columns.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    if named.len() < TOLD_MAX && named.insert(format!("{table} {columns} {place}")) {
        let hint = "if the old row lacks them: ALTER TABLE … REPLICA IDENTITY FULL, as `larder changes plan` prints it";
        tracing::warn!(
            %table, columns, place, hint,
            "these columns are not known of a changed row: everything is purged that the block could name"
        );
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
