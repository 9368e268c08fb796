//! Alive, ready, metrics, and the description of it all.

use super::AdminState;
use super::guard::Guard;
use super::problem::Problem;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The `OpenAPI` document.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

/// Whether this instance wants requests: from when its listeners accept until it drains. No store and no upstream is
/// a condition.
#[derive(Debug, Default)]
pub struct Readiness {
    ready: AtomicBool,
    ended: AtomicBool,
}

impl Readiness {
    /// Says whether requests are wanted from now on. Once they are no longer, they never are again.
    pub fn set(&self, ready: bool) {
        if !ready {
            self.ended.store(true, Ordering::SeqCst);
        }
        self.ready.store(ready, Ordering::SeqCst);
    }

    /// Whether requests are wanted.
    #[must_use]
    pub fn get(&self) -> bool {
        self.ready.load(Ordering::SeqCst) && !self.ended.load(Ordering::SeqCst)
    }
}

pub(super) async fn alive() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

pub(super) async fn ready(State(state): State<AdminState>) -> Response {
    if state.readiness.get() {
        Json(json!({ "status": "ready" })).into_response()
    } else {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "this instance is starting or draining").into_response()
    }
}

pub(super) async fn metrics(State(state): State<AdminState>) -> Response {
    ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], state.metrics.render()).into_response()
}

/// The document; where no token is set, it says that none is wanted.
pub(super) async fn openapi(Extension(guard): Extension<Arc<Guard>>) -> Response {
    let mut document: Value = serde_json::from_str(OPENAPI).expect("a test reads it as JSON");
    if !guard.wants_token() {
        document["security"] = json!([]);
    }
    Json(document).into_response()
}
