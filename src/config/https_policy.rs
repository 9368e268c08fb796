//! `listen.redirect_https` and `listen.hsts`: who is redirected to TLS, and who is asked to stay there.

use super::raw_listen::{FlagOrPort, OneOrMore, RawListen};
use super::resolve::Resolver;
use super::table::Placed;
use crate::proxy::https_policy::{HttpsPolicy, RedirectPort};
use crate::semantics::trust::Trust;
use http::HeaderValue;
use http::uri::Scheme;
use std::collections::HashSet;

impl Resolver<'_> {
    pub(super) fn https_policy(&mut self, raw: &RawListen, trust: &Trust) -> HttpsPolicy {
        let redirect = raw.redirect_https.as_ref().and_then(|written| self.redirect_port(written, raw));
        let hsts = raw.hsts.as_ref().and_then(|written| self.hsts(written));
        let is_spoken = raw.https.is_some() || !trust.proxies.is_empty() || trust.scheme == Scheme::HTTPS;
        if let Some(written) = raw.hsts.as_ref().filter(|_| !is_spoken) {
            let hint = "set `https`, or where TLS ends in front: trusted_proxies, or scheme = \"https\"";
            self.problems.error(&written.place, "no answer goes over https, so none would say this", Some(hint));
        }
        HttpsPolicy { redirect, hsts, alt_svc: self.alt_svc(raw) }
    }

    fn redirect_port(&mut self, written: &Placed<FlagOrPort>, raw: &RawListen) -> Option<RedirectPort> {
        match written.value {
            FlagOrPort::Flag(false) => None,
            FlagOrPort::Port(port) => Some(RedirectPort::Number(port)),
            FlagOrPort::Flag(true) => {
                let address = raw.https.as_ref().and_then(|https| https.value.address.as_ref());
                let has_port = |addresses: &OneOrMore| addresses.0.iter().any(|one| !one.value.starts_with("unix:"));
                if address.is_none_or(|address| !has_port(&address.value)) {
                    let hint = "name the port that clients reach over https: redirect_https = 443";
                    self.problems.error(&written.place, "there is no port of `https` to send clients to", Some(hint));
                }
                Some(RedirectPort::OfListener)
            }
        }
    }

    /// RFC 6797 section 6.1.
    fn hsts(&mut self, written: &Placed<String>) -> Option<HeaderValue> {
        let value = HeaderValue::from_str(&written.value).ok().filter(|_| is_policy(&written.value));
        if value.is_none() {
            let hint =
                "write directives with semicolons between, max-age among them: \"max-age=63072000; includeSubDomains\"";
            let message = format!("`{}` is no value of Strict-Transport-Security", written.value);
            self.problems.error(&written.place, message, Some(hint));
        }
        value
    }
}

/// Whether a text is directives of which none is said twice and one is `max-age`, in seconds.
fn is_policy(text: &str) -> bool {
    let mut seen = HashSet::new();
    let mut has_age = false;
    for directive in text.split(';').map(str::trim).filter(|directive| !directive.is_empty()) {
        let (name, value) = match directive.split_once('=') {
            Some((name, value)) => (name.trim().to_ascii_lowercase(), Some(value.trim())),
            None => (directive.to_ascii_lowercase(), None),
        };
        let is_word =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_seconds = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let bare = |value: &str| {
            let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            inner.unwrap_or(value).to_owned()
        };
        let is_known = match (name.as_str(), value.map(bare)) {
            ("max-age", seconds) => {
                has_age = seconds.is_some_and(|seconds| is_seconds(&seconds));
                has_age
            }
            ("includesubdomains" | "preload", value) => value.is_none(),
            (_, value) => value.is_none_or(|value| is_word(&value)),
        };
        if !is_known || !is_word(&name) || !seen.insert(name) {
            return false;
        }
    }
    has_age
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_6797_6_1_a_policy_has_one_max_age() {
        for (text, expected) in [
            ("max-age=31536000", true),
            ("max-age=\"31536000\"; includeSubDomains; preload", true),
            ("includeSubDomains; MAX-AGE=0;", true),
            ("", false),
            ("includeSubDomains", false),
            ("max-age", false),
            ("max-age=1y", false),
            ("max-age=1; max-age=2", false),
            ("max-age=1; includeSubDomains=1", false),
            ("max-age=1, includeSubDomains", false),
            ("max-age=1\r\nX: y", false),
        ] {
            assert_eq!(is_policy(text), expected, "{text}");
        }
    }
}
