//! Asking for a purge: it is appended, applied here, and its receipt lists who else has applied it.
//!
//! A purge of many scopes takes as many entries of the log as it needs. The last of them stands for the whole: who has
//! applied it has applied those before, and its stamp and id are the receipt's.

use super::barriers::Barriers;
use super::fleet_log::{Appended, FleetLog, LogError, Mark, Progress, Reached};
use super::idempotency::IdempotencyKey;
use super::purge::{Purge, SCOPES_MAX};
use super::receipts::Receipt;
use super::record::PurgePart;
use super::{Invalidation, PurgeDescription, Standing};
use crate::scope::{Membership, Scope};
use crate::stamp::Stamp;
use std::sync::Arc;
use std::time::Duration;

/// How a purge is asked for.
#[derive(Debug, Clone, Default)]
pub struct PurgeOptions {
    /// How long to wait for the other instances.
    pub wait: Option<Duration>,
    /// The caller's name for this purge: a repetition under the same name is the same purge.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Why a purge has no receipt.
#[derive(Debug, thiserror::Error)]
pub enum PurgeFailure {
    /// The log can't take it. This instance has applied it all the same.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The caller's name for it stands for another purge.
    #[error("this Idempotency-Key stands for another call")]
    KeyReused,
}

/// The first and the longest pause between two looks at who has applied a purge.
const PROGRESS_PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

impl Invalidation {
    /// Appends a purge to the log and applies it here. Once this returns, no response whose fetch began before it is
    /// served as a fresh hit by this instance; where its receipt has nothing pending, by no instance.
    ///
    /// # Errors
    /// Where the log can't take it, or its name stands for another.
    pub async fn purge(&self, purge: Purge, options: PurgeOptions) -> Result<Receipt, PurgeFailure> {
        let PurgeOptions { wait, idempotency_key } = options;
        let receipt = match idempotency_key {
            None => self.append_all(purge, None, |_| ()).await?.0,
            Some(key) => self.purge_once(purge, key).await?,
        };
        Ok(self.awaited((*receipt).clone(), wait.unwrap_or_default()).await)
    }

    /// The receipt with this id, if it is remembered.
    #[must_use]
    pub fn receipt(&self, id: &str) -> Option<Arc<Receipt>> {
        self.read_receipts().find(id)
    }

    /// The receipt of the purge at this place in the log, if it is remembered.
    #[must_use]
    pub fn receipt_at(&self, stamp: Stamp) -> Option<Arc<Receipt>> {
        self.read_receipts().find_at(stamp)
    }

    /// The receipts that are remembered, newest first.
    #[must_use]
    pub fn receipts(&self) -> Vec<Arc<Receipt>> {
        self.read_receipts().recent()
    }

    async fn purge_once(&self, purge: Purge, key: IdempotencyKey) -> Result<Arc<Receipt>, PurgeFailure> {
        let _turn = self.turns.wait(&key).await;
        if let Some(known) = self.named_so(&key) {
            return known;
        }
        let (receipt, _) = self.append_all(purge, Some(key.clone()), |_| ()).await?;
        // Another instance may have been asked at the same time, and stand before this one in the log.
        let first = self.named_so(&key).unwrap_or(Ok(receipt));
        first.inspect_err(|_| tracing::warn!("one Idempotency-Key named two purges at once: both were made"))
    }

    /// The receipt of what was purged under this name, if it is remembered.
    fn named_so(&self, key: &IdempotencyKey) -> Option<Result<Arc<Receipt>, PurgeFailure>> {
        let receipt = self.read_receipts().find_named(&key.name)?;
        let same = receipt.idempotency.as_ref().is_some_and(|known| known.asks_as(key));
        Some(if same { Ok(receipt) } else { Err(PurgeFailure::KeyReused) })
    }

    /// Purges for an answer that brings the change with it and is to be stored: it is newer than the purge although its
    /// fetch began before. Returns the stamp that it may carry from now on: that of this purge, or `began` where another
    /// purge has covered its `membership` before this one, or may have. And the stamp of this purge.
    ///
    /// # Errors
    /// Where the log can't take it.
    pub async fn purge_by_answer(
        &self,
        purge: Purge,
        began: Stamp,
        membership: &Membership<'_>,
    ) -> Result<(Stamp, Stamp), LogError> {
        let (receipt, before) = self.append_all(purge, None, |barriers| barriers.standing(began, membership)).await?;
        Ok((if before == Some(Standing::Clear) { receipt.stamp } else { began }, receipt.stamp))
    }

    /// Appends and applies the whole of a purge; `before` as in [`Self::append`], before the last entry.
    async fn append_all<T>(
        &self,
        purge: Purge,
        key: Option<IdempotencyKey>,
        before: impl FnOnce(&Barriers) -> T,
    ) -> Result<(Arc<Receipt>, Option<T>), LogError> {
        let (scopes_total, depth, source) = (purge.scopes.len(), purge.depth, purge.source);
        let (last, earlier) = in_entries(purge);
        let mut failed = None;
        for part in earlier {
            if failed.is_some() {
                self.apply_here(&part).await;
                continue;
            }
            let mark = Mark { idempotency: None, part: PurgePart::Earlier };
            failed = self.append(&part, mark, |_| ()).await.err();
        }
        if let Some(error) = failed {
            self.apply_here(&last).await;
            return Err(error);
        }
        let mark = Mark { idempotency: key.clone(), part: PurgePart::Last { scopes_total } };
        let (stamp, seen) = self.append(&last, mark, before).await?;
        // In a fleet the reader has written it, unless it is still on its way.
        let written = self.fleet.as_ref().and_then(|_| self.read_receipts().find(&stamp.to_string()));
        let asked = PurgeDescription { scopes: last.scopes, scopes_total, depth, source, idempotency: key };
        Ok((written.unwrap_or_else(|| self.write_receipt(asked, stamp, &self.instance)), seen))
    }

