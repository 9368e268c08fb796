//! The origin as the engine sees it.

use super::exchange::Terms;
use crate::in_flight::Room;
use crate::rules::origin_request::PoolName;
use crate::semantics::reason::Reason;
use bytes::Bytes;
use http::Uri;
use http::uri::PathAndQuery;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};

/// Why a body failed.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A streaming body, of requests and responses alike.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body of nothing.
#[must_use]
pub fn empty_body() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of these bytes.
#[must_use]
pub(super) fn whole_body(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Where responses come from: the upstream pool, or a simulated one.
#[async_trait::async_trait]
pub trait Origin: Send + Sync + 'static {
    /// Sends a request and returns the response once its head is there; the body streams.
    ///
    /// The request's URI holds path and query (origin form), its headers are complete but for hop-by-hop and
    /// forwarding fields, which the origin's client sets. A request whose method is
    /// idempotent and whose body is empty may be retried (RFC 9110 section 9.2.2).
    ///
    /// # Errors
    /// Where no response's head arrived.
    async fn fetch(&self, request: http::Request<Body>, terms: Terms) -> Result<http::Response<Body>, OriginError>;

    /// Whether it knows that a request may share its fields with others ([`Terms`]); else all of them are in the request.
    fn knows_shared_fields(&self) -> bool {
        false
    }

    /// Whether a request that no client waits for may be sent to a pool (`None`: the default one): where clients keep half
    /// of the requests that may be under way there.
    fn spare_room(&self, _pool: Option<&PoolName>) -> Room {
        Room::Free
    }
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.reason().explanation())]
pub struct OriginError {
    /// What kind of error it is.
    pub kind: OriginErrorKind,
    /// The underlying error.
    #[source]
    pub cause: Option<BodyError>,
}

impl OriginError {
    /// The label of its kind.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.kind.into()
    }
}

/// What kept a response from coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginErrorKind {
    /// As many requests are under way as the servers are given at once.
    Full,
    /// There is no server to ask.
    NoServer,
    /// No server took a connection.
    Connect,
    /// Its certificate was not accepted.
    Certificate,
    /// TLS could not be agreed on.
    Tls,
    /// It ended TLS with an alert, perhaps after the request.
    TlsAlert,
    /// No answer came in time.
    Timeout,
    /// The connection was closed before an answer.
    Closed,
    /// The answer is not valid HTTP.
    Invalid,
    /// The head of the answer is larger than the limits allow.
    HeadTooLarge,
    /// The body of the request failed.
    ClientBody,
    /// The origin can't be asked for this target.
    InvalidTarget,
    /// The exchange was ended before its answer.
    CutOff,
}

impl OriginErrorKind {
    /// Whether the origin may have acted on the request: not where nothing of it was sent.
    pub(super) const fn may_have_acted(self) -> bool {
        !matches!(
            self,
            Self::Full | Self::Connect | Self::Certificate | Self::Tls | Self::NoServer | Self::InvalidTarget
        )
    }
}

impl From<OriginErrorKind> for Reason {
    fn from(kind: OriginErrorKind) -> Self {
        match kind {
            OriginErrorKind::Full => Self::MaxRequests,
            OriginErrorKind::NoServer => Self::UpstreamNoServer,
            OriginErrorKind::Connect => Self::UpstreamConnect,
            OriginErrorKind::Certificate => Self::UpstreamCertificate,
            OriginErrorKind::Tls => Self::UpstreamTls,
            OriginErrorKind::TlsAlert => Self::UpstreamTlsAlert,
            OriginErrorKind::Timeout => Self::UpstreamTimeout,
            OriginErrorKind::Closed => Self::UpstreamClosed,
            OriginErrorKind::Invalid => Self::UpstreamInvalid,
            OriginErrorKind::HeadTooLarge => Self::UpstreamHeadTooLarge,
            OriginErrorKind::ClientBody => Self::ClientBody,
            OriginErrorKind::InvalidTarget => Self::InvalidTarget,
            OriginErrorKind::CutOff => Self::CutOff,
        }
    }
}

/// A URI of path and query only, for a request to the origin.
pub(super) fn origin_form(path_and_query: &str) -> Result<Uri, OriginError> {
    match PathAndQuery::try_from(path_and_query) {
        Ok(path) => Ok(Uri::from(path)),
        Err(error) => Err(OriginError { kind: OriginErrorKind::InvalidTarget, cause: Some(error.into()) }),
    }
}
