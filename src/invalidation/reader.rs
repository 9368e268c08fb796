//! The reader of the fleet's log: one task per instance, on a link of its own.
//!
//! A turn renews the lease and then reads the stream to its end. Both in this order prove that this instance was current
//! just before: a purge that was complete without it was appended before the renewal, while the lease was gone, and was
//! read; any later one waits for the lease. The position lives here and nowhere else; all that is applied goes through
//! [`Invalidation::apply_record`].
//!
//! After any failure Redis is **inspected** anew: it may be another run of it, with less in it than before.

use super::Invalidation;
use super::fleet_log::{FleetLog, Reached, stamp_of};
use super::purge::{Depth, Purge, PurgeSource};
use super::purge_lag::LagMeter;
use super::record::{LogRecord, PurgePart, PurgeRecord};
use super::switch_record::SwitchRecord;
use super::unsent::Owed;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::fleet::link::{LinkError, LinkFailure};
use crate::fleet::streams::{self, EntryId, StreamEntry};
use crate::stamp::Stamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Entries read at once.
const PAGE: usize = 200;

/// How long a command of the reader's may take that does not block.
const DEADLINE: Duration = Duration::from_secs(1);

/// The longest that the reader waits for entries before it renews the lease.
const BEAT_MAX: Duration = Duration::from_secs(1);

/// How often instances ask each other which version they are and which rules they have.
const MUSTER_INTERVAL: Duration = Duration::from_secs(2);

/// The pause after a failure, doubled each time.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// So many turns without news pass between two trimmings of the log.
const TURNS_BETWEEN_TRIMS: u32 = 60;

pub(super) struct Reader {
    invalidation: Arc<Invalidation>,
    log: Arc<FleetLog>,
    /// The last entry applied.
    position: EntryId,
    /// The run of Redis that the last epoch entry named.
    run: Option<String>,
    inspected: Inspected,
    quiet_turns: u32,
    /// When the fleet was last asked what it is, by the monotonic clock.
    mustered_at: Option<Duration>,
    lags: LagMeter,
}

/// Whether the Redis that answers now is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inspected {
    NotYet,
    /// On this connection of the link.
    On(u64),
}

impl Reader {
    pub(super) fn new(invalidation: Arc<Invalidation>, log: Arc<FleetLog>) -> Self {
        let lags = LagMeter::new(invalidation.clock.monotonic());
        Self {
            invalidation,
            log,
            position: EntryId::ZERO,
            run: None,
            inspected: Inspected::NotYet,
            quiet_turns: 0,
            mustered_at: None,
            lags,
        }
    }

