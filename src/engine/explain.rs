//! What would happen to a request, and why, without doing it.

use super::Engine;
use http::{HeaderMap, Method, Uri};
use serde::Serialize;

/// The answer of `GET /explain`.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The method and settled URL.
    pub request: String,
}

impl Engine {
    /// Explains a request for an absolute URL with these headers. Changes nothing.
    ///
    /// # Errors
    /// Where the URL is not one that a request can name.
    pub fn explain(
        &self,
        method: &Method,
        url: &Uri,
        headers: &HeaderMap,
    ) -> Result<Explanation, crate::semantics::target::TargetError> {
        todo!("{method} {url} {headers:?}")
    }
}
