//! The keeper of the certificates that clients are shown: reads them again when their files change, when it is asked to, and
//! now and then; logs what became of it and whose end is near.

use crate::clock::Clock;
use crate::config::watch::{warn, watch};
use crate::metric::{Measured, Samples};
use crate::proxy::Listening;
use crate::proxy::tls::TlsEndpoint;
use crate::proxy::tls::metrics::{CERTIFICATE_EXPIRY, CERTIFICATE_RELOADS};
use crate::supervisor::Supervisor;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often the files are read although nobody says that they have changed: some systems tell nothing of folders that
/// another machine writes to. Expiries that are near are logged as often.
const READ_EVERY: Duration = Duration::from_hours(12);

/// Keeps the certificates of all listeners.
pub(super) struct CertificateKeeper {
    endpoints: Vec<Arc<TlsEndpoint>>,
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
    /// Of these listeners.
    pub(super) fn new(listeners: &[Listening], clock: Arc<dyn Clock>) -> Arc<Self> {
        let endpoints = listeners.iter().filter_map(|listening| listening.tls.clone()).collect();
        Arc::new(Self { endpoints, clock, replaced: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    /// Reads the files again and puts what has changed in force for new connections. What can't be used changes nothing.
    /// Blocks on the file system.
    pub(super) fn reload(&self) {
        for endpoint in &self.endpoints {
            let reload = endpoint.reload();
            self.replaced.fetch_add(reload.replaced.len() as u64, Ordering::Relaxed);
            self.refused.fetch_add(reload.failures.len() as u64, Ordering::Relaxed);
            for file in &reload.replaced {
                tracing::info!(file = %file.display(), "a certificate was replaced");
            }
            for failure in &reload.failures {
                let hint = failure.hint();
                tracing::warn!(hint, "{failure}; what was there before stays in use");
            }
        }
    }

    /// Logs which certificates have expired or soon will.
    fn warn_of_ends(&self) {
        let now = self.clock.now();
        for (files, identity) in self.endpoints.iter().flat_map(|endpoint| endpoint.identities()) {
            if let Some(warning) = identity.validity.warning(now) {
                tracing::warn!("the certificate `{}` {warning}", files.certificate.display());
            }
        }
    }

    /// Reads them again whenever their files change, and now and then.
    pub(super) fn keep_watching(self: &Arc<Self>, tasks: &mut Supervisor) {
        let files: Vec<PathBuf> = self.endpoints.iter().flat_map(|endpoint| endpoint.files()).collect();
        if files.is_empty() {
            return;
        }
        let keeper = Arc::clone(self);
        tasks.restart("certificates-watch", move || {
            let (files, keeper) = (files.clone(), Arc::clone(&keeper));
            async move { watch(&files, move || keeper.reload(), warn("the certificates")).await }
        });
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

impl Measured for CertificateKeeper {
    fn sample(&self, samples: &mut Samples) {
        // Several listeners may show one certificate.
        let all = self.endpoints.iter().flat_map(|endpoint| endpoint.identities());
        let ends: BTreeMap<PathBuf, u64> =
            all.map(|(files, identity)| (files.certificate, identity.validity.not_after.as_secs())).collect();
        for (file, end) in &ends {
            samples.number(&CERTIFICATE_EXPIRY, &[&file.display().to_string()], *end);
        }
        let reloads = [("replaced", &self.replaced), ("refused", &self.refused)];
        let reloads = reloads.map(|(result, count)| (result, count.load(Ordering::Relaxed)));
        samples.numbers(&CERTIFICATE_RELOADS, &[], reloads);
    }
}
