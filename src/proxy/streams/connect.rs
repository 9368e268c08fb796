//! The extended CONNECT of RFC 8441 and RFC 9220: a WebSocket over one stream. The origin is asked for it as HTTP/1.1 has it (RFC 6455),
//! by the same rules as any other client, and both ends are joined once it agrees.

use super::answering::{Answering, Whole};
use super::exchange::{Exchange, WEBSOCKET};
use super::tunnel::StreamEnd;
use crate::engine::Handler;
use crate::engine::exchange::UpgradeAbility;
use crate::engine::origin::BodyError;
use crate::engine::switched::{Duplex, Switched};
use crate::proxy::problem;
use crate::proxy::record::Record;
use crate::proxy::upgrade::Tunnel;
use crate::semantics::trust::{Way, X_REQUEST_ID};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::pin::pin;

/// What a server adds to the key: RFC 6455 section 1.3.
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A WebSocket that a client asks for.
pub(super) struct Connect<B> {
    /// What the client sends.
    stream: B,
    /// What the origin shows that it has understood.
    accept: HeaderValue,
}

impl<B: http_body::Body<Data = Bytes, Error: Into<BodyError>> + Unpin> Connect<B> {
    /// Makes an extended CONNECT into what HTTP/1.1 asks in its place: RFC 8441 section 5.
    pub(super) fn of(request: Request<B>) -> (Self, Request<()>) {
        let (mut head, stream) = request.into_parts();
        head.method = Method::GET;
        let key = STANDARD.encode(rand::random::<[u8; 16]>());
        let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), ACCEPT_SUFFIX].concat()));
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
        let of_text = |text: String| HeaderValue::try_from(text).expect("Base64 makes a field value");
        head.headers.insert(SEC_WEBSOCKET_KEY, of_text(key));
        let connect = Self { stream, accept: of_text(accept) };
        (connect, Request::from_parts(head, ()))
    }

    /// Asks the origin, and joins both ends where it agrees.
    pub(super) async fn serve<H: Handler, A: Answering>(
        self,
        exchange: Exchange<H, A>,
        request: Request<()>,
        way: Way,
        mut record: Record,
    ) {
        let request = request.map(|()| Empty::new().map_err(|never| match never {}).boxed_unsync());
        let answered = {
            let answering = pin!(exchange.answer(request, way, &mut record, UpgradeAbility::Able));
            exchange.unless_taken_back(answering).await
        };
        let Some(mut response) = answered else { return };
        let origin = response.extensions_mut().remove::<Switched>().and_then(|end| end.take());
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let is_understood = response.headers().get(SEC_WEBSOCKET_ACCEPT) == Some(&self.accept);
        match origin {
            Some(origin) if switches && is_understood => self.join(exchange, response.map(drop), origin, record).await,
            // A success would be taken for the WebSocket.
            _ if switches || response.status().is_success() => {
                let response = problem::of_switch(&record.finished.request_id);
                exchange.send(response, record).await;
            }
            _ => exchange.send(response, record).await,
        }
    }

    async fn join<H: Handler, A: Answering>(
        self,
        exchange: Exchange<H, A>,
        mut head: Response<()>,
        origin: Box<dyn Duplex>,
        mut record: Record,
    ) {
        *head.status_mut() = StatusCode::OK;
        record.finished.status = Some(StatusCode::OK);
        without_switch(head.headers_mut());
        exchange.tell(head.headers_mut());
        head.headers_mut().insert(X_REQUEST_ID, record.finished.request_id.to_header_value());
        let Some(stream) = exchange.answering.begin(head, Whole::WithBody) else { return };
        let client = StreamEnd::new(self.stream, stream, exchange.progress);
        let tunnel = Tunnel::new(HeaderValue::from_static(WEBSOCKET), origin, record);
        tunnel.run(client, exchange.context.server.cut.wait()).await;
    }
}

/// What concerns the change of a whole connection.
fn without_switch(headers: &mut HeaderMap) {
    for name in [CONNECTION, UPGRADE, SEC_WEBSOCKET_ACCEPT, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}
