//! `POST /purge`, and `POST /purge?dry_run=true`.

use super::AdminState;
use super::answer::{ReadBody, body_bytes, json};
use super::audit::Subject;
use super::callers::Caller;
use super::cdns::{ShownCdn, WaitFor};
use super::guard::Admitted;
use super::idempotency::{self, key_of};
use super::problem::Problem;
use super::purge_preview::{self, Mode};
use super::receipts::{ShownReceipt, stamp_after};
use crate::cdn::place::State as AtCdn;
use crate::invalidation::purge::{Depth, Purge, PurgeSource, SCOPES_MAX};
use crate::invalidation::receipts::Receipt;
use crate::invalidation::{PurgeFailure, PurgeOptions};
use crate::rules::RuleSet;
use crate::rules::url_scopes::{UrlError, hosts, prefix_scope, url_scopes};
use crate::scope::{RouteName, Scope, Tag};
use axum::Json;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest that a purge waits for other instances.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// How like a name must be to be suggested, 0 to 1.
const LIKENESS_MIN: f64 = 0.6;

/// The body, its fields not yet looked into, so that an error in one can name it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    urls: Value,
    #[serde(default)]
    prefixes: Value,
    #[serde(default)]
    routes: Value,
    #[serde(default)]
    all: Value,
    #[serde(default)]
    soft: Value,
    #[serde(default)]
    wait: Value,
    #[serde(default)]
    wait_for: Value,
    /// As in the query. An instance that knows no dry run refuses the field, and does not purge.
    #[serde(default)]
    dry_run: Value,
}

pub(super) async fn purge(
    State(state): State<AdminState>,
    RawQuery(query): RawQuery,
    Extension(admitted): Extension<Admitted>,
    headers: HeaderMap,
    body: ReadBody,
) -> Result<Response, Problem> {
    let mode = purge_preview::mode(query.as_deref())?;
    let body = body_bytes(body)?;
    let idempotency_key = key_of(&headers, &admitted.caller, "/purge", &body)?;
    let asked: Asked = json(&body)?;
    let wait = wait_of(&asked.wait)?;
    let wait_for = WaitFor::of(&asked.wait_for, wait)?;
    check_may_purge(&asked, &admitted.caller)?;
    let purge = purge_of(&asked, &state.engine.rules(), &state.engine.earlier_route_names())?;
    if mode == Mode::DryRun || flag("dry_run", &asked.dry_run)? {
        let subject = Subject("a dry run: nothing is purged".to_owned());
        let preview = purge_preview::preview(&state.engine, purge).await?;
        return Ok((Extension(subject), Json(preview)).into_response());
    }
    let log = state.engine.invalidation().log_id();
    let receipt = make(&state, purge, PurgeOptions { wait: None, idempotency_key }).await?;
    let until = Instant::now() + wait.unwrap_or_default();
    let stamp = stamp_after(&state, log, Some(receipt.stamp)).await;
    let receipt = state.engine.invalidation().awaited(receipt, wait.unwrap_or_default()).await;
    let cdns = match wait_for {
        WaitFor::Instances => state.cdns.states(receipt.stamp).await,
        WaitFor::Cdns => state.cdns.awaited(receipt.stamp, until).await,
    };
    let at_cdns = cdns.iter().all(|(_, state)| matches!(state, AtCdn::Done(_)));
    let is_reached = receipt.pending.is_empty() && (at_cdns || wait_for == WaitFor::Instances);
    let status = if wait.is_some() && !is_reached { StatusCode::ACCEPTED } else { StatusCode::OK };
    let cdns = cdns.into_iter().map(ShownCdn::new).collect();
    let subject = subject_of(&receipt);
    let shown = ShownReceipt::new(&receipt, &state.engine).at_cdns(cdns);
    Ok((status, stamp, Extension(subject), Json(shown)).into_response())
}

/// Makes a purge, also where its caller leaves.
pub(super) async fn make(state: &AdminState, purge: Purge, options: PurgeOptions) -> Result<Receipt, Problem> {
    let engine = Arc::clone(&state.engine);
    // A caller that leaves has asked for it; only the waiting is the caller's own.
    let purging =
        state.engine.unattended().finish(|_| async move { engine.invalidation().purge(purge, options).await });
    purging.await.map_err(|error| match error {
        PurgeFailure::KeyReused => idempotency::reused(&error),
        PurgeFailure::Log(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a purge could not be appended to the log and was applied on this instance only; send it again"
            );
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
                .hint("this instance has purged; ask again for the others, repeating a purge does no harm")
        }
    })
}

/// Whether the caller may purge all that is asked for.
fn check_may_purge(asked: &Asked, caller: &Caller) -> Result<(), Problem> {
    for (field, tag) in texts("tags", &asked.tags)? {
        caller.check_purge(&field, Some(tag))?;
    }
    for (field, value) in [("urls", &asked.urls), ("prefixes", &asked.prefixes), ("routes", &asked.routes)] {
        texts(field, value)?.first().map_or(Ok(()), |_| caller.check_purge(field, None))?;
    }
    if flag("all", &asked.all)? { caller.check_purge("all", None) } else { Ok(()) }
}

