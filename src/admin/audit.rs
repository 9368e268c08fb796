//! The audit log: each call that changes something, who made it and what came of it. A line in the log with the target
//! `audit`, at every level, and the latest by `GET /audit`.

use axum::Json;
use axum::extract::Extension;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use std::collections::VecDeque;
use std::panic::resume_unwind;
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

/// Answers a call that is noted, also where its caller leaves before the answer: what it changes is done all the same.
pub(super) async fn to_its_end(answering: impl Future<Output = Response> + Send + 'static) -> Response {
    match tokio::spawn(answering).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Nobody cancels it; it ends so only with the runtime, which ends this task as well.
            Err(_cancelled) => std::future::pending().await,
        },
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Poll;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_call_whose_caller_leaves_before_the_answer_is_noted_all_the_same() {
        let audit = Arc::new(Audit::default());
        let ((finish, finished), (done, noted)) = (oneshot::channel::<()>(), oneshot::channel());
        let noting = Arc::clone(&audit);
        let answering = async move {
            finished.await.expect("the test says so");
            let mut response = Subject("hard purge 1: tag product:7".to_owned()).answer();
            let audited = Audited { who: "shop".into(), method: "POST".into(), path: "/purge".into() };
            noting.note("/purge", audited, "now".into(), &mut response);
            let _ = done.send(());
            response
        };
        let mut waiting = Box::pin(to_its_end(answering));
        assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
        drop(waiting);
        finish.send(()).expect("the call goes on");
        noted.await.expect("the call goes on to its end");
        let latest = audit.latest();
        assert_eq!(latest.len(), 1);
        assert_eq!((latest[0].who.as_str(), latest[0].subject.as_str()), ("shop", "hard purge 1: tag product:7"));
    }

    impl Subject {
        fn answer(self) -> Response {
            let mut response = StatusCode::OK.into_response();
            response.extensions_mut().insert(self);
            response
        }
    }
}
