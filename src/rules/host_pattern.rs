//! Host patterns: `shop.example.com`, `*.example.com`, with or without a port.

/// A host pattern, compared without regard to case. `*` stands for any characters, dots included. Without a port it
/// matches every port; a scheme's default port matches an authority that leaves it out.
#[derive(Debug, Clone)]
pub struct HostPattern {
    source: String,
    host: String,
    port: Option<u16>,
}

/// Why a text is no host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// It is empty.
    #[error("a host pattern cannot be empty")]
    Empty,
    /// It holds a character that no host has.
    #[error("a host cannot hold `{0}`")]
    Character(char),
    /// What follows the colon is no port.
    #[error("`{0}` is not a port")]
    Port(String),
}

impl HostPatternError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("leave `host` out to match every host"),
            Self::Character('/') => Some("write the host alone, without scheme and path"),
            Self::Character(c) if !c.is_ascii() => Some("write an international name in its `xn--` form"),
            Self::Character(_) => None,
            Self::Port(_) => Some("a port is a number from 1 to 65535; without one every port matches"),
        }
    }
}

impl HostPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Where the text is no host pattern.
    pub fn parse(source: &str) -> Result<Self, HostPatternError> {
        let is_literal_address = source.ends_with(']');
        let (host, port) = match source.rsplit_once(':') {
            Some((host, port)) if !is_literal_address => match port.parse() {
                Ok(number) if number > 0 => (host, Some(number)),
                _ if port.contains('/') => return Err(HostPatternError::Character('/')),
                _ => return Err(HostPatternError::Port(port.to_owned())),
            },
            _ => (source, None),
        };
        if host.is_empty() {
            return Err(HostPatternError::Empty);
        }
        let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '*');
        let inner = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        let stray = match inner {
            Some(address) => address.chars().find(|c| !is_fit(*c) && *c != ':'),
            None => host.chars().find(|c| !is_fit(*c)),
        };
        match stray {
            Some(character) => Err(HostPatternError::Character(character)),
            None => Ok(Self { source: source.to_owned(), host: host.to_ascii_lowercase(), port }),
        }
    }

    /// The pattern as the operator wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The host in lower case, without port.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> Option<u16> {
        self.port
    }

    /// A regular expression for scheme and authority, `http://host:port`, in the form of
    /// [`crate::semantics::target::Target`]: lower case, the scheme's default port left out.
    pub(super) fn regex(&self) -> String {
        let host = regex::escape(&self.host).replace(r"\*", "[^/]*");
        match self.port {
            None => format!("https?://{host}(?::[0-9]+)?"),
            Some(80) => format!("(?:http://{host}|https://{host}:80)"),
            Some(443) => format!("(?:https://{host}|http://{host}:443)"),
            Some(port) => format!("https?://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_documented() {
        let cases: [(&str, &[&str], &[&str]); 6] = [
            (
                "Shop.example.com",
                &["http://shop.example.com", "https://shop.example.com:8443"],
                &["http://xshop.example.com", "http://shop.example.com.evil", "http://shopxexample.com"],
            ),
            ("*.example.com", &["http://a.example.com", "http://a.b.example.com:1"], &["http://example.com"]),
            ("shop:8080", &["http://shop:8080"], &["http://shop", "http://shop:80801"]),
            ("shop:80", &["http://shop", "https://shop:80"], &["https://shop", "http://shop:8080"]),
            ("shop:443", &["https://shop", "http://shop:443"], &["http://shop"]),
            ("[::1]", &["http://[::1]", "http://[::1]:8080"], &["http://[::2]"]),
        ];
        for (pattern, matching, other) in cases {
            let regex = format!(r"\A{}\z", HostPattern::parse(pattern).unwrap().regex());
            let regex = regex::Regex::new(&regex).unwrap();
            for authority in matching {
                assert!(regex.is_match(authority), "{pattern} must match {authority}");
            }
            for authority in other {
                assert!(!regex.is_match(authority), "{pattern} must not match {authority}");
            }
        }
    }

    #[test]
    fn what_is_no_host_is_refused_with_its_reason() {
        for (text, expected) in [
            ("", HostPatternError::Empty),
            (":80", HostPatternError::Empty),
            ("a b", HostPatternError::Character(' ')),
            ("http://shop", HostPatternError::Character('/')),
            ("shop/", HostPatternError::Character('/')),
            ("caf\u{e9}.example", HostPatternError::Character('\u{e9}')),
            ("shop:0", HostPatternError::Port("0".into())),
            ("shop:99999", HostPatternError::Port("99999".into())),
            ("shop:", HostPatternError::Port(String::new())),
        ] {
            assert_eq!(HostPattern::parse(text).unwrap_err(), expected, "{text}");
        }
    }
}
