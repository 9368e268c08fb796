//! One request: from its connection to the handler, and its answer back. What is of HTTP/2 alone is in [`super::http2`].

use super::client_limits;
use super::conversation::Conversation;
use super::https_policy::redirected;
use super::interim::InterimSender;
use super::observer::Sender;
use super::problem;
use super::record::Record;
use super::refusal::Refusal;
use super::response_body::ResponseBody;
use super::server::Server;
use super::socket::ConnectionFacts;
use super::upgrade::{Tunnel, UpgradeRequest};
use crate::engine::exchange::{Client, FieldsAs, InterimListener, Terms, UpgradeAbility};
use crate::engine::fast_path::Marked;
use crate::engine::origin::Body;
use crate::engine::outcome::Decision;
use crate::engine::request_fields::{RequestFields, SharedFields};
use crate::engine::{Answer, Failure, Handler, RequestContext};
use crate::semantics::trust::{Way, X_REQUEST_ID};
use http::header::{AGE, CACHE_STATUS, HOST, VIA};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
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
    /// What takes the connection over once its session lets go of it.
    pub(super) tunnel: Mutex<Option<Box<Tunnel>>>,
}

impl<H: Handler> ConnectionContext<H> {
    /// The same connection by the options in force; `None` if they are these.
    pub(super) fn renewed(&self) -> Option<Arc<Self>> {
        let server = self.server.latest()?;
        let mut facts = self.facts.clone();
        if facts.tls.is_none() {
            facts.scheme = server.options.entrance.trust.scheme.clone();
        }
        let conversation = Arc::clone(&self.conversation);
        Some(Arc::new(Self { server, facts, conversation, tunnel: Mutex::default() }))
    }
}

impl<H> ConnectionContext<H> {
    /// What takes the connection over.
    pub(super) fn tunnel(&self) -> MutexGuard<'_, Option<Box<Tunnel>>> {
        self.tunnel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request of HTTP/1 as its session hands it on.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) request: Request<Body>,
    /// Whether the connection can change protocols as it asks.
    pub(super) ability: UpgradeAbility,
    /// Where its fields are.
    pub(super) fields: RequestFields,
    /// Where it is behind the door already.
    pub(super) known: Option<Known>,
}

/// What a request is known by that has the fields of the one before it on its connection.
#[derive(Debug)]
pub(super) struct Known {
    /// Which way it came; that is written into its fields.
    pub(super) way: Way,
    pub(super) marked: Marked,
}

/// Answers one request of HTTP/1. Never fails: whatever goes wrong before the answer's head is an answer too.
pub(super) async fn answer<H: Handler>(
    context: Arc<ConnectionContext<H>>,
    received: Received,
) -> Response<ResponseBody> {
    let Received { mut request, ability, mut fields, known } = received;
    let entrance = &context.server.options.entrance;
    let (way, marked) = match known {
        Some(Known { way, marked }) => (way, Some(marked)),
        None => (way_of(&context, &request), None),
    };
    let headers = fields.shared().map_or(request.headers(), SharedFields::headers);
    let (number, mut record) = begin(&context, &request, headers, &way);
    if record.finished.traced.is_some() {
        fields.put_into(request.headers_mut());
    }
    let own_fields = entrance.own_fields(&way.scheme, &context.facts);
    let is_misdirected = marked.is_none() && context.facts.is_misdirected(host(&request));
    let refused = is_misdirected.then(|| problem_of(Refusal::Misdirected, Box::default(), &mut record));
    if marked.is_some() {
        request.headers_mut().insert(X_REQUEST_ID, record.finished.request_id.to_header_value());
    } else {
        entrance.let_in(&mut request, &way, &context.facts, &record.finished.request_id);
    }
    let turned_away = refused.or_else(|| turned_away(&context, &request, &way, &mut record));
    let upgrade = UpgradeRequest::of(&request, ability);
    let mut response = if let Some(response) = turned_away {
        response
    } else {
        let is_plain = own_fields.is_empty() && ability == UpgradeAbility::Unable;
        let answered_as =
            if is_plain && request.version() == Version::HTTP_11 { FieldsAs::Lines } else { FieldsAs::Map };
        let interim = interim(&context, number, &record);
        let client = Client { interim, upgrade: ability, request_fields: fields, fields: answered_as };
        handled(&context, request, (way, marked), client, &mut record).await
    };
    own_fields.add_to(response.headers_mut());
    match upgrade {
        Some(upgrade) => match upgrade.settle(response, record, &context.tunnel) {
            (response, Some(record)) => finish(response, record),
            (response, None) => response.map(|_| ResponseBody::none()),
        },
        None => finish(without_switch(response, &record), record),
    }
}

