//! From what came off the connection to what the engine gets.

use super::connections::{Connection, Connections};
use super::failure::{Failed, UnaskedUpgrade};
use super::outgoing::{Exchange, Upgrade};
use super::received::Received;
use super::response_body::{Loan, ResponseBody};
use super::terms::TryTerms;
use super::under_way::UnderWay;
use crate::engine::origin::Body;
use crate::semantics::event_stream::is_event_stream;
use crate::semantics::forwarding::{allow_upgrade, strip_hop_by_hop};
use http::header::{CONTENT_LENGTH, UPGRADE};
use http::{HeaderMap, Method, StatusCode, Version};
use http_body_util::BodyExt;
use std::sync::Arc;

/// Makes the engine's response of the connection's. Everything is left as the origin said it but for fields that
/// concern one connection only, and for what would let the body be read in two ways.
pub(super) fn accept(
    response: http::Response<Received>,
    mut connection: Connection,
    connections: &Arc<Connections>,
    under_way: UnderWay,
    exchange: &Exchange,
    terms: &TryTerms,
) -> Result<http::Response<Body>, Failed> {
    let (mut head, body) = response.into_parts();
    let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if switches && exchange.upgrade == Upgrade::NotAsked {
        return Err(UnaskedUpgrade.into());
    }
    if let Some(upload) = &exchange.upload {
        upload.answered();
    }
    if let Some(kept_for) = connection.http1().and_then(|session| session.kept_for()) {
        connection.keep_for(kept_for);
        connections.keeping.carried(kept_for);
    }
    clean(&mut head.headers, switches);
    let body = match body {
        Received::Http1(came) => {
            if let Some(note) = &terms.note {
                note.came_as(came);
            }
            // It is framed by its length itself.
            None
        }
        Received::Http2(body) => Some(body.of_length(length(&head, &exchange.method))),
    };
    // The client's connection has its own version; an HTTP/1.0 origin must not make a client's connection close.
    head.version = Version::HTTP_11;
    let connections = Arc::clone(connections);
    // After a switch the connection is not ours to use again: its stream is in the extensions.
    let loan = (!switches).then_some(Loan { connection, connections, under_way });
    let quiet = is_event_stream(&head.headers).then(|| terms.quiet.clone());
    let body = ResponseBody::new(body, loan, exchange.upload.clone(), terms.read_timeout, quiet);
    Ok(http::Response::from_parts(head, body.boxed_unsync()))
}

/// How long the body is, where that is said and there is one.
fn length(head: &http::response::Parts, method: &Method) -> Option<u64> {
    let is_empty = *method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED;
    let said = head.headers.get(CONTENT_LENGTH).filter(|_| !is_empty);
    said.and_then(|length| length.to_str().ok()?.parse().ok())
}

fn clean(headers: &mut HeaderMap, switches: bool) {
    let protocols = headers.get(UPGRADE).cloned().filter(|_| switches);
    strip_hop_by_hop(headers);
    allow_upgrade(headers, protocols);
}
