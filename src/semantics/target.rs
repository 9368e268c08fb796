//! The target of a request, settled once: the path that is matched is the path that is keyed and sent.
//!
//! RFC 9110 section 7.1, RFC 3986 section 6.2, RFC 9112 section 3.2.

use super::reason::Reason;
use http::uri::Scheme;
use http::{HeaderMap, Uri};

/// A settled target: one absolute URL and where its parts lie.
///
/// The scheme and host are in lower case and a default port is dropped; in the path percent-encoded unreserved
/// characters are decoded, other encodings are in upper case, dot segments are removed. The query is as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    path_start: usize,
    query_start: Option<usize>,
    ambiguity: Option<Reason>,
}

/// Why a request has no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no Host, more than one, or it is not a valid authority.
    #[error("the request has no single valid Host")]
    Host,
    /// The target is not in origin form or absolute form.
    #[error("the request target is not a path")]
    Form,
    /// The host in the target and the Host field differ.
    #[error("the request target and Host name different authorities")]
    Mismatch,
}

impl Target {
    /// Settles the target of a request.
    ///
    /// # Errors
    /// Where the request names no single authority or no path.
    pub fn settle(uri: &Uri, headers: &HeaderMap, scheme: &Scheme) -> Result<Self, TargetError> {
        todo!("{uri} {headers:?} {scheme}")
    }

    /// The whole: `scheme://authority/path?query`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the path begins in [`Self::url`], in bytes.
    #[must_use]
    pub const fn path_start(&self) -> usize {
        self.path_start
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &str {
        todo!()
    }

    /// Host and, where it is not the default, port.
    #[must_use]
    pub fn authority(&self) -> &str {
        todo!()
    }

    /// The settled path, beginning with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        let end = self.query_start.map_or(self.url.len(), |start| start - 1);
        &self.url[self.path_start..end]
    }

    /// The query without its `?`; none where there is no `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query_start.map(|start| &self.url[start..])
    }

    /// Path and query as sent to the origin.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.url[self.path_start..]
    }

    /// The same target with another query.
    #[must_use]
    pub fn with_query(&self, query: Option<&str>) -> Self {
        todo!("{query:?}")
    }

    /// Why the path can be read in more than one way, if it can: encoded delimiters (`%2F`, `%5C`, `%3B`, `%00`…),
    /// backslashes, path parameters (`;`), empty segments, malformed percent-encoding.
    #[must_use]
    pub const fn ambiguity(&self) -> Option<Reason> {
        self.ambiguity
    }
}