/// The answer to what is no request: the reason, and the start of its first line.
pub(super) fn refuse<H: Handler>(
    context: &ConnectionContext<H>,
    refusal: Refusal,
    first_line: Box<str>,
) -> Response<ResponseBody> {
    let (_, way, mut record) = enter(context, &Request::new(()));
    let mut response = problem_of(refusal, first_line, &mut record);
    context.server.options.entrance.own_fields(&way.scheme, &context.facts).add_to(response.headers_mut());
    finish(response, record)
}

/// Begins a request: which of its connection it is, counted from 1, which way it came, and the record of it.
pub(super) fn enter<H, B>(context: &ConnectionContext<H>, request: &Request<B>) -> (u64, Way, Record) {
    let way = way_of(context, request);
    let (number, record) = begin(context, request, request.headers(), &way);
    (number, way, record)
}

/// Which way a request came.
fn way_of<H, B>(context: &ConnectionContext<H>, request: &Request<B>) -> Way {
    let trust = &context.server.options.entrance.trust;
    trust.way(context.facts.peer.ip(), &context.facts.scheme, request.headers())
}

fn begin<H, B>(context: &ConnectionContext<H>, request: &Request<B>, headers: &HeaderMap, way: &Way) -> (u64, Record) {
    let started = Instant::now();
    let number = context.conversation.request_begun(started);
    let sender = Sender { peer: context.facts.peer, way };
    (number, Record::new(request, headers, sender, started, context.conversation.clone()))
}

/// The answer at the door to a request that is no more than well formed.
pub(super) fn turned_away<H, B>(
    context: &ConnectionContext<H>,
    request: &Request<B>,
    way: &Way,
    record: &mut Record,
) -> Option<Response<Body>> {
    let now = record.started;
    if let Some(response) = client_limits::refused(&context.server, &context.facts, way, now, record) {
        return Some(response);
    }
    let response = context.server.options.entrance.https.redirect(request, &way.scheme)?;
    record.finished.decision = Some(redirected());
    Some(response)
}

/// What the handler answers. With the way goes what is known of a request into whose fields it is written.
pub(super) async fn handled<H: Handler>(
    context: &ConnectionContext<H>,
    mut request: Request<Body>,
    (way, marked): (Way, Option<Marked>),
    client: Client,
    record: &mut Record,
) -> Response<Body> {
    let traced = record.finished.traced.clone();
    if let Some(traced) = &traced {
        traced.name_in(request.headers_mut());
    }
    let terms = Terms { client: Some(client), note: Some(record.note.clone()), traced, ..Terms::default() };
    // The handler runs in the task of the client's request, so that a client that leaves cancels it; a panic in it is caught
    // here, because uncaught it would end the connection, and with it other requests, without a word.
    let counted = context.server.options.entrance.trust.counted(way.client);
    let Way { scheme, client, proxies, .. } = way;
    let way = RequestContext { counted, proxies, terms, marked, ..RequestContext::direct(scheme, Some(client)) };
    match unless_it_panics(pin!(context.server.handler.handle(request, way))).await {
        Ok(answer) => {
            let failed = answer.reply.as_ref().err().map(|failure| failure.reason);
            let mut response = response_of(answer, record);
            if let Some(reason) = failed {
                client_limits::tell(reason, context.server.clients.limits(), response.headers_mut());
            }
            response
        }
        Err(_panic) => {
            tracing::error!(request_id = %record.finished.request_id, "the handler of a request panicked");
            problem::of_panic(&record.finished.request_id)
        }
    }
}

