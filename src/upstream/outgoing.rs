//! From the engine's request to what is sent.

use super::client_side::protocols;
use super::content_length::say_length;
use super::replay::{KEPT_BYTES_MAX, Replay};
use super::request_body::{Content, RequestBody};
use super::upload::{Gate, Interims, Upload};
use crate::engine::exchange::{Client, InterimListener};
use crate::engine::origin::Body;
use crate::engine::request_fields::RequestFields;
use crate::semantics::forwarding::{allow_upgrade, set_for_next_hop};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use http_body::Body as _;
use std::sync::Arc;
use tokio::time::Instant;

/// Whether the request asks for another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    Asked,
    NotAsked,
}

/// What is kept of a request while it is under way.
pub(super) struct Exchange {
    pub(super) upload: Option<Arc<Upload>>,
    /// Who hears of interim responses.
    pub(super) hearing: Option<Hearing>,
    pub(super) upgrade: Upgrade,
    pub(super) method: Method,
    repeat: Repeat,
    host_given: bool,
    /// When it was last given to a connection.
    pub(super) tried_at: Option<Instant>,
    /// Whether a server of HTTP/2 has refused it.
    is_refused: bool,
}

/// How often a server has refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusals {
    First,
    More,
}

/// What a request is sent again by.
enum Repeat {
    /// That can't be.
    Never,
    /// There is no body.
    Head,
    /// As long as its body is kept.
    WithBody(Replay),
}

/// What is kept of a request, to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// What may be sent again though it may have been received: RFC 9110 section 9.2.2.
    Idempotent,
    /// The others, too: a server of HTTP/2 can say that it has not processed one.
    All,
}

/// Which protocols a request may go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Any,
    /// One that asks to change to another protocol.
    Http1,
}

/// Which connections a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Any: should it be closed just then, the request is sent again.
    Open,
    /// One that can be expected to be open, since the request can't be sent again.
    SureToBeOpen,
}

/// What is left of a request whose body is being sent, or was.
pub(super) struct Spare {
    /// With where its fields are.
    pub(super) head: Request<RequestFields>,
    pub(super) exchange: Exchange,
}

impl Spare {
    /// The request again; `None` if too much of its body is gone.
    pub(super) fn into_outgoing(mut self: Box<Self>) -> Option<Outgoing> {
        let body = match &self.exchange.repeat {
            Repeat::Never => return None,
            Repeat::Head => RequestBody::empty(),
            Repeat::WithBody(kept) => {
                let again = kept.again()?;
                self.exchange.repeat = Repeat::WithBody(again.handle());
                RequestBody::new(Content::Again(again), self.exchange.upload.clone())
            }
        };
        Some(self.with_body(body))
    }

    /// The request with its body, of which nothing was sent.
    pub(super) fn with_body(self: Box<Self>, body: RequestBody) -> Outgoing {
        Outgoing { spare: self, body }
    }

    /// Who hears of interim responses.
    pub(super) const fn hearing(&self) -> Option<&Hearing> {
        self.exchange.hearing.as_ref()
    }

    /// Whether that may be done though the request may have been received.
    pub(super) fn is_repeatable(&self) -> bool {
        self.exchange.method.is_idempotent()
    }

    /// Whether that may be done after an answer or a silence, too: it is nothing but a question.
    pub(super) fn is_safe(&self) -> bool {
        self.exchange.method.is_safe()
    }

    /// Whether there is nothing of a body.
    pub(super) fn is_head_only(&self) -> bool {
        matches!(self.exchange.repeat, Repeat::Head)
    }
}

/// A request ready to be sent.
pub(super) struct Outgoing {
    spare: Box<Spare>,
    body: RequestBody,
}

