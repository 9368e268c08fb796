//! `POST /events`.

use super::AdminState;
use super::answer::{ReadBody, body_bytes};
use super::problem::Problem;
use super::receipts::ShownReceipt;
use crate::events::{EventSource, Taken};
use crate::rules::event::Event;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct Answer {
    /// `purged`, `no-rule` or `fields-missing`.
    result: &'static str,
    purges: Vec<ShownReceipt>,
}

pub(super) async fn take(State(state): State<AdminState>, body: ReadBody) -> Result<Json<Answer>, Problem> {
    let event = Event::parse_json(&body_bytes(body)?);
    let events = Arc::clone(&state.events);
    // Whoever leaves has told of it all the same.
    let taking = state.engine.unattended().finish(|_| async move { events.take(EventSource::Admin, event).await });
    let taken = taking.await.map_err(|error| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            .hint("this instance has purged; send the event again for the others, repeating it does no harm")
    })?;
    let result = taken.label();
    match taken {
        Taken::Malformed(error) => Err(Problem::new(StatusCode::BAD_REQUEST, error.to_string())
            .hint("send {\"type\": \"product.updated\", \"id\": 42}")),
        Taken::Purged(receipts) => {
            Ok(Json(Answer { result, purges: receipts.iter().map(ShownReceipt::from).collect() }))
        }
        Taken::NoRule | Taken::FieldsMissing => Ok(Json(Answer { result, purges: Vec::new() })),
    }
}
