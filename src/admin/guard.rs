//! Who may call: token or session, Host, origin, content type. Judged before anything of a call is read.
//!
//! The token keeps strangers out; a browser that has logged in shows its session instead. The content type keeps out forms
//! of foreign pages: a browser asks first before it sends JSON elsewhere, and is not answered. The Host keeps out foreign
//! names made to resolve to this listener. What a browser sends of itself, its cookie and forms, must come from a page of
//! this listener where it changes something.

use super::callers::{Caller, Callers};
use super::calls::{Access, Call, Effect};
use super::newcomers::Ends;
use super::problem::Problem;
use super::sessions::{Channel, Sessions};
use crate::config::AdminOptions;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How a browser says where a request comes from, where it sends no `Origin`.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who was let in, and by what.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    /// Who.
    pub(super) caller: Arc<Caller>,
    /// By what.
    pub(super) by: By,
}

/// By what a call was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Nothing is wanted: an open call, or no token is set.
    Nothing,
    /// A token.
    Token,
    /// The cookie of a session.
    Session,
    /// The address that it comes from.
    Address,
}

impl Admitted {
    /// The name of who was let in.
    pub(super) fn who(&self) -> &str {
        self.caller.name()
    }
}

/// Where Fastly's clients put their token.
const FASTLY_KEY: HeaderName = HeaderName::from_static("fastly-key");

/// The checks before each call.
#[derive(Debug)]
pub(super) struct Guard {
    callers: Callers,
    hosts: Vec<String>,
    listen: IpAddr,
    purge_from: Vec<IpNet>,
    sessions: Sessions,
}

impl Guard {
    pub(super) fn new(options: &AdminOptions) -> Self {
        Self {
            callers: Callers::new(options),
            hosts: options.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            listen: options.listen.ip(),
            purge_from: options.purge_from.clone(),
            sessions: Sessions::over(if options.tls.is_some() { Channel::Secure } else { Channel::Any }),
        }
    }

    /// Judges a call, or (`None`) a request for something that is no call. `local` is the address at which the
    /// connection was accepted, `now` the monotonic clock's time.
    pub(super) fn check(
        &self,
        call: Option<Call>,
        headers: &HeaderMap,
        local: Option<IpAddr>,
        now: Duration,
    ) -> Result<Admitted, Problem> {
        let effect = call.map_or(Effect::Reads, Call::effect);
        let admitted = match call.map_or(Access::Token, Call::access) {
            Access::Open | Access::Signed => return Ok(self.freely()),
            Access::LogIn => self.freely(),
            Access::Token => self.check_credentials(headers, now)?,
        };
        self.check_host(headers, local)?;
        if effect == Effect::LogsIn || (effect != Effect::Reads && admitted.by == By::Session) {
            check_origin(headers)?;
        }
        check_content_type(effect, headers)?;
        Ok(admitted)
    }

    /// Judges a call that another cache's client makes: it comes with the shop's Host. From a page that a browser shows nobody
    /// makes such a call.
    pub(super) fn check_foreign(&self, headers: &HeaderMap, ends: &Ends, now: Duration) -> Result<Admitted, Problem> {
        if headers.contains_key(ORIGIN) || headers.contains_key(FETCH_SITE) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "this call is not one for pages of a browser"));
        }
        let given = single(headers, &FASTLY_KEY).or_else(|| single(headers, &AUTHORIZATION).and_then(bearer));
        if let Some(caller) = given.and_then(|token| self.callers.caller(token, now)) {
            return Ok(Admitted { caller, by: By::Token });
        }
        let client = ends.client.to_canonical();
        if self.purge_from.iter().any(|network| network.contains(&client)) {
            return Ok(Admitted { caller: self.callers.of_address(), by: By::Address });
        }
        if self.callers.want_token() {
            let hint =
                "send `Fastly-Key: TOKEN` or `Authorization: Bearer TOKEN`, or name the address in [admin] purge_from";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "this call wants a token that is set").hint(hint));
        }
        self.check_host(headers, ends.local)?;
        Ok(self.freely())
    }

    /// The names that this listener is called by besides its address.
    pub(super) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Whether a token is set.
    pub(super) const fn wants_token(&self) -> bool {
        self.callers.want_token()
    }

    /// Opens a session for who has a token: the `Set-Cookie` of it.
    pub(super) fn log_in(&self, token: &[u8], now: Duration) -> Option<HeaderValue> {
        self.callers.caller(token, now).map(|_| self.sessions.open(token, now))
    }

    /// Ends the session of a request: the `Set-Cookie` that makes the browser forget it.
    pub(super) fn log_out(&self, headers: &HeaderMap) -> HeaderValue {
        self.sessions.end(headers)
    }

    fn freely(&self) -> Admitted {
        Admitted { caller: self.callers.anyone(), by: By::Nothing }
    }

    fn check_credentials(&self, headers: &HeaderMap, now: Duration) -> Result<Admitted, Problem> {
        if !self.callers.want_token() {
            return Ok(self.freely());
        }
        // A session ends with the token that it was opened by.
        let of_session = || self.sessions.token_of(headers, now).and_then(|token| self.callers.caller_of(token, now));
        if !headers.contains_key(AUTHORIZATION)
            && let Some(caller) = of_session()
        {
            return Ok(Admitted { caller, by: By::Session });
        }
        let refuse = |detail| Problem::new(StatusCode::UNAUTHORIZED, detail);
        let Some(given) = single(headers, &AUTHORIZATION).and_then(bearer) else {
            let hint = "send `Authorization: Bearer TOKEN` with the token of [admin] token_file, or log in at /";
            return Err(refuse("this call wants a bearer token").hint(hint));
        };
        let caller = self.callers.caller(given, now).ok_or_else(|| refuse("the bearer token is none that is set"))?;
        Ok(Admitted { caller, by: By::Token })
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

/// What a browser sends must come from a page of the listener that it is sent to.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let is_same = match single(headers, &ORIGIN).and_then(|origin| std::str::from_utf8(origin).ok()) {
        Some(origin) => origin.split_once("://").is_some_and(|(_, authority)| {
            single(headers, &HOST).is_some_and(|host| host.eq_ignore_ascii_case(authority.as_bytes()))
        }),
        None => !headers.contains_key(ORIGIN) && single(headers, &FETCH_SITE) == Some(b"same-origin"),
    };
    if is_same {
        return Ok(());
    }
    let detail = "with a session or a form, this call must come from a page of this listener";
    Err(Problem::new(StatusCode::FORBIDDEN, detail).hint("scripts send `Authorization: Bearer TOKEN`"))
}

fn check_content_type(effect: Effect, headers: &HeaderMap) -> Result<(), Problem> {
    let wanted: &[&str] = match effect {
        Effect::Reads | Effect::Tells => return Ok(()),
        Effect::Judges => &["application/toml", "application/json"],
        Effect::Changes => &["application/json"],
        Effect::LogsIn => &["application/x-www-form-urlencoded"],
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
