//! One stream: the future of its request beside the watch over its client.

use super::answering::Answering;
use super::connect::Connect;
use super::exchange::Exchange;
use super::expecting::Expecting;
use crate::engine::Handler;
use crate::engine::exchange::UpgradeAbility;
use crate::engine::origin::BodyError;
use crate::proxy::request_body::request_body;
use crate::proxy::server::Server;
use crate::proxy::service::{self, ConnectionContext};
use crate::proxy::stream_progress::{Progress, Watch};
use crate::semantics::event_stream::is_event_stream;
use bytes::Bytes;
use http::{Method, Request};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

/// A stream under way. Dropped before its end, it resets the stream.
pub(in crate::proxy) struct Serving<F> {
    future: Pin<Box<F>>,
    watch: Watch,
    progress: Arc<Progress>,
}

impl<F: Future<Output = ()>> Serving<F> {
    /// The stream that `serve` makes progress on.
    pub(in crate::proxy) fn new<H: Handler>(server: &Server<H>, serve: impl FnOnce(Arc<Progress>) -> F) -> Self {
        let progress = Arc::new(Progress::new());
        let watch = Watch::new(&progress, server.options.stall_timeout, server.in_flight.clone());
        Self { future: Box::pin(serve(Arc::clone(&progress))), watch, progress }
    }

    /// Goes on with it once, whatever its client owes.
    pub(in crate::proxy) fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.future.as_mut().poll(cx)
    }

    /// Goes on to its end, or until its client has made no progress for too long.
    pub(in crate::proxy) async fn run(mut self) {
        poll_fn(|cx| match self.future.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => self.watch.poll_over(cx).map(|()| self.progress.end()),
        })
        .await;
    }
}

/// Serves one request to its end.
pub(in crate::proxy) async fn serve<H, A, B>(
    context: Arc<ConnectionContext<H>>,
    answering: A,
    mut request: Request<B>,
    progress: Arc<Progress>,
) where
    H: Handler,
    A: Answering + Unpin,
    B: http_body::Body<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
{
    let (_, way, mut record) = service::enter(&context, &request);
    record.stream = Some(Arc::clone(&progress));
    let exchange = Exchange { context, answering, progress, scheme: way.scheme.clone() };
    if let Some(response) = exchange.answer_unhandled(&mut request, &way, &mut record) {
        return exchange.send(response, record).await;
    }
    if *request.method() == Method::CONNECT {
        let (connect, request) = Connect::of(request);
        return Box::pin(connect.serve(exchange, request, way, record)).await;
    }
    let request = Expecting::of(request, &exchange.answering);
    let conversation = &exchange.context.conversation;
    let request = request.map(|body| request_body(body, conversation, Arc::clone(&exchange.progress)));
    let answered = {
        let answering = pin!(exchange.answer(request, way, &mut record, UpgradeAbility::Unable));
        exchange.unless_taken_back(answering).await
    };
    let Some(response) = answered else { return };
    if is_event_stream(response.headers()) {
        exchange.progress.allow_silence();
    }
    exchange.send(service::without_switch(response, &record), record).await;
}

/// Sends an answer to what is no request.
#[cfg(feature = "http3")]
pub(in crate::proxy) async fn answer_with<A: Answering>(
    response: http::Response<crate::proxy::response_body::ResponseBody>,
    answering: A,
    progress: Arc<Progress>,
) {
    super::sending::send(response, &answering, progress).await;
}
