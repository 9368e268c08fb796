//! The purge calls of other caches, so that what shops already have for those works with Larder: Varnish's PURGE, BAN and
//! xkey, Fastly's and Cloudflare's APIs.
//!
//! They come with the shop's Host and without JSON, and so by a door of their own: with a token (`Fastly-Key` or
//! `Authorization: Bearer`), or from an address that `admin.purge_from` names, and never from a browser's page. Each call is
//! mapped to the scopes of a purge, completely or not at all.

mod cloudflare;
mod fastly;
mod patterns;
mod varnish;

use super::AdminState;
use super::answer::{BODY_BYTES_MAX, seal};
use super::audit::{Audit, Audited, to_its_end};
use super::callers::Caller;
use super::guard::Guard;
use super::newcomers::Ends;
use super::problem::Problem;
use super::purge::{make, subject_of};
use crate::config::May;
use crate::invalidation::PurgeOptions;
use crate::invalidation::purge::{Depth, Purge, PurgeSource};
use crate::invalidation::receipts::Receipt;
use crate::rules::RuleSet;
use crate::rules::url_scopes::{hosts, prefix_scope, url_scopes};
use crate::scope::{Scope, Tag};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Whose call it is, and so the form of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// PURGE, BAN, PURGEKEYS by method.
    Varnish,
    /// `POST /service/…` and `POST /purge/URL`.
    Fastly,
    /// `POST /zones/…/purge_cache`.
    Cloudflare,
}

/// A call as it is understood.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    scopes: Vec<Scope>,
    depth: Depth,
    /// The keys that are answered one by one, in Fastly's form.
    keys: Vec<String>,
}

/// Why a call is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    field: String,
    detail: String,
}

impl Refused {
    fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// What stands before all calls: takes those of other caches.
#[derive(Clone)]
pub(super) struct Foreign {
    pub(super) state: AdminState,
    pub(super) guard: Arc<Guard>,
    pub(super) audit: Arc<Audit>,
}

impl Dialect {
    /// Whose call a request is, if it is one of another cache.
    fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path();
        match request.method().as_str() {
            "PURGE" | "BAN" | "PURGEKEYS" => Some(Self::Varnish),
            "POST" if path.starts_with("/service/") || path.starts_with("/purge/") => Some(Self::Fastly),
            "POST" if cloudflare::is_path(path) => Some(Self::Cloudflare),
            _ => None,
        }
    }

    fn read(self, parts: &Parts, body: &[u8], rules: &Rules) -> Result<Asked, Refused> {
        match self {
            Self::Varnish => varnish::read(parts, rules),
            Self::Fastly => fastly::read(parts, body, rules),
            Self::Cloudflare => cloudflare::read(body, rules),
        }
    }

    fn answer(self, receipt: &Receipt, keys: &[String]) -> Response {
        match self {
            Self::Varnish | Self::Fastly => fastly::answer(receipt, keys),
            Self::Cloudflare => cloudflare::answer(receipt),
        }
    }

    fn refuse(self, problem: Problem) -> Response {
        match self {
            Self::Varnish => problem.into_response(),
            Self::Fastly => fastly::refuse(&problem),
            Self::Cloudflare => cloudflare::refuse(&problem),
        }
    }
}

/// Takes the calls of other caches, and passes on all others.
pub(super) async fn take(
    State(Foreign { state, guard, audit }): State<Foreign>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    request: Request,
    next: Next,
) -> Response {
    let Some(dialect) = Dialect::of(&request) else { return next.run(request).await };
    let admitted = guard.check_foreign(request.headers(), &ends, state.clock.monotonic());
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(problem) => return seal(dialect.refuse(problem)),
    };
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let audited = Audited { who: admitted.who().to_owned(), method, path };
    let answering = async move {
        let mut response = match purge(&state, &guard, &admitted.caller, dialect, request).await {
            Ok((receipt, keys)) => {
                let mut response = dialect.answer(&receipt, &keys);
                response.extensions_mut().insert(subject_of(&receipt));
                response
            }
            Err(problem) => dialect.refuse(problem),
        };
        audit.note("(as to another cache)", audited, state.clock.now().to_rfc3339(), &mut response);
        response
    };
    seal(to_its_end(answering).await)
}

