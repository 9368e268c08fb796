//! For those who run the shop: is it alive, and what has it done.

use crate::database::Database;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /health`
pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /metrics`
pub(crate) async fn metrics(State(shop): State<Arc<Database>>) -> Result<impl IntoResponse, Problem> {
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], shop.metrics_text()?))
}

/// Whatever has no other place.
pub(crate) async fn nothing_here() -> Problem {
    Problem::NotFound("such place")
}

/// Counts each answer.
pub(crate) async fn count(
    State(shop): State<Arc<Database>>,
    endpoint: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    shop.metrics.answered(endpoint.as_ref().map_or("none", MatchedPath::as_str), response.status().as_u16());
    response
}
