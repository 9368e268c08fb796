//! `GET /upstreams`, `POST /upstreams/{pool}/{server}/drain`.

use super::AdminState;
use super::answer::{ReadBody, body_bytes, json};
use super::problem::Problem;
use crate::upstream::{Drain, NotDrained, ServerOverview};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json as object;

pub(super) async fn show(State(state): State<AdminState>) -> Response {
    Json(object!({ "pools": state.upstream.overview() })).into_response()
}

/// The body of a drain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Whether the server is taken out or in.
    #[serde(default = "taken_out")]
    drain: bool,
    /// Whether it is taken out although no other is up.
    #[serde(default)]
    force: bool,
}

const fn taken_out() -> bool {
    true
}

pub(super) async fn drain(
    State(state): State<AdminState>,
    path: Result<Path<(String, String)>, PathRejection>,
    body: ReadBody,
) -> Result<Response, Problem> {
    let Path((pool, server)) =
        path.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the path is not percent-encoded UTF-8"))?;
    let asked: Asked = json(&body_bytes(body)?)?;
    let drain = match (asked.drain, asked.force) {
        (false, _) => Drain::In,
        (true, true) => Drain::OutAnyhow,
        (true, false) => Drain::Out,
    };
    state.upstream.drain(&pool, &server, drain).map_err(|why| refused(why, &state))?;
    match server_of(&state, &pool, &server) {
        Some(server) => Ok(Json(server).into_response()),
        None => Err(refused(NotDrained::NoServer, &state)),
    }
}

fn server_of(state: &AdminState, pool: &str, server: &str) -> Option<ServerOverview> {
    let pool = state.upstream.overview().into_iter().find(|known| known.pool == pool)?;
    pool.servers.into_iter().find(|known| known.server == server)
}

fn refused(why: NotDrained, state: &AdminState) -> Problem {
    let names = || {
        let pools = state.upstream.overview();
        let names =
            pools.iter().flat_map(|pool| pool.servers.iter().map(|server| format!("{}/{}", pool.pool, server.server)));
        format!("there are {}", names.collect::<Vec<_>>().join(", "))
    };
    match why {
        NotDrained::NoPool | NotDrained::NoServer => Problem::new(StatusCode::NOT_FOUND, why.to_string()).hint(names()),
        NotDrained::Last => Problem::new(StatusCode::CONFLICT, why.to_string()).hint(
            "say {\"drain\": true, \"force\": true} to drain it all the same: requests get what is stale, or 503",
        ),
    }
}