/// What was purged, for the audit log.
pub(super) fn subject_of(receipt: &Receipt) -> Subject {
    let shown = |scope: &Scope| match scope {
        Scope::All => "all".to_owned(),
        Scope::Route(name) => format!("route {name}"),
        Scope::Tag(tag) => format!("tag {}", tag.as_str()),
        Scope::Url(url) => format!("url {url}"),
        Scope::Prefix(prefix) => format!("prefix {prefix}"),
    };
    let scopes: Vec<_> = receipt.scopes.iter().take(5).map(shown).collect();
    let more = receipt.scopes_total.saturating_sub(scopes.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Subject(format!("{} purge {}: {}{more}", receipt.depth.label(), receipt.id, scopes.join(", ")))
}

fn purge_of(asked: &Asked, rules: &RuleSet, earlier: &BTreeSet<RouteName>) -> Result<Purge, Problem> {
    let mut scopes = Vec::new();
    if flag("all", &asked.all)? {
        scopes.push(Scope::All);
    }
    for (field, name) in texts("routes", &asked.routes)? {
        scopes.push(route_scope(field, name, rules, earlier)?);
    }
    for (field, tag) in texts("tags", &asked.tags)? {
        scopes.push(Scope::Tag(Tag::new(tag).map_err(|error| Problem::input(field, error.to_string()))?));
    }
    let hosts = hosts(rules);
    for (field, url) in texts("urls", &asked.urls)? {
        scopes.extend(url_scopes(rules, &hosts, url).map_err(|error| bad_url(field, url, error))?);
    }
    for (field, prefix) in texts("prefixes", &asked.prefixes)? {
        scopes.push(prefix_scope(prefix).map_err(|error| bad_url(field, prefix, error))?);
    }
    let depth = if flag("soft", &asked.soft)? { Depth::Soft } else { Depth::Hard };
    Purge::new(scopes, depth, PurgeSource::Admin).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, error.to_string())
            .hint("name something in tags, urls, prefixes or routes, or say \"all\": true")
    })
}

/// The scope of a route of these rules or of `earlier` ones, under whose name something may be stored still.
fn route_scope(field: String, name: &str, rules: &RuleSet, earlier: &BTreeSet<RouteName>) -> Result<Scope, Problem> {
    let names = || rules.routes().iter().map(|route| route.name.as_str());
    let route = RouteName::new(name);
    if names().any(|known| known == name) || earlier.contains(&route) {
        return Ok(Scope::Route(route));
    }
    let nearest = names()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let problem = Problem::input(field, format!("there is no route `{}`", shortened(name)));
    Err(match nearest {
        Some((_, known)) => problem.hint(format!("did you mean `{known}`?")),
        None => problem.hint("GET /rules lists the routes"),
    })
}

/// The strings of an array, each with its place; `None` if the field is absent or null.
fn texts<'a>(field: &str, value: &'a Value) -> Result<Vec<(String, &'a str)>, Problem> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) if items.len() > SCOPES_MAX => {
            return Err(Problem::input(field, format!("a purge cannot name more than {SCOPES_MAX} scopes")));
        }
        Value::Array(items) => items,
        _ => return Err(Problem::input(field, "it is not an array of strings")),
    };
    let place = |(n, item): (usize, &'a Value)| {
        let place = format!("{field}[{n}]");
        match item.as_str() {
            Some(text) => Ok((place, text)),
            None => Err(Problem::input(place, "it is not a string")),
        }
    };
    items.iter().enumerate().map(place).collect()
}

fn flag(field: &str, value: &Value) -> Result<bool, Problem> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        _ => Err(Problem::input(field, "it is neither true nor false")),
    }
}

pub(super) fn wait_of(value: &Value) -> Result<Option<Duration>, Problem> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        _ => return Err(Problem::input("wait", "it is not a string like \"2s\"")),
    };
    let wait = humantime::parse_duration(text)
        .map_err(|error| Problem::input("wait", format!("it is no duration: {error}")).hint("write \"2s\""))?;
    if wait > WAIT_MAX {
        return Err(Problem::input("wait", format!("a call waits {} s at most", WAIT_MAX.as_secs())));
    }
    Ok(Some(wait))
}

fn bad_url(field: String, text: &str, error: UrlError) -> Problem {
    let hint = match error {
        UrlError::Syntax => "percent-encode what a URL cannot hold, white space for one",
        UrlError::Relative => "write http://shop.example.com/path, or /path for every authority",
        UrlError::Target(_) => "write it as a client would ask for it",
    };
    Problem::input(field, format!("`{}`: {error}", shortened(text))).hint(hint)
}

/// Enough of a text to know it by.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(100).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
#[path = "purge_tests.rs"]
mod tests;
