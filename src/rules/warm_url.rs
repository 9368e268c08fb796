//! The URLs of a list: absolute, or paths under a host that is named beside.

use super::url_scopes::absolute;
use http::Uri;

/// The longest URL that is warmed, in bytes.
pub(crate) const URL_BYTES_MAX: usize = 8 * 1024;

/// Scheme and authority, for paths.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Base(String);

/// Why a text is no URL to warm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlProblem {
    #[error("it is longer than {URL_BYTES_MAX} bytes")]
    TooLong,
    #[error("it is no URL that a client could ask for")]
    NoUrl,
    #[error("it names no host, and none is named beside")]
    NoHost,
}

impl UrlProblem {
    /// How to mend it.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::TooLong => "leave it out",
            Self::NoUrl => "write http://shop.example.com/path, or /path with a host beside, percent-encoded",
            Self::NoHost => "write http://shop.example.com/path, name a `host`, or set `listen.default_host`",
        }
    }
}

impl Base {
    /// Reads `shop.example.com`, `shop.example.com:8080` or `https://shop.example.com`.
    ///
    /// # Errors
    /// Where it is something else, or more.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlProblem> {
        let base = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let base = base.strip_suffix('/').unwrap_or(&base);
        let has_path = base.split_once("://").is_none_or(|(_, rest)| rest.contains(['/', '?', '#', '@']));
        if has_path || absolute(base).is_err() {
            return Err(UrlProblem::NoUrl);
        }
        Ok(Self(base.to_owned()))
    }
}

/// Reads one URL: absolute, or a path under `base`.
///
/// # Errors
/// Where it is neither.
pub(crate) fn url(text: &str, base: Option<&Base>) -> Result<Uri, UrlProblem> {
    if text.len() > URL_BYTES_MAX {
        return Err(UrlProblem::TooLong);
    }
    // What comes after a # is the browser's own.
    let text = text.split('#').next().unwrap_or_default();
    let parsed = match (text.starts_with('/'), base) {
        (true, Some(Base(base))) => absolute(&format!("{base}{text}")),
        (true, None) => return Err(UrlProblem::NoHost),
        (false, _) => absolute(text),
    };
    let names_a_user = |url: &Uri| url.authority().is_some_and(|authority| authority.as_str().contains('@'));
    parsed.ok().filter(|url| !names_a_user(url)).ok_or(UrlProblem::NoUrl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_absolute_or_a_path_under_the_host() {
        let base = Base::parse("shop.example.com").unwrap();
        for (text, expected) in [
            ("/p?q=1#top", Ok("http://shop.example.com/p?q=1")),
            ("http://other/p", Ok("http://other/p")),
            ("https://other:8443/p", Ok("https://other:8443/p")),
            ("p", Err(UrlProblem::NoUrl)),
            ("", Err(UrlProblem::NoUrl)),
            ("ftp://other/p", Err(UrlProblem::NoUrl)),
            ("/with space", Err(UrlProblem::NoUrl)),
            ("http://user@shop/p", Err(UrlProblem::NoUrl)),
        ] {
            assert_eq!(url(text, Some(&base)).map(|url| url.to_string()), expected.map(str::to_owned), "{text:?}");
        }
        assert_eq!(url("/p", None), Err(UrlProblem::NoHost));
        assert_eq!(url(&format!("/{}", "x".repeat(URL_BYTES_MAX)), Some(&base)), Err(UrlProblem::TooLong));
    }

    #[test]
    fn a_host_may_have_a_scheme_and_a_port_and_nothing_else() {
        for (text, expected) in [
            ("shop", Some("http://shop")),
            ("shop:8080", Some("http://shop:8080")),
            ("https://shop/", Some("https://shop")),
            ("[::1]:80", Some("http://[::1]:80")),
            ("", None),
            ("shop/p", None),
            ("shop?q", None),
            ("a@shop", None),
            ("https://", None),
            ("two hosts", None),
        ] {
            let read = Base::parse(text).ok();
            assert_eq!(read, expected.map(|base| Base(base.to_owned())), "{text:?}");
        }
    }
}
