//! From what hyper read to what the engine gets.

use super::failure::{Failed, UnaskedUpgrade};
use super::outgoing::{Exchange, Upgrade, allow_upgrade};
use super::response_body::{Loan, ResponseBody};
use super::server::{Sender, Server};
use crate::engine::origin::Body;
use crate::semantics::forwarding::strip_hop_by_hop;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;

/// Makes the engine's response of the connection's. Everything is left as the origin said it but for fields that
/// concern one connection only.
pub(super) fn accept(
    response: http::Response<Incoming>,
    sender: Sender,
    server: &Arc<Server>,
    exchange: Exchange,
    read_timeout: Duration,
) -> Result<http::Response<Body>, Failed> {
    let (mut head, body) = response.into_parts();
    let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if switches && exchange.upgrade == Upgrade::NotAsked {
        return Err(UnaskedUpgrade.into());
    }
    if let Some(upload) = &exchange.upload {
        upload.answered();
    }
    clean(&mut head.headers, switches);
    // The client's connection has its own version; an HTTP/1.0 origin must not make a client's connection close.
    head.version = Version::HTTP_11;
    // After a switch the connection is not ours to use again; hyper hands it over through the extensions.
    let loan = (!switches).then(|| Loan { sender, server: Arc::clone(server) });
    let body = ResponseBody::new(body, loan, exchange.upload, read_timeout);
    Ok(http::Response::from_parts(head, body.boxed_unsync()))
}

fn clean(headers: &mut HeaderMap, switches: bool) {
    // RFC 9112 section 6.3: where both are there, the transfer coding is what framed the body, and the length is a lie.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    let protocols = headers.get(UPGRADE).cloned().filter(|_| switches);
    strip_hop_by_hop(headers);
    allow_upgrade(headers, protocols);
}