    /// Applies what the log did not get, between the last entry seen and whatever the log will hold next.
    async fn apply_here(&self, purge: &Purge) {
        let _order = self.order.lock().await;
        self.counts.add(&purge.scopes, purge.source);
        self.fleet.iter().for_each(|fleet| fleet.unsent.keep(purge));
        self.apply(purge, self.applied().refined(), |_| ());
    }

    /// Appends and applies one entry; `before` looks at the barriers as they stand just before they rise, where that can
    /// be told.
    async fn append<T>(
        &self,
        purge: &Purge,
        mark: Mark,
        before: impl FnOnce(&Barriers) -> T,
    ) -> Result<(Stamp, Option<T>), LogError> {
        match &self.fleet {
            Some(fleet) => self.append_in_fleet(fleet, purge, mark, before).await,
            None => Ok(self.append_alone(purge, before).await),
        }
    }

    async fn append_alone<T>(&self, purge: &Purge, before: impl FnOnce(&Barriers) -> T) -> (Stamp, Option<T>) {
        let order = self.order.lock().await;
        let (_, count) = self.applied().log();
        let stamp = Stamp::local(count.saturating_add(1));
        let seen = self.apply(purge, stamp, before);
        self.followers.tell(purge, stamp);
        drop(order);
        self.counts.add(&purge.scopes, purge.source);
        self.pass_on(purge).await;
        (stamp, Some(seen))
    }

    /// The reader applies; who appends waits for it. What it saw before is known only where nothing came in between.
    async fn append_in_fleet<T>(
        &self,
        fleet: &FleetLog,
        purge: &Purge,
        mark: Mark,
        before: impl FnOnce(&Barriers) -> T,
    ) -> Result<(Stamp, Option<T>), LogError> {
        let (seen, seen_at) = {
            let ledger = self.read_ledger();
            (before(&ledger.barriers), ledger.applied)
        };
        self.counts.add(&purge.scopes, purge.source);
        match fleet.append(purge, mark).await {
            Ok(Appended::Applied(Reached { before, stamp })) => Ok((stamp, Some(seen).filter(|_| before == seen_at))),
            Ok(Appended::Ahead(stamp)) => {
                self.raise_ahead(purge, stamp);
                Ok((stamp, None))
            }
            Err(error) => {
                let _order = self.order.lock().await;
                fleet.unsent.keep(purge);
                self.apply(purge, self.applied().refined(), |_| ());
                Err(error)
            }
        }
    }

    /// The receipt with who has applied it by now, once nobody is pending or `wait` is over.
    pub async fn awaited(&self, receipt: Receipt, wait: Duration) -> Receipt {
        let Progress { applied, pending } = self.reached(receipt.stamp, wait).await;
        Receipt { applied, pending, ..receipt }
    }

    /// Which live instances have applied what stands at `stamp`, once nobody is pending or `wait` is over.
    pub async fn reached(&self, stamp: Stamp, wait: Duration) -> Progress {
        let deadline = tokio::time::Instant::now() + wait;
        let mut pause = PROGRESS_PAUSE.0;
        loop {
            let progress = self.progress(stamp).await;
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if progress.pending.is_empty() || left.is_zero() {
                return progress;
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(PROGRESS_PAUSE.1);
        }
    }

    /// Which live instances have applied what stands at `stamp`. While the log can't be asked, the others are pending
    /// under the name `?`.
    pub async fn progress(&self, stamp: Stamp) -> Progress {
        let own = || vec![self.instance.clone()];
        let Some(fleet) = &self.fleet else { return Progress { applied: own(), pending: Vec::new() } };
        let applied = self.applied();
        fleet.progress(stamp, applied).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "which instances have applied a purge is not known now");
            let applied = if applied >= stamp { own() } else { Vec::new() };
            Progress { applied, pending: vec!["?".to_owned()] }
        })
    }

    /// Ends this instance's part in the fleet: nobody waits for it any more.
    pub async fn leave(&self) {
        if let Some(fleet) = &self.fleet
            && let Err(error) = fleet.leave().await
        {
            tracing::warn!(%error, "the lease of this instance could not be ended; it ends by itself");
        }
    }
}

/// A purge as entries of the log: the last, with the first of its scopes, and those before it.
fn in_entries(mut purge: Purge) -> (Purge, Vec<Purge>) {
    let rest = purge.scopes.split_off(purge.scopes.len().min(SCOPES_MAX));
    let part = |scopes: &[Scope]| Purge { scopes: scopes.to_vec(), ..purge };
    let earlier = rest.chunks(SCOPES_MAX).map(part).collect();
    (purge, earlier)
}
