//! The fast path of streams: plain hits answered where their request is accepted, without a future of their own.
//!
//! One value per connection. It compares the fields of a request with those of the one before, as the fast path of HTTP/1
//! does, asks the handler for a [`FastHit`], and sends it; every other request goes the ordinary way, which asks the same
//! engine. A body that its client does not take at once goes on as those of other answers do.

use super::answering::{Answering, Sink, Then, Whole};
use super::sending::send_body;
use super::serving::Serving;
use crate::engine::Handler;
use crate::engine::fast_path::{FastHit, PlainRequest};
use crate::proxy::observer::{Ending, PlainHit, PlainTarget, Sender};
use crate::proxy::plain_fields::{PlainFields, Reader};
use crate::proxy::record::Record;
use crate::proxy::request_id::RequestId;
use crate::proxy::response_body::{ResponseBody, STREAM_PIECE_BYTES};
use crate::proxy::service::{self, ConnectionContext};
use crate::semantics::trust::X_REQUEST_ID;
use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// Longer fields are never plain: what a connection remembers stays small.
const FIELDS_BYTES_MAX: usize = 4096;

/// Whether a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Look {
    /// It was, or the rest of it is under way.
    Answered,
    /// It goes the ordinary way.
    Ordinary,
}

/// The fast path of one connection.
#[derive(Debug, Default)]
pub(in crate::proxy) struct FastPath {
    known: Option<Box<Known>>,
}

/// What a connection's last request had besides its path.
#[derive(Debug)]
struct Known {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    headers: HeaderMap,
    /// What that came to, where it is plain.
    plain: Option<PlainFields>,
}

/// A hit that answers a request.
struct Hit<'a> {
    fast: FastHit,
    plain: &'a PlainFields,
    started: Instant,
}

impl FastPath {
    /// Answers a request if it is a plain hit.
    pub(in crate::proxy) fn answer<H: Handler, A: Answering, B: Body>(
        &mut self,
        context: &Arc<ConnectionContext<H>>,
        answering: &A,
        request: &Request<B>,
        cx: &mut Context<'_>,
    ) -> Look {
        if *request.method() != Method::GET || !request.body().is_end_stream() {
            return Look::Ordinary;
        }
        if !self.known.as_ref().is_some_and(|known| known.is_of(request)) {
            self.known = Known::of(context, request).map(Box::new);
        }
        let plain = self.known.as_ref().and_then(|known| known.plain.as_ref());
        match plain.and_then(|plain| hit(context, plain, request)) {
            Some(hit) => {
                hit.send(context, answering, request, cx);
                Look::Answered
            }
            None => Look::Ordinary,
        }
    }
}

impl Known {
    /// What a request has; `None` if that is too long to be remembered.
    fn of<H: Handler, B>(context: &ConnectionContext<H>, request: &Request<B>) -> Option<Self> {
        let options = &context.server.options;
        let (uri, headers) = (request.uri(), request.headers());
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > FIELDS_BYTES_MAX || headers.len() > options.headers_max {
            return None;
        }
        let reader = Reader { handler: &*context.server.handler, entrance: &options.entrance, facts: &context.facts };
        let mut alike = Request::new(());
        *alike.version_mut() = request.version();
        *alike.uri_mut() = uri.clone();
        *alike.headers_mut() = headers.clone();
        let (scheme, authority) = (uri.scheme().cloned(), uri.authority().cloned());
        Some(Self { scheme, authority, headers: headers.clone(), plain: reader.plain(alike) })
    }

    /// Whether a request has the same, in the same order: a client repeats its fields.
    fn is_of<B>(&self, request: &Request<B>) -> bool {
        let (uri, headers) = (request.uri(), request.headers());
        uri.authority() == self.authority.as_ref()
            && uri.scheme() == self.scheme.as_ref()
            && headers.len() == self.headers.len()
            && headers.iter().eq(&self.headers)
    }
}

/// The hit that answers a request with these fields.
fn hit<'a, H: Handler, B>(
    context: &ConnectionContext<H>,
    plain: &'a PlainFields,
    request: &Request<B>,
) -> Option<Hit<'a>> {
    let server = &context.server;
    let path_and_query = path_and_query(request.uri(), server.options.uri_bytes_max)?;
    if context.facts.place.as_ref().is_some_and(|place| !place.is_within()) {
        return None;
    }
    let started = Instant::now();
    let request = PlainRequest { path_and_query, headers: &plain.headers };
    // A panic is left to the ordinary way, which meets the same one and answers 500.
    let fast = catch_unwind(AssertUnwindSafe(|| server.handler.fast_hit(request))).ok()?.ok()?;
    // Last, since what is declined is counted when it is looked at again; one too many is refused there.
    server.clients.request(plain.counted, started).ok()?;
    Some(Hit { fast, plain, started })
}

