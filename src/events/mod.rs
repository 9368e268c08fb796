//! Events from other systems, and the purges that they become.
//!
//! Three sources hand what they get to one [`Intake`]: `POST /events` of the admin API, the Redis stream
//! `{namespace}:events` ([`stream`]) and PostgreSQL's NOTIFY ([`postgres`]). The rules in force say what an event purges; the
//! purge goes the way of every other. Delivery is at least once: a purge that is made twice does no harm. What is no event,
//! or maps to nothing, is counted and told once per type, and never holds up those behind it; only a log that can't take a
//! purge does, until it can.

pub mod postgres;
pub mod stream;

use crate::engine::Engine;
use crate::invalidation::PurgeOptions;
use crate::invalidation::log::LogError;
use crate::invalidation::purge::{Purge, SCOPES_MAX, Source};
use crate::invalidation::receipts::Receipt;
use crate::rules::event::{Event, EventError, EventPurge, Mapped};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// The pause before a purge that the log could not take is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// So many types are told of in the log; what a producer makes up beyond that is only counted.
const TYPES_TOLD_MAX: usize = 1_000;

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventSource {
    /// `POST /events`
    Admin,
    /// The stream in Redis.
    Stream,
    /// PostgreSQL's NOTIFY.
    Postgres,
}

impl EventSource {
    /// The stable label in metrics and log.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Stream => "stream",
            Self::Postgres => "postgres",
        }
    }
}

/// What became of an event.
#[derive(Debug)]
pub enum Taken {
    /// These purges were made.
    Purged(Vec<Receipt>),
    /// No block of the rules names its type.
    NoRule,
    /// It lacks what the templates of its blocks need.
    FieldsMissing,
    /// It is no event.
    Malformed(EventError),
}

impl Taken {
    /// The stable label in metrics and answers.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Purged(_) => "purged",
            Self::NoRule => "no-rule",
            Self::FieldsMissing => "fields-missing",
            Self::Malformed(_) => "malformed",
        }
    }
}

/// How many events of one kind there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCount {
    /// Where they came from.
    pub source: &'static str,
    /// Their type, where the rules name it; else `other`.
    pub kind: String,
    /// What became of them.
    pub result: &'static str,
    /// How many.
    pub count: u64,
}

/// Takes events from wherever they come.
pub struct Intake {
    engine: Arc<Engine>,
    counts: Mutex<BTreeMap<(EventSource, String, &'static str), u64>>,
    told: Mutex<HashSet<String>>,
}

impl Intake {
    /// An intake for the rules and purges of this engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Arc<Self> {
        Arc::new(Self { engine, counts: Mutex::default(), told: Mutex::default() })
    }

    /// Makes the purges that the rules see in an event.
    ///
    /// # Errors
    /// Where the log can't take one. Some may have been made; the whole may be repeated.
    pub async fn take(&self, source: EventSource, event: Result<Event, EventError>) -> Result<Taken, LogError> {
        let kind = event.as_ref().map_or_else(|_| String::new(), |event| event.kind.clone());
        let taken = match event {
            Err(error) => Taken::Malformed(error),
            Ok(event) => match self.engine.rules().purges_on(&event) {
                Mapped::NoRule => Taken::NoRule,
                Mapped::FieldsMissing => Taken::FieldsMissing,
                Mapped::Purges(purges) => Taken::Purged(self.purge(purges).await.inspect_err(|error| {
                    tracing::error!(%error, source = source.label(), kind, "an event's purge holds on this instance alone");
                    self.count(source, &kind, "failed");
                })?),
            },
        };
        self.count(source, &kind, taken.label());
        self.tell_once(source, &kind, &taken);
        Ok(taken)
    }

    /// As [`Self::take`], again and again until the log takes it: for a source that has its events in order.
    pub async fn take_surely(&self, source: EventSource, event: Result<Event, EventError>) {
        while self.take(source, event.clone()).await.is_err() {
            sleep(RETRY).await;
        }
    }

    /// Purges all that an event could have named: some may have been missed.
    pub async fn cover_gap(&self, source: EventSource) {
        loop {
            let purges = self.engine.rules().purges_on_a_gap();
            if purges.is_empty() {
                return;
            }
            tracing::warn!(source = source.label(), "events may have been missed: all that they could name is purged");
            match self.purge(purges).await {
                Ok(_) => return self.count(source, "", "gap"),
                Err(error) => tracing::error!(%error, "the log cannot take that purge now"),
            }
            sleep(RETRY).await;
        }
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counts(&self) -> Vec<EventCount> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |((source, kind, result), count): (&(EventSource, String, &'static str), &u64)| EventCount {
            source: source.label(),
            kind: kind.clone(),
            result,
            count: *count,
        };
        counts.iter().map(row).collect()
    }

    async fn purge(&self, purges: Vec<EventPurge>) -> Result<Vec<Receipt>, LogError> {
        let mut receipts = Vec::new();
        for EventPurge { scopes, depth } in purges {
            for scopes in scopes.chunks(SCOPES_MAX) {
                let Ok(purge) = Purge::new(scopes.to_vec(), depth, Source::Event) else { continue };
                receipts.push(self.engine.invalidation().purge(purge, PurgeOptions::default()).await?);
            }
        }
        Ok(receipts)
    }

    /// Types that the rules do not name are one: producers must not be able to make up labels.
    fn count(&self, source: EventSource, kind: &str, result: &'static str) {
        let is_known = self.engine.rules().events().iter().any(|rule| rule.on == kind);
        let kind = if is_known { kind } else { "other" };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((source, kind.to_owned(), result)).or_default() += 1;
    }

    fn tell_once(&self, source: EventSource, kind: &str, taken: &Taken) {
        if let Taken::Purged(_) = taken {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TYPES_TOLD_MAX && told.insert(format!("{} {kind} {}", source.label(), taken.label())) {
            let (source, result) = (source.label(), taken.label());
            tracing::warn!(source, kind, result, "an event purges nothing; more of this type are only counted");
        }
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
