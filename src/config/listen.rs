//! `[listen]`: who is believed about a request's way, and whom a request is for that does not say.

use super::raw_listen::{RawHttps, RawListen, WebScheme};
use super::resolve::Resolver;
use super::table::Placed;
use super::values::Texts;
use crate::proxy::ProxyProtocol;
use crate::proxy::entrance::Entrance;
use crate::semantics::credentials::carries_credentials;
use crate::semantics::target::Target;
use crate::semantics::trust::{Family, HostTrust, Trust};
use http::uri::Scheme;
use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use std::net::IpAddr;

impl Resolver<'_> {
    pub(super) fn entrance(&mut self, raw: &RawListen) -> Entrance {
        let proxies = raw.trusted_proxies.as_ref().map(|proxies| self.networks(&proxies.value)).unwrap_or_default();
        let host = match &raw.trust_host {
            Some(Placed { value: true, place }) => {
                if raw.trusted_proxies.as_ref().is_none_or(|proxies| proxies.value.is_empty()) {
                    let hint = "name the balancers in front: trusted_proxies = [\"10.0.0.0/8\"]";
                    self.problems.error(place, "there are no trusted proxies to take the host from", Some(hint));
                }
                HostTrust::Believed
            }
            _ => HostTrust::Ignored,
        };
        let trust = Trust {
            proxies,
            family: raw.forwarded.as_ref().map_or(Family::XForwarded, |family| family.value.0),
            host,
            scheme: match &raw.scheme {
                Some(Placed { value, .. }) if value.0 == WebScheme::Https => Scheme::HTTPS,
                _ => Scheme::HTTP,
            },
        };
        Entrance {
            default_host: raw.default_host.as_ref().and_then(|host| self.default_host(host)),
            proxy_protocol: self.proxy_protocol(raw, &trust),
            client_subject: raw.https.as_ref().and_then(|https| self.client_subject(&https.value)),
            https: self.https_policy(raw, &trust),
            trust,
        }
    }

    fn proxy_protocol(&mut self, raw: &RawListen, trust: &Trust) -> ProxyProtocol {
        let Some(written) = &raw.proxy_protocol else { return ProxyProtocol::Off };
        if written.value.0 == ProxyProtocol::Require && trust.proxies.is_empty() {
            let hint = "name the balancers in front: trusted_proxies = [\"10.0.0.0/8\"]";
            let message = "nobody is trusted to speak the PROXY protocol, so every connection would be closed";
            self.problems.error(&written.place, message, Some(hint));
        }
        written.value.0
    }

    /// A field that is known to carry credentials, so that everything that must not be shared is not.
    fn client_subject(&mut self, raw: &RawHttps) -> Option<HeaderName> {
        let written = raw.client_subject.as_ref()?;
        if raw.client_ca.is_none() {
            let hint = "name the authorities that vouch for clients: client_ca = \"tls/ca.pem\"";
            self.problems.error(&written.place, "clients are asked for no certificate", Some(hint));
        }
        let name = HeaderName::from_bytes(written.value.as_bytes()).ok();
        let name = name.filter(|name| carries_credentials(name) && *name != http::header::AUTHORIZATION);
        if name.is_none() {
            let hint = "write \"X-Client-Subject\", \"X-Client-DN\" or \"X-SSL-Client-S-DN\"";
            let message = format!("`{}` is not the name of a field that is known to name a client", written.value);
            self.problems.error(&written.place, message, Some(hint));
        }
        name
    }

    pub(super) fn networks(&mut self, written: &Texts) -> Vec<IpNet> {
        let mut networks = Vec::new();
        for text in written {
            match network(&text.value) {
                Ok(network) => networks.push(network),
                Err(hint) => {
                    self.problems.error(&text.place, format!("`{}` is not a network", text.value), Some(hint));
                }
            }
        }
        networks
    }

    fn default_host(&mut self, written: &Placed<String>) -> Option<HeaderValue> {
        let url = format!("http://{}/", written.value);
        let target = Target::parse_absolute(&url).ok().filter(|target| target.path_and_query() == "/");
        if target.is_none() {
            let hint = "write a host, with a port where it is not the usual one: \"shop.example.com\"";
            self.problems.error(&written.place, format!("`{}` is not a host", written.value), Some(hint));
        }
        target.map(|target| target.host_value())
    }
}

/// Reads a network or a single address, or says how it should look.
fn network(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => text
            .parse::<IpAddr>()
            .map(IpNet::from)
            .map_err(|_| "write an address or a network: \"10.1.2.3\", \"10.0.0.0/8\", \"2001:db8::/32\"".to_owned())?,
    };
    if network.trunc() != network {
        return Err(format!("the address has bits set beyond its prefix: write \"{}\"", network.trunc()));
    }
    // Clients over IPv4 are compared as such, however the socket shows them.
    match network {
        IpNet::V6(mapped) if mapped.addr().to_ipv4_mapped().is_some() => {
            Err("write IPv4 networks as such: \"10.0.0.0/8\"".to_owned())
        }
        other => Ok(other),
    }
}