    /// Reads for as long as the instance lives.
    pub(super) async fn run(mut self) {
        // Where an earlier process has left off.
        let (millis, sequence) = self.invalidation.applied().log();
        self.position = EntryId(millis, sequence);
        let mut pause = RETRY.0;
        loop {
            match self.turn().await {
                Ok(()) => pause = RETRY.0,
                Err(error) => {
                    // Once for failures in a row, also where no turn ever succeeded.
                    if pause == RETRY.0 {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(error, "the invalidation log cannot be read");
                    }
                    self.inspected = Inspected::NotYet;
                    sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
            }
        }
    }

    async fn turn(&mut self) -> Result<(), LinkError> {
        let link = Arc::clone(&self.log.links.reader);
        let is_known = self.inspected == Inspected::On(link.generation());
        if !is_known {
            self.inspect().await?;
            self.read_hard_floor().await?;
            self.inspected = Inspected::On(link.generation());
        }
        let (began, beat) = (self.invalidation.clock.monotonic(), self.beat());
        self.log.renew(self.invalidation.applied(), DEADLINE).await?;
        let stream = self.log.options.names.purges();
        let entries = if is_known {
            let command = streams::read_after(&stream, &self.position.to_string(), PAGE, beat);
            streams::read(link.call(&command, beat + DEADLINE).await?)?
        } else {
            // Without a wait for news: until the first proof, nothing stored is served unasked.
            let next = EntryId(self.position.0, self.position.1.saturating_add(1));
            streams::ranged(link.call(&streams::range_from(&stream, next, PAGE), DEADLINE).await?)?
        };
        let count = entries.len();
        self.apply(entries);
        if count == PAGE {
            return Ok(());
        }
        // Only the run that was inspected has been read to its end.
        if self.keeper_run(&stream).await? != self.run.as_deref().unwrap_or_default() {
            self.inspected = Inspected::NotYet;
            return Ok(());
        }
        if count == 0 && self.last_generated(&stream).await? < self.position {
            self.inspected = Inspected::NotYet;
            return Ok(());
        }
        self.append_unsent(&stream).await?;
        self.log.prove(began);
        // An instance that is seen alive is waited for, should Redis lose its lease.
        let alive = self.log.live_instances(&link, DEADLINE).await?;
        self.muster_now_and_then(alive).await?;
        if count == 0 {
            self.trim_now_and_then().await?;
        }
        Ok(())
    }

    /// Says what this instance is, and asks the others. However busy the log is, that is not asked at every turn.
    async fn muster_now_and_then(&mut self, alive: BTreeMap<String, Option<Stamp>>) -> Result<(), LinkError> {
        let now = self.invalidation.clock.monotonic();
        if self.mustered_at.is_some_and(|at| now.saturating_sub(at) < MUSTER_INTERVAL) {
            return Ok(());
        }
        self.mustered_at = Some(now);
        self.log.introduce(DEADLINE).await?;
        self.log.muster(alive, DEADLINE).await
    }

    /// Which run of Redis keeps the log, and by the way what its clock shows.
    async fn keeper_run(&mut self, stream: &str) -> Result<String, LinkError> {
        let asked_at = self.invalidation.clock.monotonic();
        let keeper = self.log.links.reader.keeper(stream, DEADLINE).await?;
        self.lags.observe(keeper.time, asked_at);
        Ok(keeper.run)
    }

    fn beat(&self) -> Duration {
        (self.log.options.partition_grace / 4).min(BEAT_MAX)
    }

    /// Finds out what this Redis still knows of the log, and raises the floor over what it may have forgotten.
    async fn inspect(&mut self) -> Result<(), LinkError> {
        let stream = self.log.options.names.purges();
        let link = Arc::clone(&self.log.links.reader);
        let run = self.keeper_run(&stream).await?;
        let mut first = self.position;
        let mut page = streams::ranged(link.call(&streams::range_from(&stream, first, PAGE), DEADLINE).await?)?;
        match page.first() {
            Some(entry) if entry.id == self.position => drop(page.remove(0)),
            Some(entry) => self.invalidation.raise_floor(stamp_of(entry.id)),
            None => self.floor_of_empty_stream(&stream).await?,
        }
        while let Some(last) = page.last().map(|entry| entry.id) {
            self.apply(page);
            first = EntryId(last.0, last.1.saturating_add(1));
            page = streams::ranged(link.call(&streams::range_from(&stream, first, PAGE), DEADLINE).await?)?;
        }
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::EpochIgnored) {
            self.run = Some(run.clone());
        }
        if self.run.as_deref() == Some(run.as_str()) {
            return Ok(());
        }
        // Its entry may have been trimmed since: then the floor, which stands at the first entry left, covers it.
        if self.run.is_none() && self.position != EntryId::ZERO && self.epoch_opened().await?.as_ref() == Some(&run) {
            self.invalidation.go_on_in_epoch(&run);
            self.run = Some(run);
            return Ok(());
        }
        self.open_epoch(&stream, run).await
    }

    /// The highest id that the stream has ever had; zero where there is no stream.
    async fn last_generated(&self, stream: &str) -> Result<EntryId, LinkError> {
        match self.log.links.reader.call(&streams::info(stream), DEADLINE).await {
            Ok(info) => streams::last_generated(info),
            Err(error) if error.failure == LinkFailure::Refused => Ok(EntryId::ZERO),
            Err(error) => Err(error),
        }
    }

    /// A stream without an entry from here on may have had some.
    async fn floor_of_empty_stream(&mut self, stream: &str) -> Result<(), LinkError> {
        let last = self.last_generated(stream).await?;
        if last > self.position {
            self.position = last;
            self.invalidation.raise_floor(stamp_of(last));
        } else if last < self.position {
            // It has lost what was read: whatever run it says it is, its epoch begins anew.
            self.forget_epoch().await?;
        }
        Ok(())
    }

    async fn forget_epoch(&mut self) -> Result<(), LinkError> {
        self.run = None;
        let mut del = redis::cmd("DEL");
        del.arg(self.log.options.names.epoch());
        self.log.links.reader.call(&del, DEADLINE).await.map(drop)
    }

    async fn epoch_opened(&self) -> Result<Option<String>, LinkError> {
        let mut get = redis::cmd("GET");
        get.arg(self.log.options.names.epoch());
        let reply = self.log.links.reader.call(&get, DEADLINE).await?;
        Ok(redis::from_redis_value(reply).ok().flatten())
    }

    /// Tells everyone that another run of Redis keeps the log now. The entry's id is above all that was applied here, so
    /// that everyone who reads on from there comes to it.
    async fn open_epoch(&mut self, stream: &str, run: String) -> Result<(), LinkError> {
        let link = &self.log.links.reader;
        let fields = LogRecord::Epoch { run: run.clone() }.fields();
        let id = streams::appended(link.call(&streams::append(stream, None, None, &fields), DEADLINE).await?)?;
        if id <= self.position {
            let above = EntryId(self.position.0.saturating_add(1), 0);
            link.call(&streams::append(stream, Some(above), None, &fields), DEADLINE).await?;
        }
        let mut set = redis::cmd("SET");
        set.arg(self.log.options.names.epoch()).arg(&run);
        link.call(&set, DEADLINE).await?;
        // What was switched holds on, also for those who start later.
        for placed in self.invalidation.switches.remembered() {
            let fields = SwitchRecord::again(placed).fields();
            link.call(&streams::append(stream, None, None, &fields), DEADLINE).await?;
        }
        tracing::info!(run, "another run of Redis keeps the invalidation log: what is older must be validated");
        let page = streams::range_from(stream, EntryId(self.position.0, self.position.1.saturating_add(1)), PAGE);
        let entries = streams::ranged(link.call(&page, DEADLINE).await?)?;
        self.apply(entries);
        Ok(())
    }

