//! The audit log: each call that changes something, who made it and what came of it. A line in the log with the target
//! `audit`, at every level, and the latest by `GET /audit`.

use axum::Json;
use axum::extract::Extension;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// So many are remembered.
const REMEMBERED: usize = 1_000;

/// How much is kept of what a call was about, in bytes.
const SUBJECT_BYTES_MAX: usize = 500;

/// The field that names a call.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a call was about, beside its answer.
#[derive(Debug, Clone)]
pub(super) struct Subject(pub(super) String);

/// A call that was made.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AuditedCall {
    at: String,
    who: String,
    /// Method and path as the list of calls has them.
    call: String,
    /// What it was about: what was purged, or the path.
    subject: String,
    /// The status of the answer.
    status: u16,
    request_id: String,
}

/// The latest calls.
#[derive(Debug, Default)]
pub(super) struct Audit(Mutex<VecDeque<AuditedCall>>);

/// What is known of a call before it is answered.
#[derive(Debug)]
pub(super) struct Audited {
    pub(super) who: String,
    pub(super) method: String,
    pub(super) path: String,
}

impl Audit {
    /// Notes a call by its answer, which gets the call's id.
    pub(super) fn note(&self, call: &str, audited: Audited, at: String, response: &mut Response) {
        let Audited { who, method, path } = audited;
        let subject = response.extensions().get::<Subject>().map_or(path, |subject| subject.0.clone());
        let (status, request_id) = (response.status().as_u16(), format!("{:016x}", rand::random::<u64>()));
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        let call = format!("{method} {call}");
        let record = AuditedCall { at, who, call, subject: shortened(&subject), status, request_id };
        let AuditedCall { who, call, subject, status, request_id, .. } = &record;
        let result = if response.status() < StatusCode::BAD_REQUEST { "done" } else { "refused" };
        tracing::info!(target: "audit", who, call, subject, result, status, request_id, "an admin call");
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.truncate(REMEMBERED - 1);
        records.push_front(record);
    }

    fn latest(&self) -> Vec<AuditedCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// The beginning of a text, with nothing in it that a log's reader would obey.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    for c in text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }) {
        if short.len() + c.len_utf8() > SUBJECT_BYTES_MAX {
            short.push('…');
            break;
        }
        short.push(c);
    }
    short
}

pub(super) async fn show(Extension(audit): Extension<Arc<Audit>>) -> Response {
    Json(json!({ "calls": audit.latest() })).into_response()
}