impl Outgoing {
    pub(super) fn new(request: Request<Body>, client: Option<Client>, keeps: Keeps) -> Self {
        let (mut head, body) = request.into_parts();
        // They concern the client's connection.
        head.extensions.clear();
        let protocols = protocols(client.as_ref(), &head.headers);
        let (interim, fields) = client.map(|client| (client.interim, client.request_fields)).unwrap_or_default();
        let upgrade = if protocols.is_some() { Upgrade::Asked } else { Upgrade::NotAsked };
        let empty = body.is_end_stream();
        let expects = !empty && expects_continue(&head.headers);
        let host_given = fields.shared().is_some() || head.headers.contains_key(HOST);

        // Those that are shared are as they are sent on.
        if fields.shared().is_none() {
            set_for_next_hop(&mut head.headers);
            allow_upgrade(&mut head.headers, protocols);
            frame(&mut head.headers, &body);
        }
        head.version = Version::HTTP_11;

        let gate = if expects { Gate::Held } else { Gate::Open };
        let watched = !empty || interim.is_some();
        let upload = watched.then(|| Arc::new(Upload::new(gate)));
        if let Some(upload) = upload.as_ref().filter(|_| empty) {
            upload.ended();
        }
        let is_kept = upgrade == Upgrade::NotAsked && (keeps == Keeps::All || head.method.is_idempotent());
        let (content, repeat) = if is_kept { kept(body) } else { (Content::Once(body), Repeat::Never) };
        let hearing = upload.clone().map(|upload| Hearing { upload, listener: interim });
        let exchange = Exchange {
            hearing,
            upgrade,
            repeat,
            host_given,
            method: head.method.clone(),
            upload: upload.clone(),
            tried_at: None,
            is_refused: false,
        };
        let body = RequestBody::new(content, upload);
        Self { spare: Box::new(Spare { head: Request::from_parts(head, fields), exchange }), body }
    }

    /// Its body, to be sent, and what is left of it.
    pub(super) fn split(self) -> (Box<Spare>, RequestBody) {
        (self.spare, self.body)
    }

    /// The way of its body, where there is one to be watched.
    pub(super) fn upload(&self) -> Option<Arc<Upload>> {
        self.spare.exchange.upload.clone()
    }

    /// Which protocols it may go by.
    pub(super) fn speaks(&self) -> Speaks {
        if self.spare.exchange.upgrade == Upgrade::Asked { Speaks::Http1 } else { Speaks::Any }
    }

    /// Whether it may be sent again though it may have been received.
    pub(super) fn is_repeatable(&self) -> bool {
        self.spare.exchange.method.is_idempotent()
    }

    /// A server has refused it.
    pub(super) fn was_refused(&mut self) -> Refusals {
        if std::mem::replace(&mut self.spare.exchange.is_refused, true) { Refusals::More } else { Refusals::First }
    }

    pub(super) const fn is_refused(&self) -> bool {
        self.spare.exchange.is_refused
    }

    /// It is given to a connection now; when it was before.
    pub(super) fn tried(&mut self, now: Instant) -> Option<Instant> {
        self.spare.exchange.tried_at.replace(now)
    }

    /// Which connections it may use. What is too long to be kept may turn out not to be repeatable.
    pub(super) fn need(&self) -> Need {
        let is_kept = match &self.spare.exchange.repeat {
            _ if !self.spare.exchange.method.is_idempotent() => false,
            Repeat::Never => false,
            Repeat::Head => true,
            Repeat::WithBody(replay) => replay.size_hint().upper().is_some_and(|bytes| bytes <= KEPT_BYTES_MAX as u64),
        };
        if is_kept { Need::Open } else { Need::SureToBeOpen }
    }

    /// Names the server where the client named no host.
    pub(super) fn set_missing_host(&mut self, host: &HeaderValue) {
        if !self.spare.exchange.host_given {
            self.spare.head.headers_mut().insert(HOST, host.clone());
        }
    }
}

/// A body that is kept to be sent again.
fn kept(body: Body) -> (Content, Repeat) {
    if body.is_end_stream() {
        (Content::Once(body), Repeat::Head)
    } else {
        let replay = Replay::new(body);
        let handle = replay.handle();
        (Content::Again(replay), Repeat::WithBody(handle))
    }
}

/// Hears interim responses: each is a sign of life, 100 opens the gate, the others go to the client.
#[derive(Clone)]
pub(super) struct Hearing {
    upload: Arc<Upload>,
    listener: Option<InterimListener>,
}

impl Hearing {
    pub(super) fn heard(&self, status: StatusCode, headers: &HeaderMap) {
        if self.upload.interim() == Interims::TooMany {
            return;
        }
        if status == StatusCode::CONTINUE {
            self.upload.open();
        } else if let Some(listener) = &self.listener {
            listener.send(status, headers);
        }
    }
}

fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get_all(EXPECT).iter().any(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"100-continue"))
}

/// Makes the fields that frame the body say what the body is.
fn frame(headers: &mut HeaderMap, body: &Body) {
    let length = body.size_hint().exact();
    if body.is_end_stream() {
        // A length that no body follows would make the server take the next request for it.
        if headers.contains_key(CONTENT_LENGTH) {
            say_length(headers, 0);
        }
    } else if let Some(length) = length {
        say_length(headers, length);
    } else if !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}
