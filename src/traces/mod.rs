//! Traces of requests, sent to a collector by OTLP over gRPC: a span for each traced request, one for each of its
//! exchanges with the origin, and a link from a request that another's fetch answered to that fetch.
//!
//! Which requests are traced is decided when they begin ([`sampling`]). A span is made when it is over ([`span`]) and put
//! into a queue of fixed length; what does not fit is counted and gone, so that no request waits for a collector. One task
//! sends what is in the queue ([`export`]).

mod export;
mod sampling;
mod span;

use crate::clock::Clock;
use crate::engine::traced::{Before, ExchangeSpan, Spans, Traced};
use crate::metric::{Measured, Metric, Samples};
use crate::proxy::observer::{Begun, Finished, Observer, PlainHit};
use crate::proxy::request_id::RequestId;
use crate::semantics::trace_context::{Sampling, TraceContext};
use crate::semantics::trust::Peer;
pub(crate) use export::Collector;
use opentelemetry_sdk::trace::SpanData;
use sampling::Sampler;
use std::num::NonZeroU128;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

/// How many spans wait to be sent.
const QUEUE: usize = 2048;

/// How long the last spans of an instance may take.
const FLUSH_MAX: Duration = Duration::from_secs(1);

const SPANS: Metric = Metric::counter(
    "larder_trace_spans_total",
    &["result"],
    "Spans of traces: `exported` to the collector, or lost, because too many waited (`queue-full`) or the collector did not take them (`export-failed`).",
);

/// The metrics of traces.
pub(crate) const METRICS: &[&Metric] = &[&SPANS];

/// `[trace]`, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceOptions {
    /// `otlp_endpoint`
    pub otlp_endpoint: String,
    /// `sample`: of the requests whose sender does not say, from 0 to 1.
    pub sample: f64,
}

/// What is in the queue.
enum Queued {
    Span(Box<SpanData>),
    /// All spans before it have been sent or lost.
    Flush(oneshot::Sender<()>),
}

/// Traces requests.
pub(crate) struct Tracer {
    /// Itself, for those that it traces.
    itself: Weak<Self>,
    clock: Arc<dyn Clock>,
    sampler: Sampler,
    queue: mpsc::Sender<Queued>,
    counts: Arc<Counts>,
}

/// What became of spans.
#[derive(Default)]
struct Counts {
    exported: AtomicU64,
    queue_full: AtomicU64,
    export_failed: AtomicU64,
}

impl Tracer {
    /// One that traces so many, and what sends its spans.
    pub(crate) fn new(options: &TraceOptions, clock: Arc<dyn Clock>, instance: &str) -> (Arc<Self>, Collector) {
        let (queue, queued) = mpsc::channel(QUEUE);
        let counts = Arc::new(Counts::default());
        let collector = Collector::new(options.otlp_endpoint.clone(), instance, queued, Arc::clone(&counts));
        let sampler = Sampler::of(options.sample);
        (Arc::new_cyclic(|itself| Self { itself: itself.clone(), clock, sampler, queue, counts }), collector)
    }

    /// Waits until all spans so far have been sent or lost, though not for long.
    pub(crate) async fn flush(&self) {
        let (flushed, told) = oneshot::channel();
        let flush = async {
            if self.queue.send(Queued::Flush(flushed)).await.is_ok() {
                let _ = told.await;
            }
        };
        if timeout(FLUSH_MAX, flush).await.is_err() {
            tracing::warn!("the last spans of traces could not be sent in time");
        }
    }

    /// The span that a request gets, and what comes before it; `None` if it is not traced.
    fn context(&self, id: &RequestId, said: Option<TraceContext>, sender: Peer) -> Option<(TraceContext, Before)> {
        let sampling = Sampling::Sampled;
        if let (Some(said), Peer::Trusted) = (said, sender) {
            let traced = (said.sampling == sampling).then(|| said.with_span(rand::random()));
            return traced.map(|context| (context, Before::Parent(said.span)));
        }
        // A trace that begins here has the number of its request.
        let number = match id {
            RequestId::Made(number) => *number,
            RequestId::Given(_) => rand::random(),
        };
        let trace = NonZeroU128::new(number).filter(|_| self.sampler.takes(number))?;
        let before = said.map_or(Before::Nothing, Before::Elsewhere);
        Some((TraceContext { trace, span: rand::random(), sampling }, before))
    }

    fn put(&self, span: SpanData) {
        if self.queue.try_send(Queued::Span(Box::new(span))).is_err() {
            self.counts.queue_full.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Observer for Tracer {
    fn begun(&self, begun: &Begun<'_>) -> Option<Arc<Traced>> {
        let (context, before) = self.context(begun.request_id, TraceContext::of(begun.headers), begun.sender)?;
        let spans = self.itself.upgrade()?;
        Some(Traced::new(context, before, (begun.at, self.clock.now()), spans))
    }

    fn finished(&self, finished: &Finished) {
        if let Some(traced) = &finished.traced {
            self.put(span::of_request(finished, traced));
        }
    }

    fn plain_hit(&self, hit: &PlainHit<'_>) {
        let traced = self.context(hit.request_id, hit.headers.trace(), hit.sender.way.peer);
        let (Some((context, before)), Some(spans)) = (traced, self.itself.upgrade()) else { return };
        let begin = self.clock.now().saturating_sub(hit.duration);
        let traced = Traced::new(context, before, (Instant::now(), begin), spans);
        self.put(span::of_request(&hit.finished(), &traced));
    }
}

impl Spans for Tracer {
    fn exchanged(&self, span: ExchangeSpan) {
        self.put(span::of_exchange(span));
    }
}

impl Measured for Tracer {
    fn sample(&self, samples: &mut Samples) {
        let Counts { exported, queue_full, export_failed } = &*self.counts;
        let counts = [("exported", exported), ("queue-full", queue_full), ("export-failed", export_failed)];
        samples.numbers(&SPANS, &[], counts.map(|(result, count)| (result, count.load(Ordering::Relaxed))));
    }
}
