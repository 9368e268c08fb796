//! `GET /purges`, `GET /purges/{id}`.

use super::AdminState;
use super::problem::Problem;
use crate::invalidation::Progress;
use crate::invalidation::receipts::Receipt;
use crate::scope::Scope;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
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
    /// As they were applied, which for a URL is as stored responses are filed.
    scopes: Vec<Scope>,
}

impl From<&Receipt> for ShownReceipt {
    fn from(receipt: &Receipt) -> Self {
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
            scopes: receipt.scopes.clone(),
        }
    }
}

#[derive(Serialize)]
struct List {
    purges: Vec<ShownReceipt>,
}

pub(super) async fn list(State(state): State<AdminState>) -> Response {
    let receipts = state.engine.invalidation().receipts();
    Json(List { purges: receipts.iter().map(|receipt| ShownReceipt::from(&**receipt)).collect() }).into_response()
}

pub(super) async fn show(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Response, Problem> {
    match state.engine.invalidation().receipt(&id) {
        Some(receipt) => {
            let Progress { applied, pending } = state.engine.invalidation().progress(receipt.stamp).await;
            Ok(Json(ShownReceipt::from(&Receipt { applied, pending, ..(*receipt).clone() })).into_response())
        }
        None => Err(Problem::new(StatusCode::NOT_FOUND, "no purge of this id is remembered")
            .hint("GET /purges lists the recent ones")),
    }
}
