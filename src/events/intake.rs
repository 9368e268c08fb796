//! Makes purges of events, as the rules in force say; they go the way of every other.
//!
//! What is no event, or maps to nothing or not to all that it should, is counted and logged once per type. An event is taken
//! whole or refused whole.

use super::changed::Changed;
use crate::engine::Engine;
use crate::invalidation::idempotency::IdempotencyKey;
use crate::invalidation::purge::{Purge, PurgeSource, distinct};
use crate::invalidation::receipts::Receipt;
use crate::invalidation::{PurgeFailure, PurgeOptions};
use crate::metric::{Measured, Metric, Samples};
use crate::rules::event::{Event, EventError, EventPurge, Mapped};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// So many types are named in the log; what a producer makes up beyond that is only counted.
const TYPES_LOGGED_MAX: usize = 1_000;

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventSource {
    /// `POST /events`
    Admin,
    /// The stream in Redis.
    Stream,
    /// PostgreSQL's NOTIFY.
    Postgres,
    /// Rows that change in PostgreSQL.
    PostgresChanges,
    /// Rows that change in MariaDB.
    MysqlChanges,
    /// `POST /events/{source}`
    Webhook,
}

impl EventSource {
    /// The stable label in metrics and log.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Stream => "stream",
            Self::Postgres => "postgres",
            Self::PostgresChanges => "postgres_changes",
            Self::MysqlChanges => "mysql_changes",
            Self::Webhook => "webhook",
        }
    }
}

/// What became of an event.
#[derive(Debug)]
pub enum Taken {
    /// Something was purged.
    Purged {
        /// One for each depth.
        receipts: Vec<Receipt>,
        /// The fields for want of which something else was not purged.
        missing: Vec<String>,
    },
    /// No block of the rules names its type.
    NoRule,
    /// Nothing was purged, for want of these fields.
    FieldsMissing(Vec<String>),
    /// Nothing was purged: it has more bytes or fields, or names more, than is taken of one event.
    TooLarge,
    /// It is no event.
    Malformed(EventError),
}

impl Taken {
    /// The stable label in metrics and answers.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Purged { missing, .. } if missing.is_empty() => "purged",
            Self::Purged { .. } => "partly",
            Self::NoRule => "no-rule",
            Self::FieldsMissing(_) => "fields-missing",
            Self::TooLarge => "too-large",
            Self::Malformed(_) => "malformed",
        }
    }
}

const EVENTS: Metric = Metric::counter(
    "larder_events_total",
    &["source", "type", "result"],
    "Events that other systems sent; types that no rule names are `other`.",
);

/// The metrics of events.
pub(crate) const METRICS: &[&Metric] = &[&EVENTS];

/// Takes events from wherever they come.
pub struct Intake {
    engine: Arc<Engine>,
    counts: Mutex<BTreeMap<(EventSource, String, &'static str), u64>>,
    logged: Mutex<HashSet<String>>,
}

impl Intake {
    /// An intake for the rules and purges of this engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Arc<Self> {
        Arc::new(Self { engine, counts: Mutex::default(), logged: Mutex::default() })
    }

    /// Makes the purges that the rules see in an event; under `key` once, where its teller has a name for it.
    ///
    /// # Errors
    /// Where the log can't take one; some may have been made, and the whole may be repeated. Where the name stands for
    /// another event.
    pub async fn take(
        &self,
        source: EventSource,
        event: Result<Event, EventError>,
        key: Option<IdempotencyKey>,
    ) -> Result<Taken, PurgeFailure> {
        let kind = event.as_ref().map_or_else(|_| String::new(), |event| event.kind.clone());
        let taken = match event {
            Err(EventError::TooLarge) => Taken::TooLarge,
            Err(error) => Taken::Malformed(error),
            Ok(event) => match self.engine.rules().purges_on(&event) {
                Mapped::NoRule => Taken::NoRule,
                Mapped::FieldsMissing(missing) => Taken::FieldsMissing(missing),
                Mapped::TooMany => Taken::TooLarge,
                Mapped::Purges { purges, missing } => {
                    let receipts =
                        self.purge(purges, key).await.inspect_err(|error| self.failed(source, &kind, error))?;
                    Taken::Purged { receipts, missing }
                }
            },
        };
        self.count(source, &kind, taken.label());
        self.tell(source, &kind, &taken);
        Ok(taken)
    }

