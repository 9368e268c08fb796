//! Why TLS with a server failed: what of it, in which words, and what can be done.

use crate::engine::origin::OriginErrorKind;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use std::error::Error as StdError;
use std::{fmt, io};

/// Why there is no secure connection.
#[derive(Debug)]
pub(super) struct TlsFailure {
    fault: Fault,
    what: String,
    hint: Option<String>,
}

/// Where it lies, as RFC 9209 section 2.3 distinguishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Certificate,
    Protocol,
    Alert,
}

impl TlsFailure {
    /// What an error of a handshake comes to.
    pub(super) fn of_handshake(error: &io::Error) -> Self {
        match beneath(error) {
            Some(Error::InvalidCertificate(certificate)) => Self::certificate(certificate),
            Some(Error::AlertReceived(alert)) => Self::alert(*alert),
            Some(other) => Self::protocol(other),
            None => Self {
                fault: Fault::Protocol,
                what: format!("the connection ended in the handshake ({error})"),
                hint: Some("does the server speak TLS on this port?".to_owned()),
            },
        }
    }

    /// A host that no certificate can name.
    pub(super) fn no_name(host: &str) -> Self {
        Self {
            fault: Fault::Certificate,
            what: format!("`{host}` is no name that a certificate can carry"),
            hint: Some("give the name of its certificate as `tls.server_name`".to_owned()),
        }
    }

    fn certificate(error: &CertificateError) -> Self {
        let (what, hint) = match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                ("its certificate has expired".to_owned(), Some("renew it on the server".to_owned()))
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                let hint = "compare the clocks of both machines";
                ("its certificate is not valid yet".to_owned(), Some(hint.to_owned()))
            }
            CertificateError::UnknownIssuer => {
                let hint = "name the file with the issuer's certificate as `tls.ca_file`";
                ("its certificate is from an unknown issuer".to_owned(), Some(hint.to_owned()))
            }
            CertificateError::NotValidForNameContext { expected, presented } => {
                let expected = expected.to_str();
                // webpki prints them as it would in its own code: DnsName("a.example").
                let what = format!("its certificate is not for `{expected}`, only for {}", presented.join(", "));
                (what, Some("give a name that it is for as `tls.server_name`".to_owned()))
            }
            CertificateError::NotValidForName => {
                let hint = "give a name that it is for as `tls.server_name`";
                ("its certificate is for another name".to_owned(), Some(hint.to_owned()))
            }
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                let hint = "if it is self-signed, make one that is not marked as an authority (CA:FALSE)";
                ("its certificate is that of an authority, not of a server".to_owned(), Some(hint.to_owned()))
            }
            other => (format!("its certificate can't be accepted ({other})"), None),
        };
        Self { fault: Fault::Certificate, what, hint }
    }

    pub(super) fn alert(alert: AlertDescription) -> Self {
        let hint = match alert {
            AlertDescription::CertificateRequired => Some("it wants a certificate: `tls.certificate` and `tls.key`"),
            AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => {
                Some("it may want a certificate (another one): `tls.certificate` and `tls.key`")
            }
            AlertDescription::ProtocolVersion => Some("TLS 1.2 and 1.3 are spoken; does it speak older ones only?"),
            AlertDescription::UnrecognisedName => {
                Some("it doesn't know the name that it is asked by: `tls.server_name`")
            }
            AlertDescription::NoApplicationProtocol => Some("set `protocol` to what it speaks"),
            _ => None,
        };
        let hint = hint.map(ToOwned::to_owned);
        Self { fault: Fault::Alert, what: format!("the server refused with the alert {alert:?}"), hint }
    }

    fn protocol(error: &Error) -> Self {
        let hint = match error {
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                Some("it doesn't seem to speak TLS on this port: \"http://…\", or another port")
            }
            Error::PeerIncompatible(_) => Some("TLS 1.2 and 1.3 are spoken; does it speak older ones only?"),
            _ => None,
        };
        Self { fault: Fault::Protocol, what: error.to_string(), hint: hint.map(ToOwned::to_owned) }
    }

    /// As what a request without a connection fails.
    pub(super) const fn kind(&self) -> OriginErrorKind {
        match self.fault {
            Fault::Certificate => OriginErrorKind::Certificate,
            Fault::Protocol => OriginErrorKind::Tls,
            Fault::Alert => OriginErrorKind::TlsAlert,
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl StdError for TlsFailure {}

/// The error of TLS that one of a socket carries, if it does.
fn beneath(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|carried| carried.downcast_ref())
}

/// The alert that an error stands for, if it does.
pub(super) fn alert_of(error: &io::Error) -> Option<AlertDescription> {
    match beneath(error) {
        Some(Error::AlertReceived(alert)) => Some(*alert),
        _ => None,
    }
}
