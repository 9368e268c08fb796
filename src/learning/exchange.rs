//! One answer as it is noted: what was asked, by whom, and a keyed digest of what came. Nothing of a body is kept, and of
//! values only hashes under a key that ends with the session.

use crate::semantics::cache_control::{Qualified, ResponseDirectives};
use crate::semantics::credentials::carries_credentials;
use crate::semantics::vary::{Vary, parse_vary};
use ahash::RandomState;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE,
};
use http::{HeaderMap, HeaderName};
use std::time::Duration;

/// The most bytes of a path.
const PATH_BYTES_MAX: usize = 512;

/// The most bytes of a host.
const HOST_BYTES_MAX: usize = 256;

/// The most parameters of one query, and the most cookies and headers of one request that are noted.
const ITEMS_MAX: usize = 32;

/// The most bytes of the name of a parameter, a cookie or a header.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// A value of so many bytes without a space is taken for a token: it names a visitor, not a choice.
const TOKEN_BYTES: usize = 16;

/// Headers of requests that choose no answer: they belong to a connection, say how a request came, or which of its parts are
/// wanted. All others may.
const CHOOSING_NOTHING: [&str; 32] = [
    "accept-encoding",
    "cache-control",
    "cdn-loop",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "pragma",
    "priority",
    "range",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "via",
    "x-amzn-trace-id",
    "x-correlation-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];

/// Beginnings of such names.
const CHOOSING_NOTHING_BEGINNINGS: [&str; 4] = ["if-", "sec-fetch-", "sec-websocket-", "x-b3-"];

/// Fields of an answer that are part of what it says.
const SAYING: [HeaderName; 5] =
    [CONTENT_TYPE, LOCATION, CONTENT_LANGUAGE, CONTENT_DISPOSITION, ACCESS_CONTROL_ALLOW_ORIGIN];

/// Something of a request besides its URL that an answer may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Factor {
    Cookie(Box<str>),
    Header(Box<str>),
}

impl Factor {
    /// Whether this is known to say who asks.
    pub(super) fn is_credential(&self) -> bool {
        match self {
            Self::Cookie(_) => false,
            Self::Header(name) => HeaderName::try_from(&**name).is_ok_and(|name| carries_credentials(&name)),
        }
    }
}

/// A value, hashed, and whether it is one that only its visitor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Value(u32);

impl Value {
    const TOKEN: u32 = 1 << 31;

    pub(super) fn of(value: &[u8], hashes: &RandomState) -> Self {
        let is_token = value.len() >= TOKEN_BYTES && !value.contains(&b' ');
        // The lower half is as good as the whole here.
        let hash = u32::try_from(hashes.hash_one(value) & u64::from(Self::TOKEN - 1)).unwrap_or_default();
        Self(hash | if is_token { Self::TOKEN } else { 0 })
    }

    /// What tells it apart from others.
    pub(super) const fn number(self) -> u32 {
        self.0
    }

    pub(super) const fn is_token(self) -> bool {
        self.0 & Self::TOKEN != 0
    }
}

/// What an answer says of whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing: it may be anyone's.
    Open,
    /// It sets a cookie.
    SetsCookie,
    /// Cache-Control says `private`, `no-store`, `no-cache` or `max-age=0`.
    Kept,
    /// `Vary: *`
    VariesByAll,
}

/// Why an answer teaches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum PassedOver {
    /// It is not GET.
    Method,
    /// Path, host, query, or the name of something is too long.
    TooLong,
    /// It came out of the cache, or was fetched for somebody else.
    FromCache,
    /// A rule in force says already what of the request counts.
    Ruled,
    /// 304, 206, an upgrade, or an error of the server's or of Larder's own.
    NotWhole,
    /// Its body was cut short.
    CutShort,
    /// Its body is too large.
    TooLarge,
    /// Answers came faster than they could be noted.
    Behind,
    /// As many URLs or answers as there is room for are noted.
    Full,
    /// Its client has asked for more URLs than one client may add.
    ClientFull,
}

impl PassedOver {
    pub(super) const ALL: [Self; 10] = [
        Self::Method,
        Self::TooLong,
        Self::FromCache,
        Self::Ruled,
        Self::NotWhole,
        Self::CutShort,
        Self::TooLarge,
        Self::Behind,
        Self::Full,
        Self::ClientFull,
    ];

    /// The stable label.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::TooLong => "too-long",
            Self::FromCache => "from-cache",
            Self::Ruled => "decided-by-rules",
            Self::NotWhole => "not-whole",
            Self::CutShort => "cut-short",
            Self::TooLarge => "too-large",
            Self::Behind => "behind",
            Self::Full => "full",
            Self::ClientFull => "client-full",
        }
    }

    /// What is to be known of it where it happened: a bound was reached. `None` where it is in the nature of things.
    pub(super) const fn bound(self) -> Option<&'static str> {
        match self {
            Self::TooLong => Some("had a path, a host, a query or a name too long to be noted"),
            Self::TooLarge => Some("were too large to be compared"),
            Self::Behind => Some("came faster than they could be noted"),
            Self::Full => Some("found no room: as many URLs or answers as there is room for were noted before"),
            Self::ClientFull => Some("were for more URLs than one client may add"),
            _ => None,
        }
    }
}

