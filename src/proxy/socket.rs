//! A connection as everything above the acceptor sees it: a byte stream, and what is known of it before its first byte.

use crate::clients::ClientConnection;
use crate::tls::subject;
use http::HeaderValue;
use http::uri::{Authority, Scheme};
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream that can end with a reset.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes the coming close a reset, as far as the stream knows such a thing.
    fn reset_on_close(&self) {}

    /// Bytes that have gone beneath it, where it takes more than its peer does. Only that it changes means anything.
    fn sent(&self) -> u64 {
        0
    }
}

/// What is known of a connection before its first byte.
#[derive(Debug, Clone)]
pub(super) struct ConnectionFacts {
    /// Where it comes from.
    pub(super) peer: SocketAddr,
    /// The scheme of its requests, where no trusted proxy says otherwise.
    pub(super) scheme: Scheme,
    /// What was agreed on by TLS; none in clear text.
    pub(super) tls: Option<Arc<TlsFacts>>,
    /// Its place among those of its client; `None` if these are not counted.
    pub(super) place: Option<Arc<ClientConnection>>,
}

/// What the client and Larder have agreed on by TLS.
#[derive(Debug)]
pub(super) struct TlsFacts {
    /// What is spoken over it; `None` if the client does not say (ALPN, RFC 7301).
    pub(super) protocol: Option<Protocol>,
    /// The host that the client asked for (SNI, RFC 6066), in lower case.
    pub(super) server_name: Option<Box<str>>,
    /// Whom the client's certificate names; `None` if it was asked for none.
    pub(super) subject: Option<HeaderValue>,
}

impl TlsFacts {
    /// What was agreed on, with the certificate that the client has shown.
    pub(super) fn new(
        protocol: Option<Protocol>,
        server_name: Option<&str>,
        certificate: Option<&CertificateDer<'_>>,
    ) -> Self {
        let server_name = server_name.map(|name| name.to_ascii_lowercase().into());
        // What is written there is ASCII.
        let subject = certificate.and_then(|it| HeaderValue::try_from(subject(it).unwrap_or_default()).ok());
        Self { protocol, server_name, subject }
    }
}

impl ConnectionFacts {
    /// Whether a request for this host, with or without port, may not come over this connection: its client has shown a
    /// certificate for another one (RFC 9110 section 15.5.20).
    pub(super) fn is_misdirected(&self, host: Option<&str>) -> bool {
        let Some(TlsFacts { server_name: Some(asked), subject: Some(_), .. }) = self.tls.as_deref() else {
            return false;
        };
        let host = host.and_then(|host| host.parse::<Authority>().ok());
        host.is_none_or(|host| !host.host().eq_ignore_ascii_case(asked))
    }
}

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1, or HTTP/1.0.
    Http1,
    /// HTTP/2.
    Http2,
}