    fn apply(&mut self, entries: Vec<StreamEntry>) {
        for entry in entries.into_iter().filter(|entry| entry.id > self.position).collect::<Vec<_>>() {
            let record = LogRecord::read(&entry.fields.into_iter().collect());
            if let LogRecord::Epoch { run } = &record {
                self.run = Some(run.clone());
            }
            let stamp = stamp_of(entry.id);
            let before = self.invalidation.apply_record(&record, stamp);
            self.position = entry.id;
            if !matches!(record, LogRecord::Epoch { .. }) {
                let appended = Duration::from_millis(entry.id.0);
                if let Some(lag) = self.lags.lag(appended, self.invalidation.clock.monotonic()) {
                    self.invalidation.lags.record(lag);
                }
            }
            if let Some(token) = record.token() {
                self.log.reached(token, Reached { before, stamp });
            }
        }
    }

    /// Tells the log what it could not take of unsafe requests while it was away; this reader then comes to it.
    async fn append_unsent(&mut self, stream: &str) -> Result<(), LinkError> {
        let owed = self.log.unsent.take();
        let appended = match &owed {
            Owed::Scopes(scopes) if scopes.is_empty() => return Ok(()),
            Owed::Scopes(scopes) => {
                let scopes: Vec<_> = scopes.iter().cloned().collect();
                let part = PurgePart::Last { scopes_total: scopes.len() };
                let purge = Purge { scopes, depth: Depth::Hard, source: PurgeSource::UnsafeRequest };
                let by = self.log.options.instance.clone();
                let record = LogRecord::Purge(PurgeRecord { purge, by, token: String::new(), idempotency: None, part });
                let append = streams::append(stream, None, None, &record.fields());
                self.log.links.reader.call(&append, DEADLINE).await.map(drop)
            }
            Owed::Everything => {
                tracing::warn!(
                    "too much was written while the invalidation log was away: what is older must be validated"
                );
                self.open_epoch(stream, self.run.clone().unwrap_or_default()).await
            }
        };
        if appended.is_err() {
            self.log.unsent.put_back(owed);
        }
        appended
    }

    /// Learns of hard purges that are no longer in the log.
    async fn read_hard_floor(&self) -> Result<(), LinkError> {
        let mut range = redis::cmd("ZRANGE");
        range.arg(self.log.options.names.hard_floor()).arg(0).arg(-1);
        let stamps = self.log.links.reader.call(&range, DEADLINE).await?;
        let stamps: Vec<String> = redis::from_redis_value(stamps).unwrap_or_default();
        if let Some(floor) = stamps.iter().filter_map(|stamp| Stamp::parse(stamp)).max() {
            self.invalidation.raise_hard_floor(floor);
        }
        Ok(())
    }

    /// Notes for those who start later up to where hard purges are forgotten. The highest note counts, whichever
    /// instance makes it.
    async fn write_hard_floor(&self) -> Result<(), LinkError> {
        let floor = self.invalidation.read_ledger().barriers.hard_floor();
        let (millis, _) = floor.log();
        if floor == Stamp::ZERO {
            return Ok(());
        }
        let (link, key) = (&self.log.links.reader, self.log.options.names.hard_floor());
        let mut add = redis::cmd("ZADD");
        link.call(add.arg(&key).arg(millis).arg(floor.to_string()), DEADLINE).await?;
        let mut forget = redis::cmd("ZREMRANGEBYSCORE");
        link.call(forget.arg(&key).arg("-inf").arg(millis.saturating_sub(1)), DEADLINE).await.map(drop)
    }

    /// Forgets purges older than anything that is still used, in Redis and then here.
    async fn trim_now_and_then(&mut self) -> Result<(), LinkError> {
        self.quiet_turns += 1;
        if self.quiet_turns < TURNS_BETWEEN_TRIMS {
            return Ok(());
        }
        self.quiet_turns = 0;
        self.log.unlist_departed(DEADLINE).await?;
        let stream = self.log.options.names.purges();
        let link = &self.log.links.reader;
        let oldest = self.invalidation.clock.now().saturating_sub(self.log.options.log_retention).as_millis();
        // In this order: who starts later finds a hard purge in the log or below the floor.
        self.invalidation.expire(stamp_of(EntryId(oldest, 0)));
        self.write_hard_floor().await?;
        link.call(&streams::trim_before(&stream, EntryId(oldest, 0)), DEADLINE).await?;
        let first = streams::ranged(link.call(&streams::range_from(&stream, EntryId::ZERO, 1), DEADLINE).await?)?;
        if let Some(first) = first.first() {
            self.invalidation.expire(stamp_of(first.id));
        }
        Ok(())
    }
}
