//! `POST /events`.

use super::AdminState;
use super::answer::{ReadBody, body_bytes};
use super::guard::Admitted;
use super::idempotency::{self, key_of};
use super::problem::Problem;
use super::receipts::{ShownReceipt, stamp_after};
use crate::events::{EventSource, Taken};
use crate::invalidation::PurgeFailure;
use crate::invalidation::idempotency::IdempotencyKey;
use crate::rules::event::{EVENT_SCOPES_MAX, Event, EventError};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct Answer {
    /// `purged`, `partly`, `no-rule` or `fields-missing`.
    result: &'static str,
    purges: Vec<ShownReceipt>,
    /// Fields that the rules' blocks name and the event has not, or not as values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
}

pub(super) async fn take(
    State(state): State<AdminState>,
    Extension(admitted): Extension<Admitted>,
    headers: HeaderMap,
    body: ReadBody,
) -> Result<(HeaderMap, Json<Answer>), Problem> {
    let body = body_bytes(body)?;
    let key = key_of(&headers, &admitted.caller, "/events", &body)?;
    answer(&state, EventSource::Admin, Event::parse_json(&body), key).await
}

/// Takes an event, and says what came of it.
pub(super) async fn answer(
    state: &AdminState,
    source: EventSource,
    event: Result<Event, EventError>,
    key: Option<IdempotencyKey>,
) -> Result<(HeaderMap, Json<Answer>), Problem> {
    let (events, log) = (Arc::clone(&state.events), state.engine.invalidation().log_id());
    // The event of a caller that leaves is taken as well.
    let taking = state.engine.unattended().finish(|_| async move { events.take(source, event, key).await });
    let taken = taking.await.map_err(|error| match error {
        PurgeFailure::KeyReused => idempotency::reused(&error),
        PurgeFailure::Log(error) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            .hint("this instance has purged; send the event again for the others, repeating it does no harm"),
    })?;
    let result = taken.label();
    let shown = |receipt| ShownReceipt::new(receipt, &state.engine);
    let last =
        if let Taken::Purged { receipts, .. } = &taken { receipts.iter().map(|made| made.stamp).max() } else { None };
    let stamp = stamp_after(state, log, last).await;
    let answer = |purges, missing| Ok((stamp, Json(Answer { result, purges, missing })));
    match taken {
        Taken::Purged { receipts, missing } => answer(receipts.iter().map(shown).collect(), missing),
        Taken::FieldsMissing(missing) => answer(Vec::new(), missing),
        Taken::NoRule => answer(Vec::new(), Vec::new()),
        Taken::TooLarge => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("nothing is purged: an event may have at most 64 fields and name {EVENT_SCOPES_MAX} things"),
        )
        .hint("send several events")),
        Taken::Malformed(error) => Err(Problem::new(StatusCode::BAD_REQUEST, error.to_string())
            .hint("send {\"type\": \"product.updated\", \"id\": 42}")),
    }
}
