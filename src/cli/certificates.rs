//! The keeper of the certificates that clients and servers are shown, and of whom either side trusts: reads them again when their files change, when it is asked to, and
//! now and then; logs what became of it and whose end is near.

use crate::clock::Clock;
use crate::config::watch::{warn, watch};
use crate::metric::{Measured, Samples};
use crate::proxy::tls::TlsEndpoint;
use crate::proxy::tls::metrics::{CERTIFICATE_EXPIRY, CERTIFICATE_RELOADS};
use crate::supervisor::Supervisor;
use crate::tls::{FileFailure, Validity};
use crate::upstream::TlsOptions;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How often the files are read although nobody says that they have changed: some systems report nothing about folders
/// that another machine writes to. Expiries that are near are logged as often.
const READ_EVERY: Duration = Duration::from_hours(12);

/// Keeps the certificates of all listeners and of all pools.
pub(super) struct CertificateKeeper {
    endpoints: Vec<Arc<TlsEndpoint>>,
    pools: Mutex<Vec<TlsOptions>>,
    /// Tells that there are other pools.
    changed: Notify,
    clock: Arc<dyn Clock>,
    replaced: AtomicU64,
    refused: AtomicU64,
}

impl fmt::Debug for CertificateKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateKeeper").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

impl CertificateKeeper {
    /// Of these listeners, and of pools that reach their servers so.
    pub(super) fn new(endpoints: Vec<Arc<TlsEndpoint>>, pools: Vec<TlsOptions>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (pools, changed) = (Mutex::new(pools), Notify::new());
        Arc::new(Self { endpoints, pools, changed, clock, replaced: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    /// From now on keeps those of these pools.
    pub(super) fn keep(&self, pools: Vec<TlsOptions>) {
        *self.pools.lock().unwrap_or_else(PoisonError::into_inner) = pools;
        self.changed.notify_one();
    }

    fn pools(&self) -> Vec<TlsOptions> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again and puts what has changed in force for new connections. What can't be used changes nothing.
    /// Blocks on the file system.
    pub(super) fn reload(&self) {
        for endpoint in &self.endpoints {
            let reload = endpoint.reload();
            self.tell(&reload.replaced, &reload.failures);
        }
        for pool in &self.pools() {
            match pool.reload() {
                Ok(replaced) => self.tell(&replaced, &[]),
                Err(failure) => self.tell(&[], &[failure]),
            }
        }
    }

    fn tell(&self, replaced: &[PathBuf], failures: &[FileFailure]) {
        self.replaced.fetch_add(replaced.len() as u64, Ordering::Relaxed);
        self.refused.fetch_add(failures.len() as u64, Ordering::Relaxed);
        for file in replaced {
            tracing::info!(file = %file.display(), "a certificate was replaced");
        }
        for failure in failures {
            let hint = failure.hint();
            tracing::warn!(hint, "{failure}; what was there before stays in use");
        }
    }

    /// The certificates in force, by their files, and how long they are valid.
    fn shown(&self) -> Vec<(PathBuf, Validity)> {
        let of_listeners = self.endpoints.iter().flat_map(|endpoint| endpoint.identities());
        let of_listeners = of_listeners.map(|(files, identity)| (files.certificate, identity.validity));
        of_listeners.chain(self.pools().iter().filter_map(TlsOptions::shown)).collect()
    }

    /// Logs which certificates have expired or soon will.
    fn warn_of_ends(&self) {
        let now = self.clock.now();
        for (file, validity) in self.shown() {
            if let Some(warning) = validity.warning(now) {
                tracing::warn!("the certificate `{}` {warning}", file.display());
            }
        }
    }

    /// Reads them again whenever their files change, and now and then.
    pub(super) fn keep_watching(self: &Arc<Self>, tasks: &mut Supervisor) {
        let keeper = Arc::clone(self);
        tasks.restart("certificates-watch", move || Arc::clone(&keeper).watch());
        let keeper = Arc::clone(self);
        tasks.restart("certificates-check", move || {
            let keeper = Arc::clone(&keeper);
            async move {
                loop {
                    tokio::time::sleep(READ_EVERY).await;
                    let keeper = Arc::clone(&keeper);
                    let check = move || {
                        keeper.reload();
                        keeper.warn_of_ends();
                    };
                    drop(tokio::task::spawn_blocking(check).await);
                }
            }
        });
    }
}

impl CertificateKeeper {
    fn files(&self) -> Vec<PathBuf> {
        let of_listeners = self.endpoints.iter().flat_map(|endpoint| endpoint.files());
        of_listeners.chain(self.pools().iter().flat_map(TlsOptions::files)).collect()
    }

    /// Watches the files of the pools that there are.
    async fn watch(self: Arc<Self>) {
        loop {
            let (files, keeper) = (self.files(), Arc::clone(&self));
            let watching = async {
                if files.is_empty() {
                    return std::future::pending().await;
                }
                watch(&files, move || keeper.reload(), warn("the certificates")).await;
            };
            tokio::select! {
                () = watching => return,
                () = self.changed.notified() => {}
            }
        }
    }
}

impl Measured for CertificateKeeper {
    fn sample(&self, samples: &mut Samples) {
        // Several may show one certificate.
        let ends: BTreeMap<PathBuf, u64> =
            self.shown().into_iter().map(|(file, validity)| (file, validity.not_after.as_secs())).collect();
        for (file, end) in &ends {
            samples.number(&CERTIFICATE_EXPIRY, &[&file.display().to_string()], *end);
        }
        let reloads = [("replaced", &self.replaced), ("refused", &self.refused)];
        let reloads = reloads.map(|(result, count)| (result, count.load(Ordering::Relaxed)));
        samples.numbers(&CERTIFICATE_RELOADS, &[], reloads);
    }
}
