//! HTTP/1.1 to a server: requests one after another over one connection.
//!
//! hyper speaks it: a task of its own drives the socket, a sender hands it one request at a time.

use super::failure::{Answer, Failed, Fate, Unanswered};
use super::options::UpstreamOptions;
use super::received::Received;
use super::request_body::RequestBody;
use super::socket::{Glance, Sight};
use super::transport::{Refusal, Transport};
use crate::engine::origin::OriginErrorKind;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

/// What hyper reads from a connection into, at the least: its own default.
const BUFFER_BYTES: usize = 8192 + 4096 * 100;

/// How sessions are opened.
#[derive(Debug, Clone)]
pub(super) struct Http1Options(http1::Builder);

impl Http1Options {
    pub(super) fn new(options: &UpstreamOptions) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .max_headers(options.response_fields_max)
            .max_header_size(options.response_head_bytes_max)
            // A head must fit the buffer whole, or its size would not be known.
            .max_buf_size(BUFFER_BYTES.max(options.response_head_bytes_max.saturating_mul(2)))
            // RFC 9112 section 5.1 and 5.2 have a proxy remove such spaces and unfold such lines.
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true);
        Self(http1)
    }

    /// A session over a new connection, and what drives it until it ends.
    pub(super) async fn open(
        &self,
        transport: Transport,
    ) -> hyper::Result<(Http1, impl Future<Output = hyper::Result<()>> + Send + use<>)> {
        let (glance, refusal) = (transport.glance(), transport.refusal());
        let (sender, driver) = self.0.handshake(TokioIo::new(transport)).await?;
        Ok((Http1 { sender, glance, refusal }, driver.with_upgrades()))
    }
}

/// One session. Dropped, it closes.
#[derive(Debug)]
pub(super) struct Http1 {
    sender: SendRequest<RequestBody>,
    glance: Glance,
    /// Whether the server has ended TLS.
    pub(super) refusal: Refusal,
}

impl Http1 {
    pub(super) fn send(&mut self, request: http::Request<RequestBody>) -> impl Future<Output = Answer> + use<> {
        let pending = self.sender.try_send_request(request);
        async move {
            match pending.await {
                Ok(response) => Ok(response.map(Received::Http1)),
                Err(mut error) => {
                    let request = error.take_message();
                    let error = error.into_error();
                    Err(match request {
                        Some(request) => {
                            let failed = Failed { kind: OriginErrorKind::Closed, cause: Box::new(error) };
                            Unanswered { failed, fate: Fate::Unsent(Box::new(request)) }
                        }
                        None => Unanswered { failed: Failed::exchange(error), fate: Fate::Unknown },
                    })
                }
            }
        }
    }

    /// Whether it takes a request at once.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Waits until it takes a request.
    pub(super) async fn ready(&mut self) -> hyper::Result<()> {
        self.sender.ready().await
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Looks at its socket.
    pub(super) fn look(&self) -> Sight {
        self.glance.look()
    }
}
