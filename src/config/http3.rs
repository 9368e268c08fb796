//! `listen.http3` and `listen.alt_svc`: HTTP/3, and how clients learn of it.

use super::raw_listen::{OneOrMore, RawListen};
use super::resolve::Resolver;
use super::table::Placed;
use crate::proxy::tls::TlsOptions;
use crate::proxy::{ListenAddress, ListenerOptions, ProxyProtocol, Speaks};
use http::HeaderValue;

impl Resolver<'_> {
    /// The listeners of `listen.http3`, beside one with this TLS.
    pub(super) fn http3(
        &mut self,
        written: &Placed<OneOrMore>,
        tls: Option<TlsOptions>,
        raw: &RawListen,
    ) -> Vec<ListenerOptions> {
        if cfg!(not(feature = "http3")) {
            let hint = "leave it out, or build Larder with it: cargo build --release --features http3";
            self.problems.error(&written.place, "this build of Larder does not speak HTTP/3", Some(hint));
            return Vec::new();
        }
        if raw.https.is_none() {
            let hint = "set `https` too: it has the certificates, and its answers announce HTTP/3";
            self.problems.error(
                &written.place,
                "HTTP/3 needs certificates, and there is no `listen.https`",
                Some(hint),
            );
        }
        if let Some(required) = raw.proxy_protocol.as_ref().filter(|it| it.value.0 == ProxyProtocol::Require) {
            let hint = "leave `http3` out: what stands in front passes TCP on";
            self.problems.error(
                &required.place,
                "HTTP/3 carries no PROXY protocol, so no client could connect",
                Some(hint),
            );
        }
        // Without them the listener that has them is in error already.
        let Some(tls) = tls else { return Vec::new() };
        let listeners = self.all_of(written, &Speaks::Http3(tls));
        if listeners.iter().any(|listener| matches!(listener.address, ListenAddress::Unix(_))) {
            let hint = "write an address and a port: http3 = \"0.0.0.0:8443\"";
            self.problems.error(&written.place, "HTTP/3 is not spoken on Unix sockets", Some(hint));
        }
        listeners
    }

    /// RFC 7838 section 3.
    pub(super) fn alt_svc(&mut self, raw: &RawListen) -> Option<HeaderValue> {
        let written = raw.alt_svc.as_ref()?;
        if raw.http3.is_none() {
            let hint = "set `http3` too; a rule's set_headers can announce what others offer";
            self.problems.error(&written.place, "there is no `listen.http3` that this could announce", Some(hint));
        }
        let value = HeaderValue::from_str(&written.value).ok().filter(|_| is_announcement(&written.value));
        if value.is_none() {
            let hint = "write where HTTP/3 is reached and for how long: \"h3=\\\":443\\\"; ma=86400\"";
            self.problems.error(&written.place, format!("`{}` is no value of Alt-Svc", written.value), Some(hint));
        }
        value
    }
}

/// Whether a text is `clear`, or alternatives with commas between: a protocol, and where it is spoken in quotes.
fn is_announcement(text: &str) -> bool {
    let is_alternative = |alternative: &str| {
        let place = alternative.trim().split(';').next().and_then(|first| first.trim().split_once('='));
        place.is_some_and(|(protocol, authority)| {
            let port =
                authority.strip_prefix('"').and_then(|it| it.strip_suffix('"')).and_then(|it| it.rsplit_once(':'));
            let is_token = protocol.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'%'));
            !protocol.is_empty() && is_token && port.is_some_and(|(_, port)| port.parse::<u16>().is_ok())
        })
    };
    text == "clear" || text.split(',').all(is_alternative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7838_3_an_announcement_names_protocols_and_places() {
        for (text, expected) in [
            ("h3=\":443\"", true),
            ("h3=\":443\"; ma=86400; persist=1", true),
            ("h3=\"alt.example:8443\"; ma=60, h3-29=\":443\"", true),
            ("clear", true),
            ("", false),
            ("h3", false),
            ("h3=443", false),
            ("h3=\":port\"", false),
            ("=\":443\"", false),
            ("h3=\":443\",", false),
        ] {
            assert_eq!(is_announcement(text), expected, "{text}");
        }
    }
}
