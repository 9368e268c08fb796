//! What went wrong with a request, as `application/problem+json`.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::io::Write as _;

/// Why there is no other answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(&'static str),
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// No connection to the database was free for too long.
    #[error("the database is busy")]
    Busy,
    /// The database has failed.
    #[error("the database has failed")]
    Database(#[source] sqlx::Error),
    /// The metrics can't be written.
    #[error("the metrics cannot be written")]
    Metrics(#[from] prometheus::Error),
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(_) | Self::Metrics(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            other => Self::Database(other),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::BadRequest(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::BadRequest(rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::BadRequest(rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Self::Database(source) = &self {
            // Nobody is left to tell where the log can't be written.
            drop(writeln!(std::io::stderr(), "error: {self}: {source}"));
        }
        let status = self.status();
        let body = json!({ "title": status.canonical_reason(), "status": status.as_u16(), "detail": self.to_string() });
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }
}
