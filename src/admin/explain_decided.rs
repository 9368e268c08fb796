//! `GET /explain?request_id=…`: what was decided about a request that is over, and why.

use super::AdminState;
use super::problem::Problem;
use crate::decisions::view::Shown;
use crate::engine::outcome::Outcome;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;

/// How often it is looked for a decision that is not there, with so long between: its request may be ending just now.
const LOOKS: (u32, Duration) = (10, Duration::from_millis(50));

/// A decision with the sentences for its labels.
#[derive(Serialize)]
struct Decided<'a> {
    decision: Shown<'a>,
    outcome_explanation: Option<&'static str>,
    reason_explanation: &'static str,
}

pub(super) async fn decided(state: &AdminState, id: &str) -> Result<Response, Problem> {
    for _ in 0..LOOKS.0 {
        let found = state.decisions.find(id, |decision, reason_explanation| {
            let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.label() == decision.outcome);
            let outcome_explanation = outcome.map(Outcome::explanation);
            Json(Decided { decision, outcome_explanation, reason_explanation }).into_response()
        });
        if let Some(response) = found {
            return Ok(response);
        }
        tokio::time::sleep(LOOKS.1).await;
    }
    Err(Problem {
        status: StatusCode::NOT_FOUND,
        ..Problem::input("request_id", "no request with this id is among the last ones that ended here")
    }
    .hint("each instance keeps its own last 10,000 decisions; the access log has them all"))
}
