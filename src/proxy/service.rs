//! One request: from hyper to the handler, and its answer back.

use super::client::Client;
use super::conversation::{Conversation, UpgradeState};
use super::interim::InterimSender;
use super::observer::Record;
use super::problem;
use super::refusal::Refusal;
use super::response_body::ResponseBody;
use super::server::Server;
use super::upgrade::Tunnel;
use crate::engine::origin::Body;
use crate::engine::outcome::Decision;
use crate::engine::{Answer, Failure, Handler, RequestContext};
use crate::semantics::reason::Reason;
use futures_util::FutureExt;
use http::header::{CACHE_STATUS, CONNECTION, UPGRADE, VIA};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::time::Instant;

/// What all requests of one connection share.
#[derive(Debug)]
pub(super) struct ConnectionContext<H> {
    /// The server that the connection belongs to.
    pub(super) server: Arc<Server<H>>,
    /// Where the connection comes from.
    pub(super) client: SocketAddr,
    /// Its state.
    pub(super) conversation: Arc<Conversation>,
}

/// Answers one request. Never fails: whatever goes wrong before the answer's head is an answer too.
pub(super) async fn answer<H: Handler>(
    context: Arc<ConnectionContext<H>>,
    mut request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let started = Instant::now();
    let conversation = context.conversation.clone();
    let number = conversation.request_begun(started);
    let observers = context.server.observers.clone();
    let mut record = Record::new(&request, context.client, started, observers, conversation.clone());
    if let Some(response) = refusal(&context, &request, number, &mut record) {
        return Ok(finish(response, record, conversation));
    }
    let on_upgrade = take_upgrade(&conversation, &mut request, number);
    let interim = (request.version() == Version::HTTP_11).then(|| {
        conversation.interims.open(number);
        InterimSender::new(conversation.clone(), number)
    });
    let client = Client {
        address: context.client,
        version: request.version(),
        request_id: record.finished.request_id,
        interim,
        upgrade: on_upgrade.as_ref().map(|upgrade| upgrade.protocol.clone()),
    };
    request.extensions_mut().insert(client);
    // The handler runs in the connection's own task, so that a client that leaves cancels it; a panic in it is caught
    // here, because uncaught it would end the connection, and with it other requests, without a word.
    let handled = context.server.handler.handle(request.map(body), RequestContext { scheme: Scheme::HTTP });
    let handled = with_task_known(&conversation, AssertUnwindSafe(handled).catch_unwind()).await;
    interims_written(&conversation).await;
    let response = match handled {
        Ok(Answer { reply: Ok(response), decision }) => {
            let response = decorate(response, &decision);
            record.finished.decision = Some(decision);
            response
        }
        Ok(Answer { reply: Err(failure), decision }) => {
            let response = fail(failure, &conversation, number, &mut record);
            let response = decorate(response, &decision);
            record.finished.decision = Some(decision);
            response
        }
        Err(_panic) => {
            tracing::error!(request_id = %record.finished.request_id, "the handler of a request panicked");
            problem::of_panic(record.finished.request_id)
        }
    };
    Ok(match on_upgrade {
        Some(upgrade) => settle_upgrade(response, upgrade, record, conversation).await,
        None if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let failure = Failure { status: StatusCode::BAD_GATEWAY, reason: Reason::UpstreamInvalid, cause: None };
            let response = fail(failure, &conversation, number, &mut record);
            finish(response, record, conversation)
        }
        None => finish(response, record, conversation),
    })
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
        None if request.version() == Version::HTTP_2 => (refusal_of_http2(context, request)?, Box::default()),
        None => return None,
    };
    record.finished.refused = Some((refusal, first_line));
    Some(problem::of_refusal(refusal, record.finished.request_id))
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

/// A change of protocols that the client asks for.
struct UpgradeRequest {
    protocol: HeaderValue,
    client: OnUpgrade,
}

