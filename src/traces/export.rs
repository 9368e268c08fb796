//! Sends spans to the collector, in batches, and counts what it does not take.

use super::{Counts, Queued};
use opentelemetry::KeyValue;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// How many spans are sent at once.
const BATCH: usize = 512;

/// How long the first span of a batch waits for others.
const WAIT: Duration = Duration::from_secs(1);

/// How long the collector may take.
const EXPORT_MAX: Duration = Duration::from_secs(5);

/// What takes spans.
pub(crate) struct Collector {
    endpoint: String,
    resource: Resource,
    /// Locked by the one task that reads it.
    queued: Mutex<mpsc::Receiver<Queued>>,
    counts: Arc<Counts>,
}

/// Whether the collector took the last batch.
#[derive(PartialEq, Eq)]
enum Health {
    Well,
    Failing,
}

impl Collector {
    pub(super) fn new(endpoint: String, instance: &str, queued: mpsc::Receiver<Queued>, counts: Arc<Counts>) -> Self {
        let mut resource = Resource::builder()
            .with_service_name("larder")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        if !instance.is_empty() {
            resource = resource.with_attribute(KeyValue::new("service.instance.id", instance.to_owned()));
        }
        Self { endpoint, resource: resource.build(), queued: Mutex::new(queued), counts }
    }

    /// Sends spans as they come. Ends once nobody makes any.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut queued = self.queued.lock().await;
        let builder = SpanExporter::builder().with_tonic().with_endpoint(&self.endpoint).with_timeout(EXPORT_MAX);
        // Used for https alone: whom the system trusts.
        let builder = builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
        let mut exporter = match builder.build() {
            Ok(exporter) => exporter,
            Err(error) => return tracing::error!(%error, endpoint = self.endpoint, "no traces can be sent"),
        };
        exporter.set_resource(&self.resource);
        let mut health = Health::Well;
        while let Some(first) = queued.recv().await {
            let (batch, flushed) = gather(&mut queued, first).await;
            if !batch.is_empty() {
                health = self.send(&exporter, batch, health).await;
            }
            if let Some(flushed) = flushed {
                let _ = flushed.send(());
            }
        }
    }

    async fn send(&self, exporter: &SpanExporter, batch: Vec<SpanData>, health: Health) -> Health {
        let count = batch.len() as u64;
        match exporter.export(batch).await {
            Ok(()) => {
                self.counts.exported.fetch_add(count, Ordering::Relaxed);
                if health == Health::Failing {
                    tracing::info!(endpoint = self.endpoint, "the collector takes traces again");
                }
                Health::Well
            }
            Err(error) => {
                self.counts.export_failed.fetch_add(count, Ordering::Relaxed);
                if health == Health::Well {
                    tracing::warn!(%error, endpoint = self.endpoint, "the collector takes no traces; their spans are lost");
                }
                Health::Failing
            }
        }
    }
}

/// What follows a first span within a moment, and who waits for it to be sent.
async fn gather(queued: &mut mpsc::Receiver<Queued>, first: Queued) -> (Vec<SpanData>, Option<oneshot::Sender<()>>) {
    let (mut batch, until) = (Vec::new(), Instant::now() + WAIT);
    let mut next = Some(first);
    while let Some(queued_next) = next {
        match queued_next {
            Queued::Span(span) => batch.push(*span),
            Queued::Flush(flushed) => return (batch, Some(flushed)),
        }
        if batch.len() >= BATCH {
            break;
        }
        next = timeout_at(until, queued.recv()).await.ok().flatten();
    }
    (batch, None)
}
