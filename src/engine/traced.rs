//! A request that is traced: what its span and those of its exchanges with the origin are called, and to whom they are reported.

use crate::clock::Timestamp;
use crate::semantics::reason::Reason;
use crate::semantics::trace_context::{TRACEPARENT, TRACESTATE, TraceContext};
use http::{HeaderMap, Method, StatusCode};
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// Gets each exchange of a traced request once its head is there. It must not wait.
pub trait Spans: Send + Sync {
    /// An exchange is over.
    fn exchanged(&self, span: ExchangeSpan);
}

/// One request that is traced. Its exchanges may outlive it.
pub struct Traced {
    /// Its own span.
    pub(crate) context: TraceContext,
    /// What came before it.
    pub(crate) before: Before,
    /// When it began, by both clocks.
    began: (Instant, Timestamp),
    /// What its first exchange is called, so that those who wait for it can name it.
    first: NonZeroU64,
    has_asked: AtomicBool,
    /// The exchange of another request that answered this one.
    shared: OnceLock<TraceContext>,
    spans: Arc<dyn Spans>,
}

/// What came before a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing: the trace begins here.
    Nothing,
    /// This span of the same trace.
    Parent(NonZeroU64),
    /// A span of another trace, named by someone who is not believed.
    Elsewhere(TraceContext),
}

/// One exchange with the origin, up to the head of the answer.
#[derive(Debug)]
pub struct ExchangeSpan {
    /// It.
    pub(crate) context: TraceContext,
    /// The request that it was for.
    pub(crate) parent: NonZeroU64,
    /// When it began.
    pub(crate) began: SinceBegin,
    /// How long it took.
    pub(crate) took: Duration,
    /// What the origin was asked with.
    pub(crate) method: Method,
    /// Without its query.
    pub(crate) path: Box<str>,
    /// Who was asked last, as `host:port`, in how many tries; `None` if nobody was.
    pub(crate) asked: Option<(Arc<str>, u32)>,
    /// What came of it.
    pub(crate) result: ExchangeResult,
}

/// What came of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExchangeResult {
    /// An answer.
    Answered(StatusCode),
    /// None, for this reason.
    Failed(Reason),
    /// Nobody waited for it any longer.
    GivenUp,
}

/// A moment of a request, by the wall clock at its begin and the monotonic one since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SinceBegin {
    pub(crate) begin: Timestamp,
    pub(crate) since: Duration,
}

impl Traced {
    /// A request of this name that began at `began`. `spans` gets its exchanges.
    #[must_use]
    pub fn new(context: TraceContext, before: Before, began: (Instant, Timestamp), spans: Arc<dyn Spans>) -> Arc<Self> {
        let (first, has_asked, shared) = (rand::random(), AtomicBool::new(false), OnceLock::new());
        Arc::new(Self { context, before, began, first, has_asked, shared, spans })
    }

    /// When it began.
    pub(crate) const fn began(&self) -> SinceBegin {
        SinceBegin { begin: self.began.1, since: Duration::ZERO }
    }

    /// Names its span to whoever is asked on its behalf, without an exchange of its own: a refresh in the background.
    pub(crate) fn name_in(&self, headers: &mut HeaderMap) {
        if !matches!(self.before, Before::Parent(_)) {
            headers.remove(TRACESTATE);
        }
        headers.insert(TRACEPARENT, self.context.to_header_value());
    }

    /// Its first exchange.
    pub(super) const fn fetch(&self) -> TraceContext {
        self.context.with_span(self.first)
    }

    /// The exchange of another that it has been answered by.
    pub(super) fn is_answered_by(&self, fetch: TraceContext) {
        // The first stands: a request is answered once.
        let _ = self.shared.set(fetch);
    }

    /// The exchange of another that it was answered by.
    pub(crate) fn shared(&self) -> Option<TraceContext> {
        self.shared.get().copied()
    }

    /// The name of its next exchange.
    pub(super) fn next(&self) -> TraceContext {
        let is_first = !self.has_asked.swap(true, Ordering::Relaxed);
        self.context.with_span(if is_first { self.first } else { rand::random() })
    }

    /// That moment, from its begin on.
    pub(super) fn at(&self, moment: Instant) -> SinceBegin {
        SinceBegin { begin: self.began.1, since: moment.saturating_duration_since(self.began.0) }
    }

    /// Tells of an exchange that is over.
    pub(super) fn tell(&self, span: ExchangeSpan) {
        self.spans.exchanged(span);
    }
}

impl fmt::Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced").field("context", &self.context).field("before", &self.before).finish_non_exhaustive()
    }
}
