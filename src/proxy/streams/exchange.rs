//! One request: to the handler, and its answer back.

use super::answering::Answering;
use super::{interims, sending};
use crate::clock::Clock as _;
use crate::engine::Handler;
use crate::engine::exchange::{Client, FieldsAs, UpgradeAbility};
use crate::engine::origin::Body;
use crate::engine::request_fields::RequestFields;
use crate::proxy::record::Record;
use crate::proxy::refusal::Refusal;
use crate::proxy::service::{self, ConnectionContext};
use crate::proxy::stream_progress::Progress;
use crate::semantics::date::record_receipt;
use crate::semantics::trust::Way;
use h2::ext::Protocol;
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Response};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

/// The one protocol that is spoken over a stream.
pub(super) const WEBSOCKET: &str = "websocket";

/// Whether it is the one CONNECT that is offered: RFC 8441, RFC 9220.
fn is_websocket<B>(request: &Request<B>) -> bool {
    request.extensions().get::<Protocol>().is_some_and(|protocol| protocol.as_str().eq_ignore_ascii_case(WEBSOCKET))
}

/// What one stream's request is served with.
pub(super) struct Exchange<H, A> {
    pub(super) context: Arc<ConnectionContext<H>>,
    pub(super) answering: A,
    pub(super) progress: Arc<Progress>,
    pub(super) scheme: Scheme,
}

impl<H: Handler, A: Answering> Exchange<H, A> {
    /// Why the handler may not see a request: what the parser sees to for HTTP/1, as far as the protocol's own
    /// reading leaves it to do.
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

    /// The answer to a request that the handler does not see; `None`: it is let in.
    pub(super) fn answer_unhandled<B>(
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
        let interim = Some(interims::listener(&self.answering));
        let client = Client { interim, upgrade, request_fields: RequestFields::default(), fields: FieldsAs::Map };
        service::handled(&self.context, request, (way, None), client, record).await
    }

    /// Waits for `answered`; `None` if the client takes the stream back before that. It stays where it is: the future of a handler
    /// is large, and moved into this one it would be there twice, and copied each time.
    pub(super) async fn unless_taken_back<T>(&self, mut answered: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        std::future::poll_fn(|cx| match answered.as_mut().poll(cx) {
            Poll::Ready(answered) => Poll::Ready(Some(answered)),
            Poll::Pending => self.answering.poll_taken_back(cx).map(|()| None),
        })
        .await
    }

    /// What every answer says of the way that its client came.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        self.context.server.options.entrance.own_fields(&self.scheme, &self.context.facts).add_to(headers);
    }

    /// Sends an answer.
    pub(super) async fn send(self, mut response: Response<Body>, record: Record) {
        self.tell(response.headers_mut());
        let mut response = service::finish(response, record);
        record_receipt(&mut response, self.context.server.clock.now());
        sending::send(response, &self.answering, self.progress).await;
    }
}
