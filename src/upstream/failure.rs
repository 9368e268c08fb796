//! Why a try brought no response, and whether another may be made.

use super::outgoing::{Outgoing, Spare};
use super::request_body::RequestBody;
use super::tls_failure::TlsFailure;
use crate::engine::origin::{Body, BodyError, OriginError, OriginErrorKind};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A try without a response.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) kind: OriginErrorKind,
    pub(super) cause: BodyError,
}

/// What became of a request on a connection, of whose answer this is the body.
pub(super) type Answer<B> = Result<http::Response<B>, Unanswered>;

/// A request without an answer, and what became of it.
pub(super) struct Unanswered {
    pub(super) failed: Failed,
    pub(super) fate: Fate,
}

/// Whether a server may have acted on a request that it did not answer.
pub(super) enum Fate {
    /// Nothing of it was sent; here is its body.
    Unsent(Box<RequestBody>),
    /// The server says that it did nothing with it (RFC 9113 section 8.7), so any method may be tried again: it takes no
    /// more requests on the connection,
    Unprocessed,
    /// or refuses this one now.
    Refused,
    /// It may have; the connection is over.
    Unknown,
    /// It may have, and ended this request alone.
    Reset,
}

/// What may be tried next, with the request to try it with: RFC 9110 section 9.2.2.
pub(super) enum Again {
    Never,
    /// Nothing was answered on a used connection, which the server may have closed just then.
    NewConnection(Box<Outgoing>),
    /// Nothing was sent.
    OtherServer(Box<Outgoing>),
    /// It may have been received, and to send it to another server does no harm.
    Elsewhere(Box<Outgoing>),
}

impl Again {
    pub(super) fn elsewhere(spare: Box<Spare>) -> Self {
        spare.into_outgoing().map_or(Self::Never, |outgoing| Self::Elsewhere(Box::new(outgoing)))
    }
}

/// What became of a try.
pub(super) enum Attempted {
    /// An answer, and the request again where that was to be kept.
    Answered(http::Response<Body>, Option<Box<Spare>>),
    Failed(Failed, Again),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("{authority} took no connection within {timeout:?}")]
    TimedOut { authority: Arc<str>, timeout: Duration },
    #[error("{authority} took no connection")]
    Refused {
        authority: Arc<str>,
        #[source]
        cause: io::Error,
    },
    #[error("no address of {authority} is known")]
    Unknown { authority: Arc<str> },
    #[error("{authority} took a connection, but its TLS handshake took more than {timeout:?}")]
    TlsTimedOut { authority: Arc<str>, timeout: Duration },
    #[error("TLS with {authority} failed")]
    Tls {
        authority: Arc<str>,
        #[source]
        cause: TlsFailure,
    },
    #[error("{authority} does not speak HTTP/2; hint: leave `protocol` out, or set it to \"http1\"")]
    NotHttp2 {
        authority: Arc<str>,
        #[source]
        cause: LineError,
    },
    #[error("{authority} allows no request on a new connection")]
    NoStreams { authority: Arc<str> },
}

/// There is no room, and none came in time.
#[derive(Debug, thiserror::Error)]
#[error("as many requests are under way in the pool as max_requests allows")]
pub(super) struct Full;

impl From<Full> for Failed {
    fn from(cause: Full) -> Self {
        Self { kind: OriginErrorKind::Full, cause: Box::new(cause) }
    }
}

/// No server of the pool is asked.
#[derive(Debug, thiserror::Error)]
#[error("every server of the pool gives no answer to health checks, or is being drained")]
pub(super) struct NobodyLeft;

impl From<NobodyLeft> for Failed {
    fn from(cause: NobodyLeft) -> Self {
        Self { kind: OriginErrorKind::NoServer, cause: Box::new(cause) }
    }
}

/// Why a head is not waited for any longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Silence {
    #[error("the server sent nothing for {0:?}")]
    Server(Duration),
    #[error("the client sent nothing of its body for {0:?}")]
    Client(Duration),
    #[error("the time for an answer, all tries together, is over")]
    Deadline,
    #[error("the server sent more than {0} interim responses")]
    Interims(u32),
}

/// What is wrong with how an answer's body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Invalid {
    #[error("the body has a transfer coding other than chunked")]
    TransferCoding,
    #[error("Content-Length is no single number")]
    ContentLength,
}

impl From<Invalid> for Failed {
    fn from(cause: Invalid) -> Self {
        Self { kind: OriginErrorKind::Invalid, cause: Box::new(cause) }
    }
}

/// The server switched protocols unasked.
#[derive(Debug, thiserror::Error)]
#[error("the server switched protocols without being asked to")]
pub(super) struct UnaskedUpgrade;

impl Failed {
    pub(super) fn into_error(self) -> OriginError {
        OriginError { kind: self.kind, cause: Some(self.cause) }
    }
}

impl From<TlsFailure> for Failed {
    fn from(cause: TlsFailure) -> Self {
        Self { kind: cause.kind(), cause: Box::new(cause) }
    }
}

impl From<ConnectError> for Failed {
    fn from(cause: ConnectError) -> Self {
        let kind = match &cause {
            ConnectError::Tls { cause, .. } => cause.kind(),
            ConnectError::TlsTimedOut { .. } => OriginErrorKind::Tls,
            ConnectError::NotHttp2 { .. } | ConnectError::NoStreams { .. } => OriginErrorKind::Invalid,
            _ => OriginErrorKind::Connect,
        };
        Self { kind, cause: Box::new(cause) }
    }
}

impl From<Silence> for Failed {
    fn from(cause: Silence) -> Self {
        let kind = match cause {
            Silence::Server(_) | Silence::Deadline => OriginErrorKind::Timeout,
            Silence::Client(_) => OriginErrorKind::ClientBody,
            Silence::Interims(_) => OriginErrorKind::Invalid,
        };
        Self { kind, cause: Box::new(cause) }
    }
}

impl From<UnaskedUpgrade> for Failed {
    fn from(cause: UnaskedUpgrade) -> Self {
        Self { kind: OriginErrorKind::Invalid, cause: Box::new(cause) }
    }
}

/// Why a connection of HTTP/2 ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    /// It is no HTTP/2, or broke.
    #[error("HTTP/2 failed")]
    Broken(#[from] h2::Error),
    /// Over TLS it is chosen in the handshake.
    #[error("the server did not choose HTTP/2 in the TLS handshake")]
    NotChosen,
    /// Nobody is there.
    #[error("the server gave no sign of life for {0:?}")]
    Dead(Duration),
}
