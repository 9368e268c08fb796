//! `POST /learn` and `GET /learned`.

use super::AdminState;
use super::answer::{ReadBody, body_bytes, json};
use super::jobs::ShownJob;
use super::problem::Problem;
use crate::learning::{DURATION_MAX, LearnOrder, NotWatching};
use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json as object};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// The most clients or answers that may be wanted.
const WANTED_MAX: u64 = 100_000;

/// The body, its fields not yet looked into, so that an error in one can name it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default, rename = "for", deserialize_with = "given")]
    duration: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    min_clients: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    min_answers: Option<Value>,
}

/// A field that is there, though it be null, which is no value of any of these.
fn given<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(field).map(Some)
}

/// Begins a session, and answers with its job.
pub(super) async fn begin(State(state): State<AdminState>, body: ReadBody) -> Result<Response, Problem> {
    let bytes = body_bytes(body)?;
    let asked: Asked = if bytes.is_empty() { Asked::default() } else { json(&bytes)? };
    let job = state.learning.begin(order_of(&asked)?).map_err(|error| match error {
        NotWatching::Running => Problem::new(StatusCode::CONFLICT, error.to_string())
            .hint("GET /learned says what it has learned; DELETE /jobs/{id} ends it"),
        NotWatching::Job(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            .hint("wait for one to end, or cancel one: GET /jobs lists them"),
    })?;
    let location = HeaderValue::from_str(&format!("/jobs/{}", job.id));
    let mut response = (StatusCode::ACCEPTED, Json(ShownJob::from(&*job))).into_response();
    response.headers_mut().extend(location.ok().map(|location| (LOCATION, location)));
    Ok(response)
}

fn order_of(asked: &Asked) -> Result<LearnOrder, Problem> {
    let default = LearnOrder::default();
    Ok(LearnOrder {
        duration: duration_of(asked.duration.as_ref())?.unwrap_or(default.duration),
        clients_min: count("min_clients", asked.min_clients.as_ref())?.unwrap_or(default.clients_min),
        answers_min: count("min_answers", asked.min_answers.as_ref())?.unwrap_or(default.answers_min),
    })
}

fn duration_of(value: Option<&Value>) -> Result<Option<Duration>, Problem> {
    let Some(value) = value else { return Ok(None) };
    let duration = value.as_str().and_then(|text| humantime::parse_duration(text).ok());
    match duration.filter(|duration| (Duration::from_secs(1)..=DURATION_MAX).contains(duration)) {
        None => Err(Problem::input("for", "it is no duration from 1s to 24h").hint("write \"10m\", or \"1h 30m\"")),
        duration => Ok(duration),
    }
}

fn count(field: &str, value: Option<&Value>) -> Result<Option<usize>, Problem> {
    let Some(value) = value else { return Ok(None) };
    let number = value.as_u64().filter(|number| (1..=WANTED_MAX).contains(number));
    match number.and_then(|number| usize::try_from(number).ok()) {
        None => Err(Problem::input(field, format!("it is no whole number from 1 to {WANTED_MAX}"))),
        number => Ok(number),
    }
}

/// What was learned so far.
pub(super) async fn learned(State(state): State<AdminState>) -> Result<Response, Problem> {
    let learning = Arc::clone(&state.learning);
    // Much may have been noted.
    let learned = spawn_blocking(move || {
        learning.learned().map(|learned| (learned.phase, learned.began_at, learned.proposal.to_json()))
    });
    match learned.await {
        Ok(Some((phase, began_at, mut shown))) => {
            shown["state"] = phase.label().into();
            shown["began_at"] = began_at.to_rfc3339().into();
            shown["rules_in_force"] = state.rules.place().into();
            Ok(Json(shown).into_response())
        }
        Ok(None) => Ok(Json(object!({ "state": "idle", "rules_in_force": state.rules.place() })).into_response()),
        Err(error) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("it could not be judged: {error}"))),
    }
}
