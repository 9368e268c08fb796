//! One request: to the handler, and its answer back.

use super::progress::Progress;
use super::replying::Replying;
use super::sending;
use crate::clock::Clock as _;
use crate::engine::Handler;
use crate::engine::exchange::{Client, UpgradeAbility};
use crate::engine::origin::Body;
use crate::proxy::record::Record;
use crate::proxy::refusal::Refusal;
use crate::proxy::service::{self, ConnectionContext};
use crate::semantics::date::record_receipt;
use crate::semantics::trust::Way;
use h2::ext::Protocol;
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Response};
use std::sync::Arc;

/// The one protocol that is spoken over a stream.
pub(super) const WEBSOCKET: &str = "websocket";

/// Whether it is the one CONNECT that is offered: RFC 8441.
fn is_websocket<B>(request: &Request<B>) -> bool {
    request.extensions().get::<Protocol>().is_some_and(|protocol| protocol.as_str().eq_ignore_ascii_case(WEBSOCKET))
}

/// What one stream's request is served with.
pub(super) struct Exchange<H> {
    pub(super) context: Arc<ConnectionContext<H>>,
    pub(super) replying: Replying,
    pub(super) progress: Arc<Progress>,
    pub(super) scheme: Scheme,
}

impl<H: Handler> Exchange<H> {
    /// Why the handler may not see a request: what the guard sees to for HTTP/1, as far as HTTP/2 leaves it to do.
    fn refusal<B>(&self, request: &Request<B>) -> Option<Refusal> {
        let options = &self.context.server.options;
        let target_bytes = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if self.context.facts.is_misdirected(service::host(request)) {
            Some(Refusal::Misdirected)
        } else if target_bytes > options.uri_bytes_max {
            Some(Refusal::TargetTooLong)
        } else if request.headers().len() > options.headers_max {
            Some(Refusal::TooManyFields)
        } else if *request.method() == Method::CONNECT && !is_websocket(request) {
            Some(Refusal::Connect)
        } else {
            None
        }
    }

    /// The answer to a request that the handler does not see; none: it is let in.
    pub(super) fn at_the_door<B>(
        &self,
        request: &mut Request<B>,
        way: &Way,
        record: &mut Record,
    ) -> Option<Response<Body>> {
        let context = &self.context;
        let refusal = self.refusal(request);
        let refused = refusal.map(|refusal| service::problem_of(refusal, Box::default(), record));
        context.server.options.entrance.let_in(request, way, &context.facts, &record.finished.request_id);
        refused.or_else(|| service::turned_away(context, request, way, record))
    }

    /// Asks the handler.
    pub(super) async fn answer(
        &self,
        request: Request<Body>,
        way: Way,
        record: &mut Record,
        upgrade: UpgradeAbility,
    ) -> Response<Body> {
        let client = Client { interim: Some(self.replying.listener()), upgrade };
        service::handled(&self.context, request, way, client, record).await
    }

    /// What every answer says of the way that its client came.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        self.context.server.options.entrance.https.tell(&self.scheme, headers);
    }

    /// Sends an answer.
    pub(super) async fn send(self, mut response: Response<Body>, record: Record) {
        self.tell(response.headers_mut());
        let mut response = service::finish(response, record);
        record_receipt(&mut response, self.context.server.clock.now());
        sending::send(response, &self.replying, self.progress).await;
    }
}
