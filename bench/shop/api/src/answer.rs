//! A JSON text as a response, with what it is about.

use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// An answer that a cache may keep until one of its tags is purged.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body.
    pub json: String,
    /// What it is about, with spaces between: `product:42 catalog`. Empty: nothing that could be named.
    pub tags: String,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json")];
        if self.tags.is_empty() {
            (json, self.json).into_response()
        } else {
            (json, [(SURROGATE_KEY, self.tags)], self.json).into_response()
        }
    }
}
