//! One request: from hyper to the handler, and its answer back.

use super::conversation::Conversation;
use super::https_policy::redirected;
use super::interim::InterimSender;
use super::observer::Sender;
use super::problem;
use super::record::Record;
use super::refusal::Refusal;
use super::request_body::request_body;
use super::response_body::ResponseBody;
use super::server::Server;
use super::socket::ConnectionFacts;
use super::stream;
use super::upgrade::{Tunnel, UpgradeRequest};
use crate::engine::exchange::{Client, InterimListener, Terms, UpgradeAbility};
use crate::engine::origin::Body;
use crate::engine::{Answer, Failure, Handler, RequestContext};
use crate::semantics::event_stream::is_event_stream;
use crate::semantics::trust::{Way, X_REQUEST_ID};
use futures_util::FutureExt;
use http::header::{AGE, CACHE_STATUS, CONNECTION, HOST, VIA};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use tokio::time::Instant;

/// What all requests of one connection share.
#[derive(Debug)]
pub(super) struct ConnectionContext<H> {
    /// The server that the connection belongs to.
    pub(super) server: Arc<Server<H>>,
    /// What is known of the connection.
    pub(super) facts: ConnectionFacts,
    /// Its state.
    pub(super) conversation: Arc<Conversation>,
    /// What takes the connection over once hyper lets go of it.
    pub(super) tunnel: Mutex<Option<Tunnel>>,
}

