//! The steps of a request, as one short match over verdicts made below. Names no hyper, no Redis, no socket.

pub mod explain;
pub mod origin;
pub mod outcome;

use crate::clock::Clock;
use crate::invalidation::Invalidation;
use crate::rules::RuleSet;
use crate::semantics::reason::Reason;
use crate::store::memory::MemoryTier;
use http::StatusCode;
use http::uri::Scheme;
use origin::{Body, Origin};
use outcome::Decision;
use std::sync::Arc;

/// What the connection tells of a request besides its head.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The scheme that the client used.
    pub scheme: Scheme,
}

/// Why the client gets an error of Larder's own instead of a response.
#[derive(Debug)]
pub struct Failure {
    /// 400, 502, 503 or 504.
    pub status: StatusCode,
    /// The reason, also in the decision.
    pub reason: Reason,
    /// What lies beneath: for the log, never for the client.
    pub cause: Option<origin::BodyError>,
}

/// The answer to one request.
#[derive(Debug)]
pub struct Answer {
    /// The response, or why there is none.
    pub reply: Result<http::Response<Body>, Failure>,
    /// How it was decided.
    pub decision: Decision,
}

/// Answers requests: the engine, or something simpler in a test of a higher floor.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. The URI is as the client sent it; the headers are the client's own.
    fn handle(
        self: &Arc<Self>,
        request: http::Request<Body>,
        context: RequestContext,
    ) -> impl Future<Output = Answer> + Send;
}

/// What the engine is made of.
pub struct EngineParts {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where responses come from.
    pub origin: Arc<dyn Origin>,
    /// The memory tier.
    pub memory: Arc<MemoryTier>,
    /// The purges known here.
    pub invalidation: Arc<Invalidation>,
    /// The rules to begin with.
    pub rules: RuleSet,
}

/// The engine: one per instance.
pub struct Engine {
    _parts: EngineParts,
}

impl Engine {
    /// An engine of these parts.
    #[must_use]
    pub fn new(parts: EngineParts) -> Arc<Self> {
        Arc::new(Self { _parts: parts })
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Arc<RuleSet> {
        todo!()
    }

    /// Puts other rules in force, atomically; what is stored stays.
    pub fn replace_rules(&self, rules: RuleSet) {
        let _ = rules;
        todo!()
    }

    /// The memory tier.
    #[must_use]
    pub fn memory(&self) -> &Arc<MemoryTier> {
        &self._parts.memory
    }

    /// The purges known here.
    #[must_use]
    pub fn invalidation(&self) -> &Arc<Invalidation> {
        &self._parts.invalidation
    }
}

impl Handler for Engine {
    async fn handle(self: &Arc<Self>, request: http::Request<Body>, context: RequestContext) -> Answer {
        todo!("{request:?} {context:?}")
    }
}
