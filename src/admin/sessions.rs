//! Sessions of browsers that have logged in with the token: a random id in a cookie, its hash and end in bounded memory.
//!
//! The cookie holds nothing but the id. It is `HttpOnly` (no script reads it) and `SameSite=Strict` (no foreign page sends
//! it), and ends after [`LIFETIME`], at log-out, or with the process.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The name of the cookie.
const NAME: &str = "larder_session";

/// How long a session lasts.
const LIFETIME: Duration = Duration::from_hours(12);

/// So many sessions are open at once; a further one ends the oldest.
const SESSIONS_MAX: usize = 64;

/// The sessions that are open. Times are of the monotonic clock.
#[derive(Debug)]
pub(super) struct Sessions {
    channel: Channel,
    open: Mutex<VecDeque<Session>>,
}

/// Over what browsers send the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// Whatever the listener speaks.
    Any,
    /// TLS alone: the listener speaks nothing else, and cookies know no ports.
    Secure,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    id: blake3::Hash,
    /// That of the token that opened it.
    token: blake3::Hash,
    ends: Duration,
}

impl Sessions {
    /// None is open.
    pub(super) fn over(channel: Channel) -> Self {
        Self { channel, open: Mutex::default() }
    }

    /// Opens a session for who has shown this token. Returns the `Set-Cookie` that hands it to the browser.
    pub(super) fn open(&self, token: &[u8], now: Duration) -> HeaderValue {
        let id = blake3::Hash::from_bytes(rand::random()).to_hex();
        let session = Session { id: blake3::hash(id.as_bytes()), token: blake3::hash(token), ends: now + LIFETIME };
        self.change(|open| {
            open.retain(|session| now < session.ends);
            open.truncate(SESSIONS_MAX - 1);
            open.push_front(session);
        });
        set_cookie(&id, LIFETIME, self.channel)
    }

    /// The hash of the token that opened the session of a request, if it has one.
    pub(super) fn token_of(&self, headers: &HeaderMap, now: Duration) -> Option<blake3::Hash> {
        let ids: Vec<_> = ids(headers).map(|id| blake3::hash(id.as_bytes())).collect();
        let is_open = |session: &&Session| ids.contains(&session.id) && now < session.ends;
        self.change(|open| open.iter().find(is_open).map(|session| session.token))
    }

    /// Ends the session of a request. Returns the `Set-Cookie` that makes the browser forget it.
    pub(super) fn end(&self, headers: &HeaderMap) -> HeaderValue {
        let ids: Vec<_> = ids(headers).map(|id| blake3::hash(id.as_bytes())).collect();
        self.change(|open| open.retain(|session| !ids.contains(&session.id)));
        set_cookie("", Duration::ZERO, self.channel)
    }

    fn change<T>(&self, change: impl FnOnce(&mut VecDeque<Session>) -> T) -> T {
        change(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Takes the session out of a request: no handler needs it, and none can show it.
pub(super) fn without_session(headers: &mut HeaderMap) {
    let kept: Vec<HeaderValue> = headers.get_all(COOKIE).iter().filter_map(others).collect();
    headers.remove(COOKIE);
    for line in kept {
        headers.append(COOKIE, line);
    }
}

/// A cookie line without the session; `None` if nothing is left of it.
fn others(line: &HeaderValue) -> Option<HeaderValue> {
    let is_other = |pair: &&[u8]| id_of(pair).is_none();
    let pairs: Vec<&[u8]> =
        line.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(is_other).collect();
    HeaderValue::from_bytes(&pairs.join(&b"; "[..])).ok().filter(|line| !line.is_empty())
}

fn ids(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| id_of(pair.trim_ascii()))
}

fn id_of(pair: &[u8]) -> Option<&str> {
    std::str::from_utf8(pair.strip_prefix(NAME.as_bytes())?.strip_prefix(b"=")?).ok()
}

fn set_cookie(id: &str, lifetime: Duration, channel: Channel) -> HeaderValue {
    let secure = if channel == Channel::Secure { "; Secure" } else { "" };
    let cookie = format!("{NAME}={id}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", lifetime.as_secs());
    HeaderValue::from_str(&cookie).expect("the id is hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    fn sent_back(set: &HeaderValue) -> HeaderMap {
        let pair = set.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&format!("theme=dark; {pair}")).unwrap())])
    }

    #[test]
    fn a_session_lasts_until_its_end_or_its_log_out() {
        let sessions = Sessions::over(Channel::Any);
        let (one, other) = (sent_back(&sessions.open(b"t", START)), sent_back(&sessions.open(b"t", START)));
        assert!(sessions.token_of(&one, START).is_some() && sessions.token_of(&other, START).is_some());
        sessions.end(&one);
        assert!(sessions.token_of(&one, START).is_none() && sessions.token_of(&other, START).is_some());
        assert!(sessions.token_of(&other, (START + LIFETIME).saturating_sub(Duration::from_secs(1))).is_some());
        assert!(sessions.token_of(&other, START + LIFETIME).is_none());
        assert!(sessions.token_of(&HeaderMap::new(), START).is_none());
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let sessions = Sessions::over(Channel::Any);
        let first = sent_back(&sessions.open(b"t", START));
        let others: Vec<_> = (0..SESSIONS_MAX).map(|_| sent_back(&sessions.open(b"t", START))).collect();
        assert!(sessions.token_of(&first, START).is_none());
        assert!(others.iter().all(|headers| sessions.token_of(headers, START).is_some()));
    }

    #[test]
    fn over_tls_the_cookie_is_sent_over_tls_alone() {
        for (channel, secure) in [(Channel::Any, false), (Channel::Secure, true)] {
            let sessions = Sessions::over(channel);
            for set in [sessions.open(b"t", START), sessions.end(&HeaderMap::new())] {
                assert_eq!(set.to_str().unwrap().contains("; Secure"), secure, "{set:?}");
            }
        }
    }

    #[test]
    fn only_the_session_is_taken_out_of_the_cookies() {
        for (given, expected) in [
            ("larder_session=ab", None),
            ("a=1;larder_session=ab; b=2", Some("a=1; b=2")),
            ("xlarder_session=ab", Some("xlarder_session=ab")),
        ] {
            let mut headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(given))]);
            without_session(&mut headers);
            assert_eq!(headers.get(COOKIE).map(|line| line.to_str().unwrap()), expected);
        }
    }
}
