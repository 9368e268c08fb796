//! One exchange with the origin of a request that is traced.

use super::exchange::{ExchangeNote, Exchanged};
use super::origin::{Body, OriginError};
use super::traced::{ExchangeResult, ExchangeSpan, Traced};
use crate::semantics::trace_context::{TRACEPARENT, TraceContext};
use http::{Method, Request, Response};
use std::sync::Arc;
use tokio::time::Instant;

/// It, under way. Reported when dropped, as given up unless it has ended.
pub(super) struct Exchange {
    traced: Arc<Traced>,
    context: TraceContext,
    began: Instant,
    method: Method,
    path: Box<str>,
    note: Option<ExchangeNote>,
    /// What the note said before.
    before: Option<Exchanged>,
    result: ExchangeResult,
}

impl Exchange {
    /// Begins one, and names it in the request. `note` is where it is written down who was asked.
    pub(super) fn begin(traced: &Arc<Traced>, request: &mut Request<Body>, note: Option<ExchangeNote>) -> Self {
        let context = traced.next();
        request.headers_mut().insert(TRACEPARENT, context.to_header_value());
        Self {
            traced: Arc::clone(traced),
            context,
            began: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path().into(),
            before: note.as_ref().and_then(ExchangeNote::read),
            note,
            result: ExchangeResult::GivenUp,
        }
    }

    /// It came to this.
    pub(super) fn ended(mut self, result: &Result<Response<Body>, OriginError>) {
        self.result = match result {
            Ok(response) => ExchangeResult::Answered(response.status()),
            Err(error) => ExchangeResult::Failed(error.kind.into()),
        };
    }

    /// Who was asked this time: a note adds up what is asked for one request.
    fn asked(&self) -> Option<(Arc<str>, u32)> {
        let now = self.note.as_ref().and_then(ExchangeNote::read)?;
        let before = self.before.as_ref().map_or(0, |before| before.tries);
        (self.before.as_ref() != Some(&now)).then(|| (now.server, now.tries.saturating_sub(before)))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.traced.tell(ExchangeSpan {
            context: self.context,
            parent: self.traced.context.span,
            began: self.traced.at(self.began),
            took: self.began.elapsed(),
            method: self.method.clone(),
            path: std::mem::take(&mut self.path),
            asked: self.asked(),
            result: self.result,
        });
    }
}
