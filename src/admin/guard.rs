//! Who may call: token, Host, content type. Judged before anything of a call is read.
//!
//! The token keeps strangers out. The content type keeps out forms of foreign pages: a browser asks first before it
//! sends JSON elsewhere, and is not answered. The Host keeps out foreign names made to resolve to this listener. Where
//! no token is set the Host is asked of reading calls too, since nothing else protects them.

use super::AdminOptions;
use super::calls::{Access, Call, Effect};
use super::problem::Problem;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// The checks before each call.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Hashed, so that comparing takes the same time for texts of any length.
    token: Option<blake3::Hash>,
    hosts: Vec<String>,
    listen: IpAddr,
}

impl Guard {
    pub(super) fn new(options: &AdminOptions) -> Self {
        Self {
            token: options.token.as_deref().map(|token| blake3::hash(token.as_bytes())),
            hosts: options.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            listen: options.listen.ip(),
        }
    }

    /// Judges a call, or (`None`) a request for something that is no call. `local` is the address at which the
    /// connection was accepted.
    pub(super) fn check(&self, call: Option<Call>, headers: &HeaderMap, local: Option<IpAddr>) -> Result<(), Problem> {
        let access = call.map_or(Access::Token, Call::access);
        let effect = call.map_or(Effect::Reads, Call::effect);
        if access == Access::Open {
            return Ok(());
        }
        self.check_token(headers)?;
        if effect == Effect::Changes || self.token.is_none() {
            self.check_host(headers, local)?;
        }
        check_content_type(effect, headers)
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(expected) = &self.token else { return Ok(()) };
        let refuse = |detail| Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
        let Some(given) = single(headers, &AUTHORIZATION).and_then(bearer) else {
            return refuse("this call wants a bearer token").map_err(|problem| {
                problem.hint("send `Authorization: Bearer TOKEN` with the token of [admin] token_file")
            });
        };
        // Both sides are hashes of 32 bytes, so neither length nor content shows in the time taken.
        if bool::from(blake3::hash(given).as_bytes().ct_eq(expected.as_bytes())) {
            Ok(())
        } else {
            refuse("the bearer token is not the one that is set")
        }
    }

    fn check_host(&self, headers: &HeaderMap, local: Option<IpAddr>) -> Result<(), Problem> {
        let host = single(headers, &HOST).and_then(|value| std::str::from_utf8(value).ok()).and_then(host_of);
        if host.is_some_and(|host| self.is_ours(&host, local)) {
            return Ok(());
        }
        let detail = "the Host is not this listener's address, localhost or a loopback address";
        Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).hint("other names are allowed by [admin] hosts"))
    }

    fn is_ours(&self, host: &str, local: Option<IpAddr>) -> bool {
        if let Ok(address) = host.parse::<IpAddr>() {
            let address = address.to_canonical();
            return address.is_loopback()
                || address == self.listen.to_canonical()
                || local.is_some_and(|local| address == local.to_canonical())
                || self.hosts.iter().any(|allowed| allowed == host);
        }
        host == "localhost" || self.hosts.iter().any(|allowed| allowed == host)
    }
}

fn check_content_type(effect: Effect, headers: &HeaderMap) -> Result<(), Problem> {
    let wanted: &[&str] = match effect {
        Effect::Reads => return Ok(()),
        Effect::Judges => &["application/toml", "application/json"],
        Effect::Changes => &["application/json"],
    };
    let given = single(headers, &CONTENT_TYPE)
        .and_then(|value| std::str::from_utf8(value).ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    if given.is_some_and(|given| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(given))) {
        return Ok(());
    }
    let detail = format!("this call wants `Content-Type: {}`", wanted.join("` or `"));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// The value of a field that stands exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
}

/// The token of `Bearer TOKEN`, RFC 6750 section 2.1.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// The host of `host:port`, in lower case, without port and brackets.
fn host_of(value: &str) -> Option<String> {
    let authority: axum::http::uri::Authority = value.parse().ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some(bare.to_ascii_lowercase())
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
