//! A session with a server: requests one after another over one connection, by HTTP/1.1.
//!
//! hyper speaks it: a task of its own drives the socket, a sender hands it one request at a time.

use super::options::UpstreamOptions;
use super::request_body::RequestBody;
use super::socket::{Glance, Sight};
use super::transport::{Refusal, Transport};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

/// What became of a request: an answer, or an error that gives the request back where nothing of it was sent.
pub(super) type Answer = Result<http::Response<Incoming>, TrySendError<http::Request<RequestBody>>>;

/// What hyper reads from a connection into, at the least: its own default.
const BUFFER_BYTES: usize = 8192 + 4096 * 100;

/// How sessions are opened.
#[derive(Debug, Clone)]
pub(super) struct SessionOptions(http1::Builder);

impl SessionOptions {
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
    ) -> hyper::Result<(Session, impl Future<Output = hyper::Result<()>> + Send + use<>)> {
        let (glance, refusal) = (transport.glance(), transport.refusal());
        let (sender, driver) = self.0.handshake(TokioIo::new(transport)).await?;
        Ok((Session { sender, glance, refusal }, driver.with_upgrades()))
    }
}

/// One session. Dropped, it closes.
#[derive(Debug)]
pub(super) struct Session {
    sender: SendRequest<RequestBody>,
    glance: Glance,
    /// Whether the server has ended TLS.
    pub(super) refusal: Refusal,
}

impl Session {
    pub(super) fn send(&mut self, request: http::Request<RequestBody>) -> impl Future<Output = Answer> + use<> {
        self.sender.try_send_request(request)
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
