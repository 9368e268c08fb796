//! The host and port of a target: RFC 3986 section 3.2, RFC 9110 section 4.2 and 7.2.

use std::net::Ipv6Addr;

/// A host as the client wrote it and a port, checked but not yet normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    /// A name of letters, digits, `-`, `.`, `_` and `~`, an IPv4 address, or an IPv6 address in brackets.
    host: &'a str,
    /// The port, where one is written.
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host [":" port]`. `None` if it holds user information (RFC 9110 section 4.2.4), a character that no
    /// name in the DNS has, an address that is none, or a port above 65535.
    ///
    /// RFC 3986 allows percent-encoding and sub-delimiters in a registered name; servers read those in different
    /// ways, so they are refused here.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = if text.starts_with('[') {
            let end = text.find(']')?;
            let (host, rest) = text.split_at(end + 1);
            host.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { "" } else { rest.strip_prefix(':')? })
        } else {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            let is_name_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
            if host.is_empty() || !host.bytes().all(is_name_byte) {
                return None;
            }
            (host, port)
        };
        if port.is_empty() {
            return Some(Self { host, port: None });
        }
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Self { host, port: Some(port.parse().ok()?) })
    }

    /// The length of the normal form in bytes, at most.
    pub(super) const fn len_max(&self) -> usize {
        self.host.len() + ":65535".len()
    }

    /// Appends the normal form (RFC 9110 section 4.2.3): the host in lower case, the scheme's default port dropped.
    pub(super) fn append_normalised(&self, scheme: &str, out: &mut String) {
        let start = out.len();
        out.push_str(self.host);
        if let Some(appended) = out.get_mut(start..) {
            appended.make_ascii_lowercase();
        }
        let default = if scheme == "https" { 443 } else { 80 };
        if let Some(port) = self.port.filter(|port| *port != default) {
            out.push(':');
            out.push_str(&port.to_string());
        }
    }
}

/// The normal form of a host with or without a port, under this scheme; `None` if the text is no such thing.
pub(crate) fn normalised_authority(text: &str, scheme: &str) -> Option<String> {
    let mut out = String::new();
    Authority::parse(text)?.append_normalised(scheme, &mut out);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scheme: &str, text: &str, expected: Option<&str>) {
        let normalised = Authority::parse(text).map(|authority| {
            let mut out = String::new();
            authority.append_normalised(scheme, &mut out);
            out
        });
        assert_eq!(normalised.as_deref(), expected, "{scheme} {text:?}");
    }

    #[test]
    fn rfc_9110_4_2_3_hosts_are_lower_case_and_default_ports_dropped() {
        for (scheme, text, expected) in [
            ("http", "shop.example.com", "shop.example.com"),
            ("http", "Shop.Example.COM", "shop.example.com"),
            ("http", "shop.example.com:80", "shop.example.com"),
            ("http", "shop.example.com:0080", "shop.example.com"),
            ("https", "shop.example.com:80", "shop.example.com:80"),
            ("https", "shop.example.com:443", "shop.example.com"),
            ("http", "shop.example.com:", "shop.example.com"),
            ("http", "127.0.0.1:8080", "127.0.0.1:8080"),
            ("http", "[2001:DB8::1]:8080", "[2001:db8::1]:8080"),
            ("http", "[::1]", "[::1]"),
            ("http", "[::1]:", "[::1]"),
        ] {
            check(scheme, text, Some(expected));
        }
    }

    #[test]
    fn what_is_no_single_host_is_refused() {
        for text in [
            "",
            ":80",
            "user@shop",
            "user:pw@shop",
            "a b",
            "a,b",
            "shop/",
            "shop?x",
            "shop:99999",
            "shop:+80",
            "shop:8:0",
            "shop:a",
            "[::1",
            "[::g]",
            "[v1.a]",
            "[::1]x",
            "[]",
            "%73hop",
            "shöp",
            "shop#f",
            "shop\\",
            "::1",
        ] {
            check("http", text, None);
        }
    }
}
