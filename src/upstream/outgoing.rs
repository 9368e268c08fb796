//! From the engine's request to what is sent.

use super::client_side::{ClientSide, InterimListener};
use super::request_body::RequestBody;
use super::upload::{Gate, Upload};
use crate::engine::origin::Body;
use crate::semantics::forwarding::strip_hop_by_hop;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version};
use http_body::Body as _;
use std::sync::Arc;

/// Whether the request asks for another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    Asked,
    NotAsked,
}

/// What is kept of a request while it is under way.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) upload: Option<Arc<Upload>>,
    pub(super) upgrade: Upgrade,
    repeatable: bool,
    host_given: bool,
}

/// A request ready to be sent.
pub(super) struct Outgoing {
    request: Request<RequestBody>,
    exchange: Exchange,
}

impl Outgoing {
    pub(super) fn new(request: Request<Body>) -> Self {
        let (mut head, body) = request.into_parts();
        let client = ClientSide::take(&mut head.extensions);
        let (protocols, interim) = (client.protocols(&head.headers), client.interim());
        let upgrade = if protocols.is_some() { Upgrade::Asked } else { Upgrade::NotAsked };
        let empty = body.is_end_stream();
        let expects = !empty && expects_continue(&head.headers);

        strip_hop_by_hop(&mut head.headers);
        if head.headers.contains_key(TE) {
            // What is left of it says that trailers are welcome, and is meant for the next hop only.
            head.headers.append(CONNECTION, HeaderValue::from_static("te"));
        }
        allow_upgrade(&mut head.headers, protocols);
        client.forward(&mut head.headers);
        frame(&mut head.headers, &body);
        head.version = Version::HTTP_11;

        let gate = if expects { Gate::Held } else { Gate::Open };
        let watched = !empty || interim.is_some();
        let upload = watched.then(|| Arc::new(Upload::new(gate)));
        let exchange = Exchange {
            upgrade,
            repeatable: empty && upgrade == Upgrade::NotAsked && head.method.is_idempotent(),
            host_given: head.headers.contains_key(HOST),
            upload: upload.clone(),
        };
        let mut request = Request::from_parts(head, RequestBody::new(body, upload.clone()));
        if let Some(upload) = upload {
            listen(&mut request, interim, upload);
        }
        Self { request, exchange }
    }

    pub(super) fn into_parts(self) -> (Request<RequestBody>, Exchange) {
        (self.request, self.exchange)
    }

    /// The way back from [`Self::into_parts`], for a request that was not sent.
    pub(super) fn from_parts(request: Request<RequestBody>, exchange: Exchange) -> Self {
        Self { request, exchange }
    }

    /// The same request again, where sending it twice does no harm: RFC 9110 section 9.2.2.
    pub(super) fn repeat(&self) -> Option<Self> {
        if !self.exchange.repeatable {
            return None;
        }
        let mut request = Request::new(RequestBody::empty());
        request.method_mut().clone_from(self.request.method());
        request.uri_mut().clone_from(self.request.uri());
        request.headers_mut().clone_from(self.request.headers());
        request.extensions_mut().clone_from(self.request.extensions());
        let exchange = Exchange { upload: self.exchange.upload.clone(), ..self.exchange };
        Some(Self { request, exchange })
    }

    /// Names the server where the client named no host.
    pub(super) fn set_missing_host(&mut self, host: &HeaderValue) {
        if !self.exchange.host_given {
            self.request.headers_mut().insert(HOST, host.clone());
        }
    }
}

/// Has hyper tell of interim responses: each is a sign of life, 100 opens the gate, the others go to the client.
fn listen(request: &mut Request<RequestBody>, interim: Option<InterimListener>, upload: Arc<Upload>) {
    hyper::ext::on_informational(request, move |response| {
        upload.progressed();
        if response.status() == StatusCode::CONTINUE {
            upload.open();
        } else if let Some(listener) = &interim {
            listener.heard(response.status(), response.headers());
        }
    });
}

fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get_all(EXPECT).iter().any(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"100-continue"))
}

/// Puts the fields of an upgrade back in, where there is one.
pub(super) fn allow_upgrade(headers: &mut HeaderMap, protocols: Option<HeaderValue>) {
    if let Some(protocols) = protocols {
        headers.append(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocols);
    }
}

/// Makes the fields that frame the body say what the body is.
fn frame(headers: &mut HeaderMap, body: &Body) {
    let length = body.size_hint().exact();
    if body.is_end_stream() {
        // A length that no body follows would make the server take the next request for it.
        if headers.contains_key(CONTENT_LENGTH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
    } else if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    } else if !headers.contains_key(CONTENT_LENGTH) {
        // Left to itself hyper would send no body with GET or HEAD.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}
