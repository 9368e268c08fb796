//! Calls to other systems' HTTP APIs: a connection in clear text, or over TLS where the URL says https.

use crate::tls::provider;
use crate::upstream::server_name;
use bytes::Bytes;
use http::Uri;
use http::uri::Scheme;
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Why there is no connection.
pub(crate) type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The versions and algorithms of TLS that calls use.
///
/// # Errors
/// Where the algorithms fit no version.
pub(crate) fn tls_builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

/// Who is believed over TLS: those whom these authorities vouch for.
///
/// # Errors
/// As [`tls_builder`].
pub(crate) fn believing(roots: RootCertStore) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
    Ok(tls_builder()?.with_root_certificates(roots))
}

/// Connects to where a URL leads, and speaks HTTP/1.1 there.
///
/// # Errors
/// If there is no answer, or not the expected one.
pub(crate) async fn connect(
    base: &Uri,
    trust: Option<&Arc<ClientConfig>>,
) -> Result<SendRequest<Full<Bytes>>, AnyError> {
    let host = base.host().ok_or("the URL names no host")?;
    let called = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_secure = base.scheme() == Some(&Scheme::HTTPS);
    let port = base.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let stream = TcpStream::connect((called, port)).await?;
    if !is_secure {
        return Ok(speak(TokioIo::new(stream)).await?);
    }
    let trust = trust.ok_or("there is no authority to trust over TLS")?;
    let name = server_name(called).ok_or("the URL names no host that a certificate could be for")?;
    let stream = TlsConnector::from(Arc::clone(trust)).connect(name, stream).await?;
    Ok(speak(TokioIo::new(stream)).await?)
}

async fn speak<T>(io: T) -> hyper::Result<SendRequest<Full<Bytes>>>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(io).await?;
    // Its end reaches who waits for an answer.
    tokio::spawn(connection);
    Ok(sender)
}
