//! What the origin would be sent, as it would be on the wire. What only a live request has is a placeholder.

use super::RequestContext;
use super::arrival::{self, Front, Schemes};
use crate::clock::Timestamp;
use crate::plan::way::{Asked, Form, Payload, Way};
use crate::rules::RuleSet;
use crate::rules::origin_request::OriginRequestRule;
use crate::semantics::entity_tag;
use crate::semantics::forwarding::{Passage, allow_upgrade, named_client, requested_upgrade, set_for_next_hop};
use crate::semantics::target::Target;
use crate::semantics::trust::{Peer, Trust, X_REQUEST_ID};
use http::header::{CONTENT_LENGTH, FORWARDED, HOST, TRANSFER_ENCODING};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const CLIENTS_ADDRESS: &str = "(the client's address)";
const REQUEST_ID: &str = "(the request's id)";

/// The fields of the request that is explained, as they would be once it has arrived, and its way; `None` if it has been
/// here before.
pub(super) fn arriving(
    front: &Front,
    method: &Method,
    headers: &HeaderMap,
    target: &Target,
    rules: &RuleSet,
    now: Timestamp,
) -> Option<(HeaderMap, Way)> {
    let mut arrived = headers.clone();
    let headers = &mut arrived;
    // The explained request is one of the client that the call names, if it names one.
    let client = named_client(headers);
    if matches!(front.reception.load().schemes, Schemes::Only(_)) {
        Trust::default().remove_the_unbelieved(headers, Peer::Client);
    }
    if !headers.contains_key(X_REQUEST_ID) {
        headers.insert(X_REQUEST_ID, HeaderValue::from_static(REQUEST_ID));
    }
    let scheme = if target.scheme() == "https" { Scheme::HTTPS } else { Scheme::HTTP };
    let context = RequestContext::direct(scheme, client);
    if arrival::mark(headers, Version::HTTP_11, target, &context, &front.here) == Passage::Again {
        return None;
    }
    if client.is_none() {
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static(CLIENTS_ADDRESS));
        let said = headers.get(FORWARDED).map_or(&[][..], HeaderValue::as_bytes);
        let said = [b"for=", CLIENTS_ADDRESS.as_bytes(), b";", said].concat();
        if let Ok(said) = HeaderValue::from_bytes(&said) {
            headers.insert(FORWARDED, said);
        }
    }
    let form = Form::Any(Version::HTTP_11, payload(headers));
    let way = Way::of(Asked { method, target, headers, form }, rules, || now);
    way.ignore_other_upgrades(Version::HTTP_11, headers);
    Some((arrived, way))
}

/// Whether a request with these fields brings a body.
pub(super) fn payload(headers: &HeaderMap) -> Payload {
    let is_empty = |length: &HeaderValue| length.as_bytes().iter().all(|digit| *digit == b'0');
    let is_framed = headers.contains_key(TRANSFER_ENCODING) || !headers.get_all(CONTENT_LENGTH).iter().all(is_empty);
    if is_framed { Payload::Body } else { Payload::None }
}

/// What the origin is asked for by a request that passes through, and with which fields.
pub(super) fn passed(rule: &OriginRequestRule, target: &Target, headers: &HeaderMap) -> (Option<String>, HeaderMap) {
    let mut sent = headers.clone();
    entity_tag::name_tags_without_coding(&mut sent);
    rule.change(&mut sent);
    sent.insert(HOST, rule.host_value(target));
    let mapped = rule.path_and_query_passed(target.path_and_query(), target);
    (mapped.ok().map(std::borrow::Cow::into_owned), sent)
}

/// The fields as they are on the wire.
pub(super) fn on_the_wire(mut headers: HeaderMap) -> HeaderMap {
    let upgrade = requested_upgrade(&headers);
    set_for_next_hop(&mut headers);
    allow_upgrade(&mut headers, upgrade);
    headers
}

/// What there is to be said of the fields, if anything.
pub(super) fn notes(method: &Method, sent: &HeaderMap) -> Vec<String> {
    let mut notes = Vec::new();
    let holds =
        |text: &str| sent.values().any(|value| value.as_bytes().windows(text.len()).any(|at| at == text.as_bytes()));
    if holds(CLIENTS_ADDRESS) {
        notes.push(format!(
            "`{CLIENTS_ADDRESS}` stands for what only a connection tells: the address of the client, and of trusted proxies. \
             Name a client by X-Forwarded-For."
        ));
    }
    if holds(REQUEST_ID) {
        notes.push(format!("`{REQUEST_ID}` stands for the X-Request-Id that each request is given."));
    }
    let is_framed = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| sent.contains_key(name));
    if !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE) && !is_framed {
        notes.push("Content-Length or Transfer-Encoding are sent as the request's body has it.".to_owned());
    }
    notes
}