/// Path and query of a target that is no longer than this.
fn path_and_query(uri: &Uri, bytes_max: usize) -> Option<&str> {
    let target = uri.path_and_query()?.as_str();
    (target.starts_with('/') && target.len() <= bytes_max).then_some(target)
}

impl Hit<'_> {
    fn send<H: Handler, A: Answering, B>(
        self,
        context: &Arc<ConnectionContext<H>>,
        answering: &A,
        request: &Request<B>,
        cx: &mut Context<'_>,
    ) {
        context.conversation.answered_below();
        let id = self.plain.way.request_id().cloned().map_or_else(RequestId::random, RequestId::Given);
        let head = self.head(&id);
        let body = self.fast.body().filter(|body| !body.at_rest().is_empty());
        let whole = if body.is_some() { Whole::WithBody } else { Whole::Head };
        let (bytes_sent, ending) = match (answering.begin(head, whole), body) {
            (None, _) => (0, Ending::ClientGone),
            (Some(_), None) => (0, Ending::Complete),
            (Some(mut sink), Some(body)) => {
                let bytes = body.at_rest();
                let has_room = bytes.len() <= STREAM_PIECE_BYTES
                    && matches!(sink.poll_room(bytes.len(), cx), Poll::Ready(Ok(room)) if room >= bytes.len());
                if !has_room {
                    return self.go_on(context, sink, request, id);
                }
                // A copy, as of the last piece of any body: a view would keep the whole entry for as long as its client likes.
                let copy = Bytes::copy_from_slice(bytes);
                let copy = match &context.conversation.in_flight {
                    Some(in_flight) => in_flight.hold_whole(copy),
                    None => copy,
                };
                match sink.send_data(copy, Then::End) {
                    Ok(()) => (bytes.len() as u64, Ending::Complete),
                    Err(_gone) => (0, Ending::ClientGone),
                }
            }
        };
        self.tell(context, request, &id, bytes_sent, ending);
    }

    /// All of the head.
    fn head(&self, id: &RequestId) -> Response<()> {
        let mut head = self.fast.head();
        let fields = head.headers_mut();
        service::add_via(fields);
        service::add_cache_status(fields, &self.fast.decision);
        self.plain.own_fields.add_to(fields);
        fields.insert(X_REQUEST_ID, id.to_header_value());
        head
    }

    /// Sends the body in a task of its own, as its client takes it.
    fn go_on<H: Handler, B>(
        self,
        context: &Arc<ConnectionContext<H>>,
        sink: impl Sink,
        request: &Request<B>,
        id: RequestId,
    ) {
        let sender = Sender { peer: context.facts.peer, way: &self.plain.way };
        let conversation = Arc::clone(&context.conversation);
        let mut record = Record::under(id, request, request.headers(), sender, self.started, conversation);
        record.finished.status = Some(self.fast.status());
        record.finished.age_secs = Some(self.fast.age_secs);
        let response = self.fast.response();
        record.finished.decision = Some(self.fast.decision);
        let serving = Serving::new(&context.server, |progress| async move {
            record.stream = Some(Arc::clone(&progress));
            let body = ResponseBody::wrap(response, record).into_body();
            send_body(body, Whole::WithBody, sink, progress).await;
        });
        tokio::spawn(serving.run());
    }

    /// Tells of an answer that is over.
    fn tell<H: Handler, B>(
        &self,
        context: &ConnectionContext<H>,
        request: &Request<B>,
        request_id: &RequestId,
        body_bytes: u64,
        ending: Ending,
    ) {
        let now = Instant::now();
        context.conversation.request_ended(now);
        let hit = PlainHit {
            sender: Sender { peer: context.facts.peer, way: &self.plain.way },
            request_id,
            target: PlainTarget::Whole(request.uri()),
            headers: &self.plain.headers,
            status: self.fast.status(),
            decision: &self.fast.decision,
            age_secs: self.fast.age_secs,
            body_bytes,
            duration: now.saturating_duration_since(self.started),
            ended: now,
            ending,
        };
        for observer in context.conversation.observers.iter() {
            observer.plain_hit(&hit);
        }
    }
}
