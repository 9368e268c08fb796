//! `POST /events/{source}`: signed webhooks. The signature is judged before anything of the body is read as JSON.

use super::AdminState;
use super::answer::{ReadBody, body_bytes};
use super::events::{Answer, answer};
use super::problem::Problem;
use crate::events::EventSource;
use crate::events::webhook::{NotBelieved, Webhook};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};

pub(super) async fn take(
    State(state): State<AdminState>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: ReadBody,
) -> Result<(HeaderMap, Json<Answer>), Problem> {
    let body = body_bytes(body)?;
    let webhook = state.webhooks.iter().find(|webhook| webhook.name == source).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "there is no webhook of this name")
            .hint("name it in an [[events.webhook]] block of proxy.toml")
    })?;
    webhook.believe(&headers, &body, state.clock.now()).map_err(|error| refused(webhook, error))?;
    answer(&state, EventSource::Webhook, webhook.event(&headers, &body), None).await
}

fn refused(webhook: &Webhook, error: NotBelieved) -> Problem {
    let name = webhook.name.as_str();
    tracing::warn!(webhook = name, %error, "a webhook call was refused");
    let problem = |status| Problem::new(status, error.to_string());
    match error {
        NotBelieved::NoSecret => problem(StatusCode::SERVICE_UNAVAILABLE),
        NotBelieved::Unsigned => problem(StatusCode::FORBIDDEN).field(webhook.header.as_str()),
        NotBelieved::WrongSignature => problem(StatusCode::FORBIDDEN)
            .field(webhook.header.as_str())
            .hint("a proxy in between must pass the body on byte by byte"),
        NotBelieved::OutOfTime => {
            problem(StatusCode::FORBIDDEN).hint("look at the clocks of both, or set `window` of the webhook")
        }
    }
}