/// What a future comes to, or what it panicked with. It stays where it is: one that is moved is copied whole.
fn unless_it_panics<F: Future>(mut future: Pin<&mut F>) -> impl Future<Output = std::thread::Result<F::Output>> {
    poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
}

/// Who hears of interim responses to a request, where the client can get them.
fn interim<H>(context: &ConnectionContext<H>, number: u64, record: &Record) -> Option<InterimListener> {
    (record.finished.version == Version::HTTP_11).then(|| {
        context.conversation.interims.open(number);
        let sender = InterimSender::new(Arc::clone(&context.conversation.interims), number);
        // What becomes of it is the sender's to decide; whoever passes it on need not know.
        InterimListener::new(move |status, headers| {
            sender.send(status, headers);
        })
    })
}

/// The response that an answer of the handler comes to, with what a proxy and a cache say of themselves (RFC 9110
/// section 7.6.3, RFC 9211) after what is there.
fn response_of(answer: Answer, record: &mut Record) -> Response<Body> {
    let mut response = match answer.reply {
        Ok(mut response) => {
            add_via(response.headers_mut());
            response
        }
        Err(failure) => fail(failure, record),
    };
    add_cache_status(response.headers_mut(), &answer.decision);
    record.finished.decision = Some(answer.decision);
    response
}

/// What a proxy says of itself after what is there.
pub(super) fn add_via(headers: &mut HeaderMap) {
    headers.append(VIA, const { HeaderValue::from_static("1.1 larder") });
}

/// What a cache says of an answer that was decided so, after what is there.
pub(super) fn add_cache_status(headers: &mut HeaderMap, decision: &Decision) {
    if let Some(cache_status) = &decision.cache_status {
        headers.append(CACHE_STATUS, cache_status.to_header_value());
    }
}

/// The answer to what was refused.
pub(super) fn problem_of(refusal: Refusal, first_line: Box<str>, record: &mut Record) -> Response<Body> {
    record.finished.refused = Some((refusal, first_line));
    problem::of_refusal(refusal, &record.finished.request_id)
}

/// The host that a request is for, with its port.
pub(super) fn host<B>(request: &Request<B>) -> Option<&str> {
    let named = request.uri().authority().map(http::uri::Authority::as_str);
    named.or_else(|| request.headers().get(HOST)?.to_str().ok())
}

/// The answer to a failure, or to what was wrong with the request's body where that is known to lie beneath it.
fn fail(failure: Failure, record: &mut Record) -> Response<Body> {
    let response = match record.conversation.broken_body() {
        Some(refusal) => problem_of(refusal, Box::default(), record),
        None => problem::of_failure(&failure, &record.finished.request_id),
    };
    record.finished.cause = failure.cause;
    response
}

/// An interim response is no answer, nor is a change of protocols that nobody asked for.
pub(super) fn without_switch(response: Response<Body>, record: &Record) -> Response<Body> {
    if response.status().is_informational() {
        return problem::of_switch(&record.finished.request_id);
    }
    response
}

pub(super) fn finish(mut response: Response<Body>, mut record: Record) -> Response<ResponseBody> {
    // The version is the client's connection's, not that of the connection to the origin.
    if !matches!(record.finished.version, Version::HTTP_2 | Version::HTTP_3) {
        *response.version_mut() = Version::HTTP_11;
    }
    // An origin that answers with an id of its own means the same request.
    let id = record.finished.request_id.to_header_value();
    let replaced = response.headers_mut().insert(X_REQUEST_ID, id);
    (record.finished.upstream_id, record.finished.age_secs) = record
        .of_lines(|lines| (lines.request_id.clone(), lines.age_secs))
        .unwrap_or_else(|| (replaced, response.headers().get(AGE).and_then(|age| age.to_str().ok()?.parse().ok())));
    record.finished.status = Some(response.status());
    ResponseBody::wrap(response, record)
}
