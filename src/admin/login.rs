//! `POST /login`, `POST /logout`: the forms of the pages.

use super::AdminState;
use super::answer::{ReadBody, body_bytes};
use super::dashboard;
use super::guard::Guard;
use super::problem::Problem;
use axum::extract::{Extension, Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct Form {
    token: String,
}

/// Exchanges the token for a session.
pub(super) async fn log_in(
    State(state): State<AdminState>,
    Extension(guard): Extension<Arc<Guard>>,
    body: ReadBody,
) -> Result<Response, Problem> {
    let body = body_bytes(body)?;
    let Some(Form { token }) = form(&body) else {
        return Err(Problem::input("token", "the form lacks it, or holds it twice"));
    };
    Ok(match guard.log_in(token.as_bytes(), state.clock.monotonic()) {
        Some(cookie) => to_dashboard(cookie),
        None => dashboard::log_in(Some("This is not a token that is set here.")),
    })
}

/// Ends the session, if there is one.
pub(super) async fn log_out(Extension(guard): Extension<Arc<Guard>>, headers: HeaderMap) -> Response {
    to_dashboard(guard.log_out(&headers))
}

fn form(body: &[u8]) -> Option<Form> {
    let uri = Uri::builder().path_and_query([b"/?", body].concat()).build().ok()?;
    Query::try_from_uri(&uri).ok().map(|Query(form)| form)
}

fn to_dashboard(cookie: HeaderValue) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("/")), (SET_COOKIE, cookie)]).into_response()
}
