//! The first step of a request that is keyed by its body: the body is read, as far as it may be part of a key.

use super::begun_body::Begun;
use super::handler::Answer;
use super::origin::{Body, BodyError, whole_body};
use super::{Engine, RequestContext, pass, respond, serve};
use crate::in_flight::{Direction, Metered, Room};
use crate::plan::request::CacheableRequest;
use crate::plan::way::{ByBody, NotCached};
use crate::rules::RuleSet;
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Frame;
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::sync::Arc;

/// What came of reading a body.
pub(super) enum Read {
    /// All of it.
    Whole(Bytes),
    /// It can't be part of a key, for this reason; it is passed on with what was read of it.
    Begun(Begun, Reason),
    /// It ended early.
    Failed(BodyError),
}

/// Answers a request whose way depends on its body.
pub(super) async fn serve(
    engine: &Arc<Engine>,
    request: http::Request<Body>,
    target: Target,
    way: ByBody,
    rules: Arc<RuleSet>,
    context: RequestContext,
) -> Answer {
    let (head, body) = request.into_parts();
    let (body, why) = match read(engine, body, way.rule.bytes_max).await {
        Read::Whole(whole) => match way.rule.keyed(&head.method, &head.headers, whole.clone()) {
            Ok(keyed) => {
                let request = CacheableRequest::with_body(keyed, head.headers, target, way.through, rules);
                return serve::serve(engine, request, context).await;
            }
            Err(why) => (whole_body(whole), why),
        },
        Read::Begun(begun, why) => (begun.boxed_unsync(), why),
        Read::Failed(error) => return Answer::refused(StatusCode::BAD_REQUEST, Reason::ClientBody, Some(error)),
    };
    match way.past(&head.method, &head.headers, why) {
        NotCached::Forward(pass) => {
            let request = http::Request::from_parts(head, body);
            pass::pass(engine, request, target, rules, pass, context).await
        }
        NotCached::Refuse(pass) => respond::only_if_cached(pass.route.as_deref(), pass.forward),
    }
}

/// Reads a body of at most `bytes_max`. What is read is charged to what is in flight for as long as it is held.
pub(super) async fn read(engine: &Engine, body: Body, bytes_max: usize) -> Read {
    let in_flight = engine.in_flight();
    let mut body = Metered::new(body, Arc::clone(in_flight), Direction::Down);
    let (mut read, mut length) = (VecDeque::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Read::Failed(error),
        };
        // Trailers are no part of what is asked.
        let Ok(piece) = frame.into_data() else { continue };
        length += piece.len();
        read.push_back(piece);
        let why = match in_flight.room() {
            _ if length > bytes_max => Reason::RequestBodyTooLarge,
            Room::Taken => Reason::InFlightFull,
            Room::Free => continue,
        };
        // What goes to the origin is charged there.
        let read = read.into_iter().map(|piece| Ok(Frame::data(piece))).collect();
        return Read::Begun(Begun { read, rest: Some(body.into_inner()) }, why);
    }
    Read::Whole(match read.len() {
        0 | 1 => read.pop_front().unwrap_or_default(),
        _ => {
            let mut whole = BytesMut::with_capacity(length);
            for piece in &read {
                whole.extend_from_slice(piece);
            }
            in_flight.hold_whole(whole.freeze())
        }
    })
}
