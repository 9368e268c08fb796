//! Spans as OpenTelemetry has them, with the names of its conventions for HTTP. What belongs to one person stays out: no
//! query, no address of a client, no field of a request.

use crate::engine::traced::{Before, ExchangeResult, ExchangeSpan, SinceBegin, Traced};
use crate::proxy::observer::{Ending, Finished};
use crate::semantics::trace_context::{Sampling, TraceContext};
use http::{Method, Version};
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::borrow::Cow;
use std::time::Duration;

/// What all spans have.
struct Common {
    context: TraceContext,
    parent: Option<u64>,
    parent_is_remote: bool,
    kind: SpanKind,
    name: Cow<'static, str>,
    began: SinceBegin,
    took: Duration,
}

impl Common {
    fn with(self, attributes: Vec<KeyValue>, linked: Vec<TraceContext>, status: Status) -> SpanData {
        let start_time = self.began.begin.to_system_time() + self.began.since;
        let mut links = SpanLinks::default();
        links.links = linked.into_iter().map(|linked| Link::with_context(context(linked, true))).collect();
        SpanData {
            span_context: context(self.context, false),
            parent_span_id: self.parent.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: self.parent_is_remote,
            span_kind: self.kind,
            name: self.name,
            start_time,
            end_time: start_time + self.took,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status,
            instrumentation_scope: InstrumentationScope::builder("larder")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}

fn context(of: TraceContext, is_remote: bool) -> SpanContext {
    let flags = if of.sampling == Sampling::Sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (TraceId::from(of.trace.get()), SpanId::from(of.span.get()));
    SpanContext::new(trace, span, flags, is_remote, TraceState::NONE)
}

/// The span of a request that is over.
pub(super) fn of_request(finished: &Finished, traced: &Traced) -> SpanData {
    let (parent, elsewhere) = match traced.before {
        Before::Nothing => (None, None),
        Before::Parent(span) => (Some(span.get()), None),
        Before::Elsewhere(context) => (None, Some(context)),
    };
    let decision = finished.decision.as_ref();
    let route = decision.and_then(|decision| decision.route.as_ref()).map(|route| route.as_str().to_owned());
    let method = method(&finished.method);
    let name = route.as_ref().map_or(Cow::Borrowed(method), |route| Cow::Owned(format!("{method} {route}")));
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("url.path", finished.target.path().to_owned()),
        KeyValue::new("network.protocol.name", "http"),
        KeyValue::new("network.protocol.version", version(finished.version)),
        KeyValue::new("larder.request_id", finished.request_id.to_string()),
    ];
    let host = finished.host.as_ref().and_then(|host| host.to_str().ok());
    attributes.extend(host.map(|host| KeyValue::new("server.address", host.to_owned())));
    attributes
        .extend(finished.status.map(|status| KeyValue::new("http.response.status_code", i64::from(status.as_u16()))));
    attributes.extend(route.map(|route| KeyValue::new("larder.route", route)));
    attributes.extend(decision.map(|decision| KeyValue::new("larder.outcome", decision.outcome.label())));
    attributes.extend(decision.map(|decision| KeyValue::new("larder.reason", decision.reason.label())));
    let error = error_of(finished);
    attributes.extend(error.clone().map(|error| KeyValue::new("error.type", error)));
    let common = Common {
        context: traced.context,
        parent,
        parent_is_remote: parent.is_some(),
        kind: SpanKind::Server,
        name,
        began: traced.began(),
        took: finished.duration,
    };
    let links = traced.shared().into_iter().chain(elsewhere).collect();
    common.with(attributes, links, error.map_or(Status::Unset, Status::error))
}

/// What went wrong on this side; nothing where the client erred.
fn error_of(finished: &Finished) -> Option<String> {
    let status = finished.status.filter(http::StatusCode::is_server_error);
    match finished.ending {
        Ending::Truncated | Ending::CutOff => Some(finished.ending.label().to_owned()),
        Ending::Complete | Ending::ClientGone => status.map(|status| status.as_u16().to_string()),
    }
}

/// The span of an exchange with the origin.
pub(super) fn of_exchange(span: ExchangeSpan) -> SpanData {
    let method = method(&span.method);
    let mut attributes =
        vec![KeyValue::new("http.request.method", method), KeyValue::new("url.path", span.path.into_string())];
    if let Some((server, tries)) = &span.asked {
        let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
        attributes.push(KeyValue::new("server.address", host.to_owned()));
        attributes.extend(port.parse::<i64>().ok().map(|port| KeyValue::new("server.port", port)));
        let again = i64::from(tries.saturating_sub(1));
        attributes.extend((again > 0).then(|| KeyValue::new("http.request.resend_count", again)));
    }
    let error = match span.result {
        ExchangeResult::Answered(status) => {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            (status.is_client_error() || status.is_server_error()).then(|| status.as_u16().to_string())
        }
        ExchangeResult::Failed(reason) => Some(reason.label().to_owned()),
        ExchangeResult::GivenUp => Some("given-up".to_owned()),
    };
    attributes.extend(error.clone().map(|error| KeyValue::new("error.type", error)));
    let common = Common {
        context: span.context,
        parent: Some(span.parent.get()),
        parent_is_remote: false,
        kind: SpanKind::Client,
        name: Cow::Borrowed(method),
        began: span.began,
        took: span.took,
    };
    common.with(attributes, Vec::new(), error.map_or(Status::Unset, Status::error))
}

/// One of the known methods: clients can make up as many others as they like.
fn method(method: &Method) -> &'static str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ];
    const NAMES: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.iter().zip(NAMES).find(|(known, _)| *known == method).map_or("_OTHER", |(_, name)| name)
}

const fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}