/// What was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) host: Box<str>,
    pub(super) path: Box<str>,
    /// The parameters of the query, sorted, each with the hash of its value.
    pub(super) parameters: Vec<(Box<str>, u64)>,
    pub(super) factors: Vec<(Factor, Value)>,
    /// The client's address, hashed.
    pub(super) client: u64,
    /// When, since the session began.
    pub(super) begun: Duration,
}

impl Asked {
    /// Of a GET request.
    pub(super) fn of(
        (host, path, query): (&str, &str, Option<&str>),
        headers: &HeaderMap,
        (client, begun): (u64, Duration),
        hashes: &RandomState,
    ) -> Result<Self, PassedOver> {
        if path.len() > PATH_BYTES_MAX || host.len() > HOST_BYTES_MAX {
            return Err(PassedOver::TooLong);
        }
        let parameters = parameters(query.unwrap_or_default(), hashes)?;
        let factors = factors(headers, hashes)?;
        Ok(Self { host: host.into(), path: path.into(), parameters, factors, client, begun })
    }
}

fn parameters(query: &str, hashes: &RandomState) -> Result<Vec<(Box<str>, u64)>, PassedOver> {
    let mut parameters: Vec<(Box<str>, u64)> = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if parameters.len() == ITEMS_MAX || name.len() > NAME_BYTES_MAX {
            return Err(PassedOver::TooLong);
        }
        parameters.push((Box::from(name), hashes.hash_one(value)));
    }
    // Those of equal name keep their order.
    parameters.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(parameters)
}

fn factors(headers: &HeaderMap, hashes: &RandomState) -> Result<Vec<(Factor, Value)>, PassedOver> {
    let mut factors: Vec<(Factor, Value)> = Vec::new();
    let lines = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    for cookie in lines.map(<[u8]>::trim_ascii).filter(|cookie| !cookie.is_empty()) {
        let end = cookie.iter().position(|byte| *byte == b'=').unwrap_or(cookie.len());
        let (name, value) = cookie.split_at(end);
        let value = value.strip_prefix(b"=").unwrap_or_default();
        // A rule could not name any other; what it changes shows all the same.
        let Some(name) = std::str::from_utf8(name).ok().filter(|name| is_plain(name)) else { continue };
        factors.push((Factor::Cookie(name.into()), Value::of(value, hashes)));
    }
    for name in headers.keys().filter(|name| may_choose(name)) {
        let lines: Vec<&[u8]> = headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
        factors.push((Factor::Header(name.as_str().into()), Value::of(&lines.join(&b"\n"[..]), hashes)));
    }
    let is_long = |factor: &Factor| match factor {
        Factor::Cookie(name) | Factor::Header(name) => name.len() > NAME_BYTES_MAX,
    };
    if factors.len() > ITEMS_MAX || factors.iter().any(|(factor, _)| is_long(factor)) {
        return Err(PassedOver::TooLong);
    }
    factors.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(factors)
}

/// Whether a name stands for itself wherever it is written.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn may_choose(name: &HeaderName) -> bool {
    let name = name.as_str();
    let chooses_nothing = CHOOSING_NOTHING.binary_search(&name).is_ok()
        || CHOOSING_NOTHING_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    !chooses_nothing
}

/// The head of an answer.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) standing: Standing,
    /// The headers that Vary names, but those that Larder settles itself.
    pub(super) vary: Vec<Box<str>>,
    /// A hash of the status and of the fields that are part of what it says.
    pub(super) said: u64,
}

impl Head {
    pub(super) fn of(status: u16, headers: &HeaderMap, hashes: &RandomState) -> Self {
        let directives = ResponseDirectives::parse(headers);
        let varies = parse_vary(headers);
        let is_kept = directives.no_store
            || directives.private != Qualified::Absent
            || directives.no_cache != Qualified::Absent
            || directives.s_maxage.or(directives.max_age).is_some_and(|age| age.is_zero());
        let standing = match &varies {
            _ if headers.contains_key(SET_COOKIE) => Standing::SetsCookie,
            _ if is_kept => Standing::Kept,
            Vary::Anything => Standing::VariesByAll,
            Vary::Fields(_) => Standing::Open,
        };
        let names = match varies {
            Vary::Anything => Box::default(),
            Vary::Fields(names) => names,
        };
        let vary = names.iter().map(HeaderName::as_str).filter(|name| !matches!(*name, "cookie" | "accept-encoding"));
        let lines = SAYING.iter().flat_map(|name| headers.get_all(name).iter().map(http::HeaderValue::as_bytes));
        let said = hashes.hash_one((status, lines.collect::<Vec<_>>()));
        Self { status, standing, vary: vary.map(Box::from).collect(), said }
    }
}

/// One answer, complete.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) asked: Asked,
    pub(super) head: Head,
    /// When it was complete, since the session began.
    pub(super) ended: Duration,
    /// Of status, fields and body.
    pub(super) digest: u64,
}