impl<H> ConnectionContext<H> {
    /// What takes the connection over.
    pub(super) fn tunnel(&self) -> MutexGuard<'_, Option<Tunnel>> {
        self.tunnel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers one request. Never fails: whatever goes wrong before the answer's head is an answer too.
pub(super) async fn answer<H: Handler>(
    context: Arc<ConnectionContext<H>>,
    mut request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let started = Instant::now();
    let conversation = &context.conversation;
    let number = conversation.request_begun(started);
    let entrance = &context.server.options.entrance;
    let way = entrance.trust.way(context.facts.peer.ip(), &context.facts.scheme, request.headers());
    let scheme = way.scheme.clone();
    let mut record =
        Record::new(&request, Sender { peer: context.facts.peer, way: &way }, started, conversation.clone());
    let refused = refusal(&context, &request, number, &mut record);
    entrance.let_in(&mut request, &way, &context.facts, &record.finished.request_id);
    let turned_away = refused.or_else(|| turned_away(&context, &request, &way, &mut record));
    let upgrade = UpgradeRequest::take(&mut request, conversation, number);
    let mut response = match turned_away {
        Some(response) => response,
        None => handled(&context, request, way, number, upgrade.as_ref(), &mut record).await,
    };
    if is_event_stream(response.headers())
        && let Some(progress) = stream::current()
    {
        progress.allow_silence();
    }
    let is_last = conversation.is_body_given_up(number) || context.server.end.is_given();
    if is_last && record.finished.version != Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    entrance.https.tell(&scheme, response.headers_mut());
    match upgrade {
        Some(upgrade) => match Box::pin(upgrade.settle(response, record, &context.tunnel)).await {
            (response, Some(record)) => Ok(finish(response, record)),
            (response, None) => Ok(response.map(|_| ResponseBody::none())),
        },
        None => Ok(finish(without_switch(response, &record), record)),
    }
}

/// The answer at the door to a request that is no more than well formed.
fn turned_away<H>(
    context: &ConnectionContext<H>,
    request: &Request<Incoming>,
    way: &Way,
    record: &mut Record,
) -> Option<Response<Body>> {
    let response = context.server.options.entrance.https.redirect(request, &way.scheme)?;
    record.finished.decision = Some(redirected());
    Some(response)
}

/// What the handler answers.
async fn handled<H: Handler>(
    context: &ConnectionContext<H>,
    request: Request<Incoming>,
    way: Way,
    number: u64,
    upgrade: Option<&UpgradeRequest>,
    record: &mut Record,
) -> Response<Body> {
    let conversation = &context.conversation;
    let client = client(context, number, record, upgrade);
    let terms = Terms { client: Some(client), note: Some(record.note.clone()), ..Terms::default() };
    let request = request.map(|body| request_body(body, number, conversation, stream::current()));
    // The handler runs in the connection's own task, so that a client that leaves cancels it; a panic in it is caught
    // here, because uncaught it would end the connection, and with it other requests, without a word.
    let way = RequestContext { scheme: way.scheme, client: Some(way.client), proxies: way.proxies, terms };
    let handled = context.server.handler.handle(request, way);
    let handled = with_task_known(conversation, AssertUnwindSafe(handled).catch_unwind()).await;
    interims_written(conversation).await;
    match handled {
        Ok(answer) => response_of(answer, number, record),
        Err(_panic) => {
            tracing::error!(request_id = %record.finished.request_id, "the handler of a request panicked");
            problem::of_panic(&record.finished.request_id)
        }
    }
}

/// What the handler learns of the client.
fn client<H>(context: &ConnectionContext<H>, number: u64, record: &Record, upgrade: Option<&UpgradeRequest>) -> Client {
    let interim = (record.finished.version == Version::HTTP_11).then(|| {
        context.conversation.interims.open(number);
        let sender = InterimSender::new(Arc::clone(&context.conversation.interims), number);
        // What becomes of it is the sender's to decide; whoever passes it on need not know.
        InterimListener::new(move |status, headers| {
            sender.send(status, headers);
        })
    });
    Client { interim, upgrade: upgrade.map_or(UpgradeAbility::Unable, |_| UpgradeAbility::Able) }
}

/// The response that an answer of the handler comes to, with what a proxy and a cache say of themselves (RFC 9110
/// section 7.6.3, RFC 9211) after what is there.
fn response_of(answer: Answer, number: u64, record: &mut Record) -> Response<Body> {
    let mut response = match answer.reply {
        Ok(mut response) => {
            response.headers_mut().append(VIA, const { HeaderValue::from_static("1.1 larder") });
            response
        }
        Err(failure) => fail(failure, number, record),
    };
    if let Some(cache_status) = &answer.decision.cache_status {
        response.headers_mut().append(CACHE_STATUS, cache_status.to_header_value());
    }
    record.finished.decision = Some(answer.decision);
    response
}

/// The answer to a request that no handler may see.
fn refusal<H>(
    context: &ConnectionContext<H>,
    request: &Request<Incoming>,
    number: u64,
    record: &mut Record,
) -> Option<Response<Body>> {
    let (refusal, first_line) = match context.conversation.refusal_of(number) {
        Some(refused) => (refused.refusal, refused.first_line.clone()),
        None if context.facts.is_misdirected(host(request)) => (Refusal::Misdirected, Box::default()),
        None if request.version() == Version::HTTP_2 => (refusal_of_http2(context, request)?, Box::default()),
        None => return None,
    };
    record.finished.refused = Some((refusal, first_line));
    Some(problem::of_refusal(refusal, &record.finished.request_id))
}

/// The host that a request is for, with its port.
fn host(request: &Request<Incoming>) -> Option<&str> {
    let named = request.uri().authority().map(http::uri::Authority::as_str);
    named.or_else(|| request.headers().get(HOST)?.to_str().ok())
}

/// What the guard does for HTTP/1, as far as HTTP/2's own framing leaves it to do.
fn refusal_of_http2<H>(context: &ConnectionContext<H>, request: &Request<Incoming>) -> Option<Refusal> {
    let options = &context.server.options;
    let target_bytes = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if *request.method() == Method::CONNECT {
        Some(Refusal::Connect)
    } else if target_bytes > options.uri_bytes_max {
        Some(Refusal::TargetTooLong)
    } else if request.headers().len() > options.headers_max {
        Some(Refusal::TooManyFields)
    } else {
        None
    }
}

/// Waits for the handler, and makes the connection's task known where the answer is not there at once, so that an
/// interim response from another task can wake it.
async fn with_task_known<F: Future>(conversation: &Conversation, handled: F) -> F::Output {
    let mut handled = pin!(handled);
    let mut is_known = false;
    poll_fn(|cx| {
        let polled = handled.as_mut().poll(cx);
        if polled.is_pending() && !is_known {
            conversation.interims.task.register(cx.waker());
            is_known = true;
        }
        polled
    })
    .await
}

/// Holds the final response back until the interim ones are written, and takes no more of them.
async fn interims_written(conversation: &Conversation) {
    poll_fn(|_| if conversation.interims.is_waiting() { Poll::Pending } else { Poll::Ready(()) }).await;
    conversation.interims.close();
}

/// The answer to a failure, or to what was wrong with the request's body where that is known to lie beneath it.
fn fail(failure: Failure, number: u64, record: &mut Record) -> Response<Body> {
    let response = match record.conversation.refusal_of(number) {
        Some(refused) => {
            record.finished.refused = Some((refused.refusal, refused.first_line.clone()));
            problem::of_refusal(refused.refusal, &record.finished.request_id)
        }
        None => problem::of_failure(&failure, &record.finished.request_id),
    };
    record.finished.cause = failure.cause;
    response
}

/// A 101 that nobody asked for would make hyper leave HTTP: it is an invalid answer.
fn without_switch(response: Response<Body>, record: &Record) -> Response<Body> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return problem::of_switch(&record.finished.request_id);
    }
    response
}

fn finish(mut response: Response<Body>, mut record: Record) -> Response<ResponseBody> {
    // The version is the client's connection's, not that of the connection to the origin.
    if record.finished.version != Version::HTTP_2 {
        *response.version_mut() = Version::HTTP_11;
    }
    // An origin that answers with an id of its own means the same request.
    let id = record.finished.request_id.to_header_value();
    record.finished.upstream_id = response.headers_mut().insert(X_REQUEST_ID, id);
    record.finished.age_secs = response.headers().get(AGE).and_then(|age| age.to_str().ok()?.parse().ok());
    record.finished.status = Some(response.status());
    ResponseBody::wrap(response, record)
}
