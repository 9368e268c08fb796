//! `GET /rules`, `POST /rules/check`, `POST /reload`.

use super::AdminState;
use super::answer::{ReadBody, body_bytes, json};
use super::problem::Problem;
use crate::config::Problem as Found;
use crate::config::reload::RejectedRules;
use crate::rules::Route;
use crate::rules::host_pattern::HostPattern;
use crate::rules::route::RouteMode;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json as object;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// One route: which requests it takes.
#[derive(Debug, Serialize)]
struct ShownRoute<'a> {
    name: &'a str,
    path: &'a str,
    methods: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    cache: bool,
}

impl<'a> From<&'a Route> for ShownRoute<'a> {
    fn from(route: &'a Route) -> Self {
        Self {
            name: route.name.as_str(),
            path: route.path.source(),
            methods: route.methods.iter().map(http::Method::as_str).collect(),
            host: route.host.as_ref().map(HostPattern::source),
            cache: route.mode == RouteMode::Cache,
        }
    }
}

pub(super) async fn show(State(state): State<AdminState>) -> Response {
    let rules = state.engine.rules();
    let status = state.rules.status();
    let file = |(path, text): &(PathBuf, String)| object!({ "path": path.display().to_string(), "text": text });
    let shown =
        |rejected: RejectedRules| object!({ "at": rejected.at.to_rfc3339(), "diagnostics": rejected.errors.reports() });
    Json(object!({
        "digest": rules.digest(),
        "loaded_at": status.loaded_at.to_rfc3339(),
        "routes": rules.routes().iter().map(|route| ShownRoute::from(&**route)).collect::<Vec<_>>(),
        "files": status.sources.iter().map(file).collect::<Vec<_>>(),
        "rejected": status.rejected.map(shown),
        "configuration": {
            "rejected": status.configuration_rejected.map(shown),
            "waits_for_restart": status.waiting,
        },
    }))
    .into_response()
}

pub(super) async fn check(State(state): State<AdminState>, body: ReadBody) -> Result<Response, Problem> {
    let bytes = body_bytes(body)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "a rules file is text in UTF-8"))?;
    let (valid, diagnostics) = match state.rules.check(text) {
        Ok(loaded) => (true, loaded.warnings.iter().map(Found::report).collect()),
        Err(errors) => (false, errors.reports()),
    };
    Ok(Json(object!({ "valid": valid, "diagnostics": diagnostics })).into_response())
}

/// The body of a reload: nothing to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(super) async fn reload(State(state): State<AdminState>, body: ReadBody) -> Result<Response, Problem> {
    let bytes = body_bytes(body)?;
    if !bytes.is_empty() {
        let Nothing {} = json(&bytes)?;
    }
    let rules = Arc::clone(&state.rules);
    // It reads files.
    match spawn_blocking(move || rules.reload()).await {
        Ok(Ok(status)) => {
            let routes = state.engine.rules().routes().len();
            let waiting = status.waiting;
            Ok(Json(object!({ "routes": routes, "warnings": status.warnings, "waits_for_restart": waiting }))
                .into_response())
        }
        Ok(Err(errors)) => {
            let detail = match state.rules.status().configuration_rejected {
                Some(_) => "the new configuration has errors and is not used; the rules were not read",
                None => "the new rules have errors; the rules in force stay, and so does the configuration",
            };
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).diagnostics(errors.reports()))
        }
        Err(error) => {
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("reading the rules failed: {error}")))
        }
    }
}
