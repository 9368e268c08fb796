//! Requests that pass the cache by because of what they carry: a session's cookie, a credential, a preview parameter.

use super::key_recipe::decoded_name;
use crate::semantics::reason::Reason;
use globset::GlobSet;
use http::HeaderMap;
use http::header::COOKIE;

/// Names, as globs, of what makes a request pass the cache by.
#[derive(Debug, Clone)]
pub struct BypassRule {
    /// Cookies.
    pub cookies: GlobSet,
    /// Request headers, without regard to case.
    pub headers: GlobSet,
    /// Query parameters, by their decoded names.
    pub query: GlobSet,
}

impl BypassRule {
    /// Why a request with this query and these headers passes the cache by, if it does.
    #[must_use]
    pub fn applies(&self, query: Option<&str>, headers: &HeaderMap) -> Option<Reason> {
        if !self.headers.is_empty() && headers.keys().any(|name| self.headers.is_match(name.as_str())) {
            return Some(Reason::BypassHeader);
        }
        if !self.cookies.is_empty() && cookie_names(headers).any(|name| self.cookies.is_match(&*name)) {
            return Some(Reason::BypassCookie);
        }
        if !self.query.is_empty() && parameters(query).any(|name| self.query.is_match(name)) {
            return Some(Reason::BypassQuery);
        }
        None
    }
}

/// What stands in front of each `=` of the Cookie lines; the whole where there is none, since readers differ on that.
fn cookie_names(headers: &HeaderMap) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.map(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        String::from_utf8_lossy(name.trim_ascii())
    })
}

/// The decoded names of a query's parameters. Some origins part parameters by `;` too.
fn parameters(query: Option<&str>) -> impl Iterator<Item = String> {
    let parameters = query.unwrap_or_default().split(['&', ';']).filter(|parameter| !parameter.is_empty());
    parameters.map(decoded_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use globset::{Glob, GlobBuilder, GlobSetBuilder};
    use http::{HeaderName, HeaderValue};

    fn rule() -> BypassRule {
        let one = |glob: Glob| GlobSetBuilder::new().add(glob).build().unwrap();
        BypassRule {
            cookies: one(Glob::new("wp_logged_in_*").unwrap()),
            headers: one(GlobBuilder::new("X-Preview*").case_insensitive(true).build().unwrap()),
            query: one(Glob::new("preview").unwrap()),
        }
    }

    #[test]
    fn a_request_that_carries_one_passes_by_however_it_is_written() {
        let check = |query: Option<&str>, lines: &[(&'static str, &'static [u8])], expected: Option<Reason>| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
            }
            assert_eq!(rule().applies(query, &headers), expected, "{query:?} {lines:?}");
        };
        let cookie = Some(Reason::BypassCookie);
        check(None, &[("cookie", b"wp_logged_in_9f=1")], cookie);
        check(None, &[("cookie", b"a=1;wp_logged_in_=")], cookie);
        check(None, &[("cookie", b"a=1"), ("cookie", b"b=2; wp_logged_in_x=y=z")], cookie);
        check(None, &[("cookie", b"\xff=1; wp_logged_in_x")], cookie);
        check(None, &[("cookie", b"a=wp_logged_in_x; xwp_logged_in_=1; WP_logged_in_x=1")], None);
        check(None, &[("x-preview-of", b"")], Some(Reason::BypassHeader));
        check(None, &[("x-previous", b"1")], None);
        for query in ["preview", "preview=", "a=1&preview=0", "a=1;preview", "pre%76iew=1", "&&preview=1"] {
            check(Some(query), &[], Some(Reason::BypassQuery));
        }
        for query in ["", "a=preview", "previews=1", "Preview=1"] {
            check(Some(query), &[], None);
        }
    }
}
