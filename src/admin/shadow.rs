//! `POST`, `GET` and `DELETE /rules/shadow`: other rules judge live traffic, and nothing is done.

use super::AdminState;
use super::answer::{ReadBody, body_bytes};
use super::problem::Problem;
use crate::decisions::shadow::Shadowed;
use crate::replay::Compared;
use crate::replay::report::LIVE_UNKNOWN;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// Begins anew with these rules, in place of those that judged before.
pub(super) async fn begin(State(state): State<AdminState>, body: ReadBody) -> Result<Response, Problem> {
    let bytes = body_bytes(body)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "a rules file is text in UTF-8"))?;
    let loaded = state.rules.check(text).map_err(|errors| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the rules have errors: nothing is judged by them")
            .diagnostics(errors.reports())
    })?;
    let compared = Compared { present: state.engine.rules(), proposed: Some(Arc::new(loaded.rule_set)) };
    let begun = state.decisions.shadow_by(compared);
    Ok((StatusCode::CREATED, Json(shown(&begun))).into_response())
}

pub(super) async fn show(State(state): State<AdminState>) -> Result<Response, Problem> {
    let so_far = state.decisions.shadowed().ok_or_else(nothing)?;
    Ok(Json(shown(&so_far)).into_response())
}

pub(super) async fn end(State(state): State<AdminState>) -> Result<Response, Problem> {
    let ended = state.decisions.end_shadow().ok_or_else(nothing)?;
    Ok(Json(shown(&ended)).into_response())
}

fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no rules judge live traffic").hint("begin with POST /rules/shadow")
}

fn shown(shadowed: &Shadowed) -> Value {
    let Shadowed { since, judged, missed, cut, forgotten, report } = shadowed;
    json!({
        "since": since.to_rfc3339(),
        "decisions": { "judged": judged, "missed": missed, "cut": cut },
        "forgotten": forgotten,
        "rules": { "present": report.present, "proposed": report.proposed },
        "all": report.all,
        "routes": report.routes,
        "unknown": LIVE_UNKNOWN,
    })
}