    /// Makes the purges of transactions.
    ///
    /// # Errors
    /// Where the log can't take one; some may have been made, and the whole may be repeated.
    pub(super) async fn take_changes(&self, source: EventSource, changed: &Changed) -> Result<(), PurgeFailure> {
        let failed = |error: &PurgeFailure| self.failed(source, "", error);
        self.purge(changed.purges.clone(), None).await.inspect_err(failed)?;
        for ((table, result), count) in &changed.counts {
            self.count_all(source, table, result, *count);
        }
        Ok(())
    }

    /// Purges all that events, of one type or any, could have named: some may have been missed.
    ///
    /// # Errors
    /// Where the log can't take it.
    pub(super) async fn cover_gap(&self, source: EventSource, kind: Option<&str>) -> Result<(), PurgeFailure> {
        let rules = self.engine.rules();
        let purges = match source {
            EventSource::PostgresChanges | EventSource::MysqlChanges => rules.purges_on_missed_changes(),
            EventSource::Admin | EventSource::Stream | EventSource::Postgres | EventSource::Webhook => {
                rules.purges_on_a_gap(kind)
            }
        };
        if !purges.is_empty() {
            tracing::warn!(
                source = source.label(),
                "events may have been missed; everything that they could have named is purged"
            );
            self.purge(purges, None).await?;
            self.count(source, kind.unwrap_or_default(), "gap");
        }
        Ok(())
    }

    async fn purge(&self, purges: Vec<EventPurge>, key: Option<IdempotencyKey>) -> Result<Vec<Receipt>, PurgeFailure> {
        let mut receipts = Vec::new();
        for (nth, EventPurge { scopes, depth }) in purges.into_iter().enumerate() {
            let idempotency_key = key.as_ref().map(|key| if nth == 0 { key.clone() } else { key.further(nth) });
            let purge = Purge { scopes: distinct(scopes), depth, source: PurgeSource::Event };
            let options = PurgeOptions { wait: None, idempotency_key };
            receipts.push(self.engine.invalidation().purge(purge, options).await?);
        }
        Ok(receipts)
    }

    fn failed(&self, source: EventSource, kind: &str, error: &PurgeFailure) {
        if let PurgeFailure::Log(error) = error {
            tracing::error!(%error, source = source.label(), kind, "the purge of an event could not be appended to the log and was applied on this instance only");
            self.count(source, kind, "failed");
        }
    }

    /// Types that the rules do not name are one: producers must not be able to make up labels.
    fn count(&self, source: EventSource, kind: &str, result: &'static str) {
        self.count_all(source, kind, result, 1);
    }

    fn count_all(&self, source: EventSource, kind: &str, result: &'static str, count: u64) {
        let rules = self.engine.rules();
        let is_known = match source {
            EventSource::PostgresChanges | EventSource::MysqlChanges => {
                rules.changes().iter().any(|rule| rule.purge.on == kind)
            }
            EventSource::Admin | EventSource::Stream | EventSource::Postgres | EventSource::Webhook => {
                rules.events().iter().any(|rule| rule.on == kind)
            }
        };
        let kind = if is_known { kind } else { "other" };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((source, kind.to_owned(), result)).or_default() += count;
    }

    /// Tells of what did not purge all that it should, once for each type and each way.
    fn tell(&self, source: EventSource, kind: &str, taken: &Taken) {
        let missing = match taken {
            Taken::Purged { missing, .. } if missing.is_empty() => return,
            Taken::Purged { missing, .. } | Taken::FieldsMissing(missing) => missing.join(" "),
            Taken::NoRule | Taken::TooLarge | Taken::Malformed(_) => String::new(),
        };
        let (source, result) = (source.label(), taken.label());
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() < TYPES_LOGGED_MAX && logged.insert(format!("{source} {kind} {result} {missing}")) {
            let message =
                "an event purges nothing, or not all that its type's blocks name; more of this kind are only counted";
            tracing::warn!(source, kind, result, missing, "{message}");
        }
    }
}

impl Measured for Intake {
    fn sample(&self, samples: &mut Samples) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for ((source, kind, result), count) in &*counts {
            samples.number(&EVENTS, &[source.label(), kind, result], *count);
        }
    }
}
