//! A collector of traces: OTLP over gRPC, as far as an exporter needs it.

use super::deadline::within;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The collector.
#[derive(Clone)]
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken {
    spans: Mutex<Vec<Span>>,
    changed: Notify,
}

impl Collector {
    /// One that answers with this status of gRPC: 0 is well.
    pub async fn start(grpc_status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let taken = Arc::new(Taken::default());
        let taking = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = Arc::clone(&taking);
                tokio::spawn(async move {
                    let Ok(mut streams) = h2::server::handshake(stream).await else { return };
                    while let Some(Ok((request, mut respond))) = streams.accept().await {
                        let taken = Arc::clone(&taken);
                        tokio::spawn(async move {
                            let spans = spans(request).await;
                            if grpc_status == "0" {
                                taken.spans.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
                                taken.changed.notify_waiters();
                            }
                            let head = Response::builder().header("content-type", "application/grpc");
                            let mut answer = respond
                                .send_response(head.body(()).expect("a head"), false)
                                .expect("the exporter waits");
                            // No fields: an empty message, with the five bytes before it.
                            answer.send_data(Bytes::from_static(&[0; 5]), false).expect("the exporter waits");
                            let status = HeaderValue::from_static(grpc_status);
                            let trailers =
                                HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), status)]);
                            answer.send_trailers(trailers).expect("the exporter waits");
                        });
                    }
                });
            }
        });
        Self { address, taken }
    }

    /// A place where nobody listens.
    #[must_use]
    pub fn nowhere() -> Self {
        Self { address: ([127, 0, 0, 1], 9).into(), taken: Arc::default() }
    }

    /// `[trace]` of a configuration, with this collector.
    #[must_use]
    pub fn section(&self, sample: &str) -> String {
        format!("[trace]\notlp_endpoint = \"http://{}\"\nsample = \"{sample}\"", self.address)
    }

    /// The spans so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.taken.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The spans, once there are so many.
    pub async fn some(&self, count: usize) -> Vec<Span> {
        let arrive = async {
            loop {
                let changed = self.taken.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let spans = self.spans();
                if spans.len() >= count {
                    return spans;
                }
                changed.await;
            }
        };
        within(format!("{count} spans"), arrive).await
    }
}

async fn spans(request: Request<h2::RecvStream>) -> Vec<Span> {
    assert_eq!(request.uri().path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        bytes.extend_from_slice(&data);
    }
    let message = bytes.get(5..).expect("a message has a length before it");
    let request = ExportTraceServiceRequest::decode(message).expect("a message of OTLP");
    let service = |span: &opentelemetry_proto::tonic::trace::v1::ResourceSpans| {
        let attributes = span.resource.iter().flat_map(|resource| &resource.attributes);
        attributes
            .clone()
            .any(|attribute| attribute.key == "service.name" && text(attribute.value.as_ref()) == "larder")
    };
    assert!(request.resource_spans.iter().all(service), "the service is named");
    let scopes = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

/// What an attribute says; empty where it is not there.
#[must_use]
pub fn said(span: &Span, key: &str) -> String {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key);
    text(attribute.and_then(|attribute| attribute.value.as_ref()))
}

fn text(value: Option<&opentelemetry_proto::tonic::common::v1::AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        _ => String::new(),
    }
}
