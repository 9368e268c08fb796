//! Asking for a purge: it is appended, applied here, and its receipt tells who else has applied it.

use super::barriers::Barriers;
use super::fleet_log::{Appended, FleetLog, Progress, Reached};
use super::log::LogError;
use super::purge::Purge;
use super::receipts::Receipt;
use super::{Invalidation, Standing};
use crate::scope::Membership;
use crate::stamp::Stamp;
use std::sync::Arc;
use std::time::Duration;

/// How a purge is asked for.
#[derive(Debug, Clone, Default)]
pub struct PurgeOptions {
    /// How long to wait for the other instances.
    pub wait: Option<Duration>,
    /// The caller's name for this purge: a repetition under the same name is the same purge.
    pub idempotency_key: Option<String>,
}

/// The first and the longest pause between two looks at who has applied a purge.
const PROGRESS_PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

impl Invalidation {
    /// Appends a purge to the log and applies it here. Once this returns, no response whose fetch began before it is
    /// served as a fresh hit by this instance; where its receipt has nothing pending, by no instance.
    ///
    /// # Errors
    /// Where the log can't take it. This instance applies it all the same.
    pub async fn purge(&self, purge: Purge, options: PurgeOptions) -> Result<Receipt, LogError> {
        let key = options.idempotency_key.map(|key| blake3::hash(key.as_bytes()).to_hex().to_string());
        let known = key.as_deref().and_then(|key| self.read_receipts().find_repeated(key));
        let receipt = match known {
            Some(receipt) => receipt,
            None => self.append(purge, key, |_| ()).await?.0,
        };
        Ok(self.awaited((*receipt).clone(), options.wait.unwrap_or_default()).await)
    }

    /// Purges for an answer that brings the change with it and is to be stored: it is newer than the purge although its
    /// fetch began before. Returns the stamp that it may carry from now on: that of this purge, or `began` where another
    /// purge has covered its `membership` before this one, or may have.
    ///
    /// # Errors
    /// As [`Self::purge`].
    pub async fn purge_by_answer(
        &self,
        purge: Purge,
        began: Stamp,
        membership: &Membership<'_>,
    ) -> Result<Stamp, LogError> {
        let (receipt, before) = self.append(purge, None, |barriers| barriers.standing(began, membership)).await?;
        Ok(if before == Some(Standing::Clear) { receipt.stamp } else { began })
    }

    /// Appends and applies; `before` looks at the barriers as they stand just before they rise, where that can be told.
    async fn append<T>(
        &self,
        purge: Purge,
        key: Option<String>,
        before: impl FnOnce(&Barriers) -> T,
    ) -> Result<(Arc<Receipt>, Option<T>), LogError> {
        match &self.fleet {
            Some(fleet) => self.append_in_fleet(fleet, purge, key, before).await,
            None => self.append_alone(purge, key, before).await,
        }
    }

    async fn append_alone<T>(
        &self,
        purge: Purge,
        key: Option<String>,
        before: impl FnOnce(&Barriers) -> T,
    ) -> Result<(Arc<Receipt>, Option<T>), LogError> {
        let order = self.order.lock().await;
        let appended = self.log.append(&purge).await;
        // Without the log, the purge stands between the last entry seen and whatever the log will hold next.
        let stamp = appended.as_ref().map_or_else(|_| self.applied().refined(), |stamp| *stamp);
        let seen = self.apply(&purge, stamp, before);
        drop(order);
        self.counts.add(&purge.scopes, purge.source);
        appended?;
        Ok((self.write_receipt(purge, stamp, &self.instance, key), Some(seen)))
    }

    /// The reader applies; who appends waits for it. What it saw before is known only where nothing came in between.
    async fn append_in_fleet<T>(
        &self,
        fleet: &FleetLog,
        purge: Purge,
        key: Option<String>,
        before: impl FnOnce(&Barriers) -> T,
    ) -> Result<(Arc<Receipt>, Option<T>), LogError> {
        let (seen, seen_at) = {
            let ledger = self.read_ledger();
            (before(&ledger.barriers), ledger.applied)
        };
        self.counts.add(&purge.scopes, purge.source);
        let (stamp, seen) = match fleet.append(&purge, key.clone()).await {
            Ok(Appended::Applied(Reached { before, stamp })) => (stamp, Some(seen).filter(|_| before == seen_at)),
            Ok(Appended::Ahead(stamp)) => {
                self.raise_ahead(&purge, stamp);
                (stamp, None)
            }
            Err(error) => {
                let _order = self.order.lock().await;
                self.apply(&purge, self.applied().refined(), |_| ());
                return Err(error);
            }
        };
        // The reader has written it, unless it is still on its way.
        let written = self.read_receipts().find(&stamp.to_string());
        Ok((written.unwrap_or_else(|| self.write_receipt(purge, stamp, &self.instance, key)), seen))
    }

    /// The receipt with who has applied it by now, once nobody is pending or `wait` is over.
    pub async fn awaited(&self, receipt: Receipt, wait: Duration) -> Receipt {
        let deadline = tokio::time::Instant::now() + wait;
        let mut pause = PROGRESS_PAUSE.0;
        loop {
            let progress = self.progress(receipt.stamp).await;
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if progress.pending.is_empty() || left.is_zero() {
                return Receipt { applied: progress.applied, pending: progress.pending, ..receipt };
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(PROGRESS_PAUSE.1);
        }
    }

    /// Which live instances have applied what stands at `stamp`. While the log can't tell, the others are pending under
    /// the name `?`.
    pub async fn progress(&self, stamp: Stamp) -> Progress {
        let own = || vec![self.instance.clone()];
        let Some(fleet) = &self.fleet else { return Progress { applied: own(), pending: Vec::new() } };
        let applied = self.applied();
        fleet.progress(stamp, applied).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "which instances have applied a purge cannot be told now");
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