async fn purge(
    state: &AdminState,
    guard: &Guard,
    caller: &Caller,
    dialect: Dialect,
    request: Request,
) -> Result<(Receipt, Vec<String>), Problem> {
    caller.check(May::Purge)?;
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| {
        let detail = format!("the body could not be read to its end, or has more than {BODY_BYTES_MAX} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    let rules = Rules::of(&state.engine.rules(), guard.hosts());
    let Asked { scopes, depth, keys } =
        dialect.read(&parts, &body, &rules).map_err(|refused| Problem::input(refused.field, refused.detail))?;
    for scope in &scopes {
        let (field, tag) = match scope {
            Scope::Tag(tag) => ("tag", Some(tag.as_str())),
            Scope::All => ("all", None),
            Scope::Route(_) => ("route", None),
            Scope::Url(_) => ("url", None),
            Scope::Prefix(_) => ("prefix", None),
        };
        caller.check_purge(field, tag)?;
    }
    let purge = Purge::new(scopes, depth, PurgeSource::Admin)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let receipt = make(state, purge, PurgeOptions::default()).await?;
    Ok((receipt, keys))
}

/// The rules that URLs are keyed by.
struct Rules {
    set: Arc<RuleSet>,
    hosts: Vec<String>,
    /// What the admin listener is called by.
    own: Vec<String>,
}

impl Rules {
    fn of(rules: &Arc<RuleSet>, own: &[String]) -> Self {
        Self { set: Arc::clone(rules), hosts: hosts(rules), own: own.to_vec() }
    }

    /// The scopes of a URL without its scheme, `shop.example.com/p?q=1`: other caches know no scheme, or another than the one
    /// that Larder is asked by.
    fn url(&self, field: &str, url: &str) -> Result<Vec<Scope>, Refused> {
        both(field, url, |url| url_scopes(&self.set, &self.hosts, url).map_err(|error| error.to_string()))
    }
}

/// The scopes of all that begins so.
fn prefix_scopes(field: &str, prefix: &str) -> Result<Vec<Scope>, Refused> {
    both(field, prefix, |prefix| prefix_scope(prefix).map(|scope| vec![scope]).map_err(|error| error.to_string()))
}

/// The scopes of a URL or of the beginning of one; of both schemes where it names a host.
fn both(field: &str, text: &str, scopes: impl Fn(&str) -> Result<Vec<Scope>, String>) -> Result<Vec<Scope>, Refused> {
    let refused =
        |error: String| Refused::new(field, format!("`{}`: {error}", text.chars().take(100).collect::<String>()));
    if text.starts_with('/') {
        return scopes(text).map_err(refused);
    }
    let bare = ["http://", "https://"].iter().find_map(|scheme| {
        text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme)).map(|_| &text[scheme.len()..])
    });
    let bare = bare.unwrap_or(text);
    let mut all = Vec::new();
    for scheme in ["http", "https"] {
        all.extend(scopes(&format!("{scheme}://{bare}")).map_err(refused)?);
    }
    Ok(all)
}

/// The tags that a field lists. Caches differ in what parts two of them: it may be a comma, which a tag may hold as well, so
/// both readings are purged.
fn tags(field: &str, text: &str) -> Result<Vec<Scope>, Refused> {
    let mut scopes = Vec::new();
    let words = text.split_ascii_whitespace();
    for word in words
        .flat_map(|word| std::iter::once(word.trim_matches(',')).chain(word.split(',').filter(|_| word.contains(','))))
    {
        if !word.is_empty() {
            scopes.push(tag(field, word)?);
        }
    }
    Ok(scopes)
}

fn tag(field: &str, text: &str) -> Result<Scope, Refused> {
    Tag::new(text).map(Scope::Tag).map_err(|error| Refused::new(field, error.to_string()))
}

/// The value of a field that stands once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refused> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    match (line.to_str(), lines.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(Refused::new(name, "it stands more than once, or is no text in ASCII")),
    }
}

/// Whether a field says that what is purged becomes stale rather than unusable.
fn is_soft(headers: &HeaderMap) -> Result<bool, Refused> {
    match single(headers, "fastly-soft-purge")? {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(Refused::new("fastly-soft-purge", "it is neither 1 nor 0")),
    }
}

const fn depth(soft: bool) -> Depth {
    if soft { Depth::Soft } else { Depth::Hard }
}

#[cfg(test)]
mod tests;
