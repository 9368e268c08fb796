//! One request over a connection: its head as HTTP/2 has it, and what comes of it.

use super::super::failure::{Answer, Failed, Fate, Unanswered};
use super::super::framing;
use super::super::http1::HeadError;
use super::super::outgoing::Hearing;
use super::super::request_body::RequestBody;
use super::body::Http2Body;
use super::line::Line;
use super::upload::{self, Cancel};
use crate::engine::origin::{BodyError, OriginErrorKind};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, Parts, Scheme};
use http::{HeaderMap, HeaderValue, Request, Response, Uri, Version};
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::oneshot;

/// Sends a request, and waits for the head of its answer. Dropped, it takes the request back.
pub(super) async fn send(
    line: Arc<Line>,
    mut sender: SendRequest<Bytes>,
    head: Request<()>,
    body: RequestBody,
    hearing: Option<Hearing>,
) -> Answer<Http2Body> {
    // The connection may have ended, or the server may have said that it takes no more requests.
    if let Err(error) = poll_fn(|context| sender.poll_ready(context)).await {
        line.close();
        return Err(Unanswered { failed: failed(error), fate: Fate::Unsent(Box::new(body)) });
    }
    let (is_empty, method) = (body.is_end_stream(), head.method().clone());
    let head = match converted(head.into_parts().0, line.scheme()) {
        Ok(head) => head,
        Err(cause) => {
            let failed = Failed { kind: OriginErrorKind::InvalidTarget, cause };
            return Err(Unanswered { failed, fate: Fate::Unknown });
        }
    };
    let (response, stream) = match sender.send_request(head, is_empty) {
        Ok(sent) => sent,
        Err(error) => {
            line.close();
            return Err(Unanswered { failed: failed(error), fate: Fate::Unprocessed });
        }
    };
    let (broken, of_client) = oneshot::channel();
    let cancel = if is_empty { Cancel::default() } else { upload::begin(body, stream, broken).await };
    let answer = tokio::select! {
        biased;
        answer = head_of(response, hearing) => answer,
        Ok(cause) = of_client => {
            let failed = Failed { kind: OriginErrorKind::ClientBody, cause };
            return Err(Unanswered { failed, fate: Fate::Unknown });
        }
    };
    match answer {
        Ok(response) if !line.head_max.holds(response.headers()) => {
            Err(Unanswered { failed: HeadError::TooLarge.into(), fate: Fate::Unknown })
        }
        Ok(mut response) => {
            let status = response.status();
            if let Err(invalid) = framing::settle(response.headers_mut(), status, &method) {
                return Err(Unanswered { failed: invalid.into(), fate: Fate::Unknown });
            }
            Ok(response.map(|stream| Http2Body::new(stream, cancel)))
        }
        Err(error) => Err(unanswered(error, &line)),
    }
}

/// The head of the answer; interim responses are reported on the way.
async fn head_of(response: ResponseFuture, hearing: Option<Hearing>) -> Result<Response<h2::RecvStream>, h2::Error> {
    let mut response = pin!(response);
    poll_fn(|context| {
        while let Poll::Ready(Some(Ok(interim))) = response.poll_informational(context) {
            if let Some(hearing) = &hearing {
                hearing.heard(interim.status(), interim.headers());
            }
        }
        response.as_mut().poll(context)
    })
    .await
}

/// What an error in place of an answer says of the request: RFC 9113 section 8.7.
fn unanswered(error: h2::Error, line: &Line) -> Unanswered {
    let fate = match error.reason() {
        _ if error.is_remote() && error.is_go_away() => Fate::Unprocessed,
        Some(h2::Reason::REFUSED_STREAM) if error.is_remote() => Fate::Refused,
        _ if error.is_reset() => Fate::Reset,
        _ => Fate::Unknown,
    };
    if error.is_go_away() || error.is_io() {
        line.close();
    }
    Unanswered { failed: failed(error), fate }
}

fn failed(error: h2::Error) -> Failed {
    // What the library itself ends for is no valid HTTP/2.
    let is_of_server = error.is_io() || error.is_remote();
    let kind = if is_of_server { OriginErrorKind::Closed } else { OriginErrorKind::Invalid };
    Failed { kind, cause: Box::new(error) }
}

/// A head as HTTP/2 has it (RFC 9113 section 8.3.1, 8.2.2): scheme and authority in the target, nothing of connections.
fn converted(mut head: http::request::Parts, scheme: Scheme) -> Result<Request<()>, BodyError> {
    let host = head.headers.remove(HOST);
    let authority: Authority = host.as_ref().map_or(&b""[..], HeaderValue::as_bytes).try_into()?;
    let mut target = Parts::default();
    target.scheme = Some(scheme);
    target.authority = Some(authority);
    target.path_and_query = head.uri.path_and_query().cloned();
    let mut request = Request::new(());
    *request.method_mut() = head.method;
    *request.uri_mut() = Uri::from_parts(target)?;
    *request.version_mut() = Version::HTTP_2;
    without_connection(&mut head.headers);
    *request.headers_mut() = head.headers;
    Ok(request)
}

/// What concerned the client's connection is gone already; what is left was put in for HTTP/1.1. Of TE there is
/// `trailers` at most.
fn without_connection(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    if headers.get_all(TE).iter().any(|te| te != "trailers") {
        headers.remove(TE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9113_8_2_2_a_request_leaves_without_what_concerns_connections() {
        let request = Request::builder().method("POST").uri("/p?q=1").header("host", "shop.example:8443");
        let request =
            request.header("te", "trailers").header("connection", "te").header("transfer-encoding", "chunked");
        let (head, ()) = request.header("x-kept", "1").body(()).unwrap().into_parts();
        let request = converted(head, Scheme::HTTPS).unwrap();
        assert_eq!(request.uri(), "https://shop.example:8443/p?q=1");
        let mut names: Vec<_> = request.headers().keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["te", "x-kept"]);
        assert_eq!(request.headers()["te"], "trailers");
    }

    #[test]
    fn a_host_that_is_no_authority_is_refused() {
        for host in ["", "a b", "a/b", "u@"] {
            let (head, ()) = Request::builder().uri("/").header("host", host).body(()).unwrap().into_parts();
            assert!(converted(head, Scheme::HTTP).is_err(), "{host:?}");
        }
    }
}
