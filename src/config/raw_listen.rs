//! `[listen]`, raw. The documentation of each key is its description in the JSON Schema.

use super::table::{FromToml, Placed, Reader, raw_table};
use super::values::{Texts, words};
use crate::proxy::ProxyProtocol;
use crate::proxy::tls::MinVersion;
use crate::semantics::trust::Family;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use toml::Spanned;
use toml::de::DeValue;

raw_table! {
    /// Where clients connect.
    struct RawListen {
        /// Where HTTP/1.1, and HTTP/2 with prior knowledge, are spoken in clear text: an address and a port, a Unix socket
        /// ("unix:/run/larder.sock"), or a list of them. Port 0 picks a free one. Default: "127.0.0.1:8080" without
        /// `https`, else none.
        http: OneOrMore,
        /// Where they are spoken over TLS.
        https: RawHttps,
        /// Where HTTP/3 is spoken: a UDP address and port, or a list of them, with the certificates and the client_ca of
        /// `https`, which must be set. Answers over `https` announce it (Alt-Svc). Only in a build with the feature `http3`.
        /// Default: none.
        http3: OneOrMore,
        /// The value of Alt-Svc in answers over `https` and `http3`, in place of the upstream's: "h3=\":443\"; ma=86400" where
        /// clients reach another port than the listener's. Default with `http3`: its port, for a day; else the upstream's is
        /// passed on.
        alt_svc: String,
        /// The balancers and proxies in front, as addresses and networks: "10.0.0.0/8", "2001:db8::/32", "10.1.2.3".
        /// They are trusted for a request's scheme, its client's address and its id; those fields from anyone else are
        /// removed and replaced. Default: none.
        trusted_proxies: Texts,
        /// The fields that the trusted proxies set: "x-forwarded" (X-Forwarded-For, -Proto, -Host) or "forwarded" (RFC
        /// 7239). Those of the other family are removed. Default: "x-forwarded".
        forwarded: FamilyWord,
        /// Whether the host that trusted proxies name there replaces Host. Default: false.
        trust_host: bool,
        /// The scheme of a request if no trusted proxy gives one; set "https" behind a TLS terminator that does not.
        /// Default: "http".
        scheme: SchemeWord,
        /// Whether each connection begins with the PROXY protocol, version 1 or 2: "off" or "require". It is taken from
        /// `trusted_proxies` only; every other connection is closed. Default: "off".
        proxy_protocol: ProxyProtocolWord,
        /// Whether clients in clear text are sent to https by a 308: true, or the port that they are sent to where that is
        /// not the port of `https` (443 for a port that is mapped elsewhere). A request that a trusted proxy says came over
        /// https is answered, and so is what ACME asks for at /.well-known/acme-challenge/. Default: false.
        redirect_https: FlagOrPort,
        /// The value of Strict-Transport-Security in every answer over https, in place of the upstream's:
        /// "max-age=63072000; includeSubDomains". Not set: the upstream's is passed on.
        hsts: String,
        /// The host of an HTTP/1.0 request without Host. Not set: such a request is answered 400.
        default_host: String,
        /// A Unix socket at which `larder serve --takeover` asks this process for its listening sockets, to take its place.
        /// Only processes of the same user are answered. A relative path is relative to this file's folder. Default:
        /// `takeover.sock` in the folder that systemd names in RUNTIME_DIRECTORY; not set if there is no such folder.
        takeover: String,
    }
}

raw_table! {
    /// A listener that speaks TLS 1.2 and 1.3, with HTTP/2 and HTTP/1.1 by ALPN.
    struct RawHttps {
        /// Address and port, or a list of them. Port 0 picks a free one.
        #[schemars(required)]
        address: OneOrMore,
        /// The certificate, with those of its issuers behind it: a PEM file. It is the default: clients that ask for no
        /// host, or for one that none of the certificates is for, are shown it.
        certificate: String,
        /// Its private key: a PEM file. Default: the file of the certificate.
        key: String,
        /// Further certificates, each for the hosts that it names. Without `certificate`, the first of them is the
        /// default. The files are watched: a renewed certificate is used for new connections.
        certificates: Vec<Placed<RawCertificate>>,
        /// The oldest version of TLS that is spoken: "1.2" or "1.3". Default: "1.2".
        min_version: VersionWord,
        /// Authorities, a PEM file: clients must show a certificate of one of them. Their sessions are not resumed, and a
        /// request for another host than the connection's is answered 421. Not set: clients need no certificate.
        client_ca: String,
        /// The request field that carries the subject of the client's certificate to the upstream (RFC 4514):
        /// "X-Client-Subject", "X-SSL-Client-S-DN". It counts as credentials, so what is fetched for one client is not
        /// shared with others unless the rule keys on it. What clients send under this name is removed. Not set: the
        /// upstream does not get it.
        client_subject: String,
    }
}

raw_table! {
    /// A certificate and its key.
    struct RawCertificate {
        /// The certificate, with those of its issuers behind it: a PEM file.
        #[schemars(required)]
        certificate: String,
        /// Its private key: a PEM file. Default: the file of the certificate.
        key: String,
    }
}

/// `true`, `false` or a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlagOrPort {
    Flag(bool),
    Port(u16),
}

impl FromToml for FlagOrPort {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        if let Some(flag) = value.get_ref().as_bool() {
            return Some(Self::Flag(flag));
        }
        if !value.get_ref().is_integer() {
            reader.wrong_type(value, "true, false or a port", Some("true sends to the port of `https`".to_owned()));
            return None;
        }
        let port = u64::from_toml(value, reader)?;
        let read = u16::try_from(port).ok().filter(|port| *port != 0);
        if read.is_none() {
            reader.error(value, format!("`{port}` is not a port"), Some("ports go from 1 to 65535".to_owned()));
        }
        read.map(Self::Port)
    }
}

impl JsonSchema for FlagOrPort {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FlagOrPort".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "integer"], "minimum": 1, "maximum": 65_535 })
    }
}

/// One text, or a list of them.
#[derive(Debug, Default)]
pub(super) struct OneOrMore(pub(super) Texts);

impl FromToml for OneOrMore {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        if value.get_ref().is_array() {
            return Texts::from_toml(value, reader).map(Self);
        }
        Some(Self(vec![reader.value::<String>(value)?]))
    }
}

impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array"], "items": { "type": "string" }, "minItems": 1 })
    }
}

words! {
    /// `listen.forwarded`
    enum FamilyWord => Family {
        x_forwarded as "x-forwarded" = Family::XForwarded,
        forwarded = Family::Forwarded,
    }
}

/// `listen.scheme`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WebScheme {
    /// In clear text all the way from the client.
    Http,
    /// Through a terminator of TLS.
    Https,
}

words! {
    /// `listen.scheme`
    enum SchemeWord => WebScheme {
        http = WebScheme::Http,
        https = WebScheme::Https,
    }
}

words! {
    /// `listen.proxy_protocol`
    enum ProxyProtocolWord => ProxyProtocol {
        off = ProxyProtocol::Off,
        require = ProxyProtocol::Require,
    }
}

words! {
    /// `listen.https.min_version`
    enum VersionWord => MinVersion {
        tls12 as "1.2" = MinVersion::Tls12,
        tls13 as "1.3" = MinVersion::Tls13,
    }
}
