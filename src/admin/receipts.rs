//! `GET /purges`, `GET /purges/{id}`, and the stamp of what was purged.

use super::cdns::ShownCdn;
use super::problem::Problem;
use super::{AdminState, matching};
use crate::engine::Engine;
use crate::engine::stamped::Write;
use crate::engine::written::Invalidated;
use crate::invalidation::Progress;
use crate::invalidation::receipts::Receipt;
use crate::scope::Scope;
use crate::stamp::Stamp;
use crate::stamps::LARDER_STAMP;
use crate::stamps::place::LogId;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A receipt as JSON.
#[derive(Debug, Serialize)]
pub(super) struct ShownReceipt {
    id: String,
    stamp: String,
    applied: Vec<String>,
    pending: Vec<String>,
    requested_at: String,
    depth: &'static str,
    source: &'static str,
    by: String,
    scopes_total: usize,
    scopes: Vec<ShownScope>,
    /// Where it stands at each CDN; left out where there are none, and in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cdns: Vec<ShownCdn>,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownScope {
    /// As it was applied, which for a URL is as stored responses are filed.
    #[serde(flatten)]
    scope: Scope,
    /// Whether anything in this instance's memory may carry it, at the time of the answer.
    may_match: bool,
    /// What may have been meant, where nothing carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// Scopes as JSON, each with whether it may match anything here.
pub(super) fn shown_scopes(scopes: &[Scope], engine: &Engine) -> Vec<ShownScope> {
    let is_found_url = |scope: &Scope| matches!(scope, Scope::Url(_)) && engine.may_match(scope);
    // One URL may name several scopes, of which only those are stored that a route keys so.
    let url_is_found = scopes.iter().any(is_found_url);
    let shown = |scope: &Scope| {
        let may_match = engine.may_match(scope);
        let is_found = may_match || (url_is_found && matches!(scope, Scope::Url(_)));
        let hint = if is_found { None } else { matching::hint(engine, scope) };
        ShownScope { scope: scope.clone(), may_match, hint }
    };
    scopes.iter().map(shown).collect()
}

impl ShownReceipt {
    pub(super) fn new(receipt: &Receipt, engine: &Engine) -> Self {
        Self {
            id: receipt.id.clone(),
            stamp: receipt.stamp.to_string(),
            applied: receipt.applied.clone(),
            pending: receipt.pending.clone(),
            requested_at: receipt.requested_at.to_rfc3339(),
            depth: receipt.depth.label(),
            source: receipt.source.label(),
            by: receipt.by.clone(),
            scopes_total: receipt.scopes_total,
            scopes: shown_scopes(&receipt.scopes, engine),
            cdns: Vec::new(),
        }
    }

    pub(super) fn at_cdns(self, cdns: Vec<ShownCdn>) -> Self {
        Self { cdns, ..self }
    }
}

#[derive(Serialize)]
struct List {
    purges: Vec<ShownReceipt>,
}

pub(super) async fn list(State(state): State<AdminState>) -> Response {
    let receipts = state.engine.invalidation().receipts();
    Json(List { purges: receipts.iter().map(|receipt| ShownReceipt::new(receipt, &state.engine)).collect() })
        .into_response()
}

pub(super) async fn show(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Response, Problem> {
    match state.engine.invalidation().receipt(&id) {
        Some(receipt) => {
            let Progress { applied, pending } = state.engine.invalidation().progress(receipt.stamp).await;
            let receipt = Receipt { applied, pending, ..(*receipt).clone() };
            let cdns = state.cdns.states(receipt.stamp).await.into_iter().map(ShownCdn::new).collect();
            Ok(Json(ShownReceipt::new(&receipt, &state.engine).at_cdns(cdns)).into_response())
        }
        None => Err(Problem::new(StatusCode::NOT_FOUND, "no purge of this id is remembered")
            .hint("GET /purges lists the recent ones")),
    }
}

/// The field by which who asked for purges is answered from nothing older, where stamps are given; `purged` is where the last of
/// them stands in this log.
pub(super) async fn stamp_after(state: &AdminState, log: Option<LogId>, purged: Option<Stamp>) -> HeaderMap {
    let invalidated = purged.map_or(Invalidated::Nothing, Invalidated::At);
    let stamp = state.engine.stamp_after(Write { log, invalidated }).await;
    stamp.map(|stamp| (LARDER_STAMP.clone(), stamp)).into_iter().collect()
}