fn take_upgrade(conversation: &Conversation, request: &mut Request<Incoming>, number: u64) -> Option<UpgradeRequest> {
    let client = request.extensions_mut().remove::<OnUpgrade>()?;
    let protocol = request.headers().get(UPGRADE)?.clone();
    (*conversation.upgrade() == UpgradeState::Asked(number)).then_some(UpgradeRequest { protocol, client })
}

/// Boxes a request's body; one that is empty costs nothing, because its box has no size.
fn body(incoming: Incoming) -> Body {
    if incoming.is_end_stream() {
        return Empty::new().map_err(|never| match never {}).boxed_unsync();
    }
    incoming.map_err(Into::into).boxed_unsync()
}

/// Waits for the handler, and makes the connection's task known where the answer is not there at once, so that an
/// interim response from another task can wake it.
async fn with_task_known<F: Future>(conversation: &Conversation, handled: F) -> F::Output {
    let mut handled = pin!(handled);
    let mut is_known = false;
    poll_fn(|cx| {
        let polled = handled.as_mut().poll(cx);
        if polled.is_pending() && !is_known {
            conversation.task.register(cx.waker());
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

/// Adds what a cache and a proxy say of themselves: RFC 9211, RFC 9110 section 7.6.3. Both come after what is there.
fn decorate(mut response: Response<Body>, decision: &Decision) -> Response<Body> {
    let headers = response.headers_mut();
    headers.append(VIA, const { HeaderValue::from_static("1.1 larder") });
    if let Some(cache_status) = &decision.cache_status {
        headers.append(CACHE_STATUS, cache_status.to_header_value());
    }
    response
}

fn fail(failure: Failure, conversation: &Conversation, number: u64, record: &mut Record) -> Response<Body> {
    let id = record.finished.request_id;
    let response = match conversation.refusal_of(number) {
        Some(refused) => {
            record.finished.refused = Some((refused.refusal, refused.first_line.clone()));
            problem::of_refusal(refused.refusal, id)
        }
        None => problem::of_failure(&failure, id),
    };
    record.finished.cause = failure.cause;
    response
}

fn finish(mut response: Response<Body>, mut record: Record, conversation: Arc<Conversation>) -> Response<ResponseBody> {
    // The version is the client's connection's, not that of the connection to the origin.
    if record.finished.version != Version::HTTP_2 {
        *response.version_mut() = Version::HTTP_11;
    }
    record.finished.status = Some(response.status());
    ResponseBody::wrap(response, record, conversation)
}

/// Answers a request that asked to change protocols: a 101 with the origin's end hands both ends to a tunnel, anything
/// else is an ordinary answer.
async fn settle_upgrade(
    mut response: Response<Body>,
    upgrade: UpgradeRequest,
    mut record: Record,
    conversation: Arc<Conversation>,
) -> Response<ResponseBody> {
    let origin = response.extensions_mut().remove::<OnUpgrade>();
    match (response.status(), origin) {
        (StatusCode::SWITCHING_PROTOCOLS, Some(origin)) => {
            record.finished.status = Some(StatusCode::SWITCHING_PROTOCOLS);
            *conversation.tunnel() = Some(Tunnel { client: upgrade.client, origin, record });
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
            response.headers_mut().entry(UPGRADE).or_insert(upgrade.protocol);
            return switched(response, &conversation);
        }
        (StatusCode::SWITCHING_PROTOCOLS, None) => {
            let reason = Reason::UpstreamInvalid;
            let failure = Failure { status: StatusCode::BAD_GATEWAY, reason, cause: None };
            response = problem::of_failure(&failure, record.finished.request_id);
        }
        _ => {}
    }
    *conversation.upgrade() = UpgradeState::NotAsked;
    // hyper is not waiting for the socket any more, so nothing else would make it look at what was held back.
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(())
    })
    .await;
    finish(response, record, conversation)
}

/// The head that ends HTTP on this connection; the tunnel's record tells of the request when the tunnel ends.
fn switched(response: Response<Body>, conversation: &Conversation) -> Response<ResponseBody> {
    *conversation.upgrade() = UpgradeState::Switched;
    response.map(|_| ResponseBody::None)
}
