//! One stream: the future of its request beside the watch over its client. Dropped before its end, it resets the stream.

use super::cancelled::Cancelled;
use super::connect::Connect;
use super::exchange::Exchange;
use super::progress::{Progress, Watch};
use super::received::Received;
use super::replying::Replying;
use crate::engine::Handler;
use crate::engine::exchange::UpgradeAbility;
use crate::proxy::request_body::request_body;
use crate::proxy::service::{self, ConnectionContext};
use crate::semantics::event_stream::is_event_stream;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Method, Request};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Begins to serve a stream. What is answered at once is answered here; anything else goes on in a task of its own.
pub(super) fn begin<H: Handler>(
    context: Arc<ConnectionContext<H>>,
    cancelled: Arc<Cancelled>,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    cx: &mut Context<'_>,
) {
    let progress = Arc::new(Progress::new());
    let mut watch = Watch::new(&progress, context.server.options.stall_timeout, context.server.in_flight.clone());
    let mut serving = Box::pin(serve(context, cancelled, request, respond, Arc::clone(&progress)));
    if serving.as_mut().poll(cx).is_ready() {
        return;
    }
    tokio::spawn(async move {
        poll_fn(|cx| match serving.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => watch.poll_over(cx).map(|()| progress.end()),
        })
        .await;
    });
}

/// Serves one request to its end. Dropped before, it resets the stream.
async fn serve<H: Handler>(
    context: Arc<ConnectionContext<H>>,
    cancelled: Arc<Cancelled>,
    mut request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    progress: Arc<Progress>,
) {
    let (_, way, mut record) = service::enter(&context, &request);
    record.stream = Some(Arc::clone(&progress));
    let replying = Replying::new(respond, cancelled);
    let exchange = Exchange { context, replying, progress, scheme: way.scheme.clone() };
    if let Some(response) = exchange.at_the_door(&mut request, &way, &mut record) {
        return exchange.send(response, record).await;
    }
    if *request.method() == Method::CONNECT {
        let (connect, request) = Connect::of(request);
        return Box::pin(connect.serve(exchange, request, way, record)).await;
    }
    let request = Received::of(request, &exchange.replying);
    let conversation = &exchange.context.conversation;
    let request = request.map(|body| request_body(body, conversation, Arc::clone(&exchange.progress)));
    let answered = exchange.answer(request, way, &mut record, UpgradeAbility::Unable);
    let Some(response) = exchange.replying.unless_taken_back(answered).await else { return };
    if is_event_stream(response.headers()) {
        exchange.progress.allow_silence();
    }
    exchange.send(service::without_switch(response, &record), record).await;
}
