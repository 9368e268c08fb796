//! The first step of a request whose route depends on the operation of GraphQL that it asks for: that is read, from its body
//! or its URL.

use super::by_body::{self, Read};
use super::handler::Answer;
use super::origin::{Body, whole_body};
use super::{Engine, RequestContext, pass, respond, serve};
use crate::plan::by_operation::ByOperation;
use crate::plan::request::CacheableRequest;
use crate::plan::way::{Asked, Form, NotCached, Payload, Through};
use crate::rules::body_key::{BodyKeyRule, KeyedBody, KeyedForm};
use crate::rules::{Route, RuleSet};
use crate::semantics::graphql::request::{Operation, Told, Untold};
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use std::sync::Arc;

/// Answers a request by the operation that it asks for.
pub(super) async fn serve(
    engine: &Arc<Engine>,
    request: http::Request<Body>,
    target: Target,
    rules: Arc<RuleSet>,
    context: RequestContext,
) -> Answer {
    let (head, body) = request.into_parts();
    let payload = if body.is_end_stream() { Payload::None } else { Payload::Body };
    let (told, body, whole) = if head.headers.contains_key(EXPECT) {
        // Its body comes once the origin has said so.
        (Err(Untold::anything(Reason::Expectation)), body, None)
    } else if BodyKeyRule::is_about(&head.method) {
        match by_body::read(engine, body, rules.operation_bytes_max()).await {
            Read::Whole(whole) => {
                let told = engine.operation_of_body(&rules, &head.headers, &whole);
                (told, whole_body(whole.clone()), Some(whole))
            }
            Read::Begun(begun, why) => (Err(Untold::anything(why)), begun.boxed_unsync(), None),
            Read::Failed(error) => return Answer::refused(StatusCode::BAD_REQUEST, Reason::ClientBody, Some(error)),
        }
    } else {
        (engine.operation_of_url(&target), body, None)
    };
    let (method, headers, form) = (&head.method, &head.headers, Form::Any(head.version, payload));
    let asked = Asked { method, target: &target, headers, form };
    match engine.way_by_operation(asked, &told, whole.as_ref(), &rules) {
        ByOperation::Cached(through, operation) => {
            let request = cacheable((head.method, head.headers), whole, operation, (target, through, rules));
            serve::serve(engine, request, context).await
        }
        ByOperation::NotCached(NotCached::Forward(way)) => {
            let request = http::Request::from_parts(head, body);
            pass::pass(engine, request, target, rules, way, context).await
        }
        ByOperation::NotCached(NotCached::Refuse(way)) => respond::only_if_cached(way.route.as_deref(), way.forward),
    }
}

/// The request that is answered from the cache.
pub(super) fn cacheable(
    (method, headers): (Method, HeaderMap),
    whole: Option<Bytes>,
    operation: Arc<Operation>,
    (target, through, rules): (Target, Through, Arc<RuleSet>),
) -> CacheableRequest {
    let request = match whole {
        Some(whole) => {
            let body = KeyedBody::of_operation(&method, whole, &operation);
            CacheableRequest::with_body(body, headers, target, through, rules)
        }
        None => CacheableRequest::new(method, headers, target, through, rules),
    };
    request.asking(operation)
}

impl Engine {
    /// Which operation a body of a request with these fields asks for.
    pub(super) fn operation_of_body(&self, rules: &RuleSet, headers: &HeaderMap, whole: &Bytes) -> Told {
        let rule = BodyKeyRule { form: KeyedForm::Graphql, bytes_max: rules.operation_bytes_max() };
        let text = rule.decoded(headers, whole).map_err(Untold::anything)?;
        self.operations.of_body(&text)
    }

    /// Which operation a URL asks for.
    pub(super) fn operation_of_url(&self, target: &Target) -> Told {
        self.operations.of_query(target.query().unwrap_or_default())
    }

    /// The way of a request that asks for this, by its body where it has one.
    pub(super) fn way_by_operation(
        &self,
        asked: Asked<'_>,
        told: &Told,
        whole: Option<&Bytes>,
        rules: &RuleSet,
    ) -> ByOperation {
        let hinders = |route: &Route| {
            if let Some(whole) = whole {
                let bytes_max = route.body_key.map_or(0, |rule| rule.bytes_max);
                return (whole.len() > bytes_max).then_some(Reason::RequestBodyTooLarge);
            }
            // What the route leaves of the query is what the origin is asked.
            let keyed = route.keyed_target(asked.target.clone());
            let is_same = keyed.query() == asked.target.query() || self.operation_of_url(&keyed) == *told;
            (!is_same).then_some(Reason::GraphqlUnreadable)
        };
        ByOperation::of(asked, told, rules, hinders, || self.now())
    }
}
