//! The target of a request, settled once: the path that is matched is the path that is keyed and sent.
//!
//! RFC 9110 section 7.1, RFC 3986 section 6.2, RFC 9112 section 3.2.

use super::authority::{Authority, normalised_authority};
use super::path::{PathReading, settle_path};
use super::reason::Reason;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version, header};
use percent_encoding::{AsciiSet, utf8_percent_encode};

/// A settled target: one absolute URL and where its parts lie.
///
/// The scheme and host are in lower case and a default port is dropped; in the path percent-encoded unreserved
/// characters are decoded, other encodings are in upper case, dot segments are removed. The query is as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    authority_start: usize,
    path_start: usize,
    query_start: Option<usize>,
    ambiguity: Option<Reason>,
}

/// What is beyond ASCII is encoded whatever the set.
const BEYOND_ASCII: &AsciiSet = &AsciiSet::EMPTY;

/// Why a request has no target, or a text is no URL.
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

/// Whether a request of this version came on a stream of its own, with pseudo-header fields.
fn is_by_stream(version: Version) -> bool {
    matches!(version, Version::HTTP_2 | Version::HTTP_3)
}

/// The length of the longest scheme and its `://`.
const SCHEME_BYTES_MAX: usize = "https://".len();

impl Target {
    /// Settles the target of a request, with what its method and version add to [`Self::settle`]: `*` is the target
    /// of OPTIONS alone (RFC 9112 section 3.2.4), and over HTTP/2 and HTTP/3 a Host that differs from `:authority` is
    /// refused (RFC 9113 section 8.3.1, RFC 9114 section 4.3.1).
    ///
    /// # Errors
    /// Where the request names no single authority or no path.
    pub fn of<B>(request: &Request<B>, scheme: &Scheme) -> Result<Self, TargetError> {
        let (uri, headers) = (request.uri(), request.headers());
        if is_by_stream(request.version()) && uri.authority().is_some() && headers.contains_key(header::HOST) {
            let host = host_field(headers)?;
            let authority = uri.authority().ok_or(TargetError::Host)?;
            if !is_same_authority(host, authority.as_str(), scheme.as_str()) {
                return Err(TargetError::Mismatch);
            }
        }
        if uri.path() == "*" {
            if request.method() != Method::OPTIONS {
                return Err(TargetError::Form);
            }
            return Self::assemble(scheme.as_str(), authority_of(uri, headers)?, PathOrAsterisk::Asterisk, None);
        }
        Self::settle(uri, headers, scheme)
    }

    /// Settles the target of a request.
    ///
    /// The authority of an absolute-form target takes the place of Host (RFC 9112 section 3.2.2). The scheme is the
    /// connection's, whatever scheme the target names: what a client writes there never picks a key.
    ///
    /// # Errors
    /// Where the request names no single authority or no path.
    pub fn settle(uri: &Uri, headers: &HeaderMap, scheme: &Scheme) -> Result<Self, TargetError> {
        if uri.path() == "*" {
            return Err(TargetError::Form);
        }
        Self::assemble(scheme.as_str(), authority_of(uri, headers)?, PathOrAsterisk::Path(uri.path()), uri.query())
    }

    /// Settles a target in origin form (RFC 9112 section 3.2.1) at the authority of this one: a path, which begins with
    /// `/`, with its query. The same as [`Self::settle`] makes of them.
    #[must_use]
    pub fn beside(&self, path_and_query: &str) -> Self {
        let path_bytes = path_and_query.bytes().position(|byte| byte == b'?');
        let (path, query) = match path_bytes.and_then(|bytes| path_and_query.split_at_checked(bytes)) {
            Some((path, query)) => (path, query.get(1..)),
            None => (path_and_query, None),
        };
        let mut url = String::with_capacity(self.path_start + path_and_query.len());
        url.push_str(&self.url[..self.path_start]);
        Self::finish(url, self.authority_start, PathOrAsterisk::Path(path), query)
    }

    /// Settles an absolute `http` or `https` URL, such as a purge names. A fragment is dropped.
    ///
    /// # Errors
    /// Where the text is no such URL, or its authority holds user information or is no host.
    pub fn parse_absolute(url: &str) -> Result<Self, TargetError> {
        let uri: Uri = url.parse().map_err(|_| TargetError::Form)?;
        let scheme = web_scheme(&uri)?;
        let authority = uri.authority().ok_or(TargetError::Host)?;
        Self::assemble(scheme, authority.as_str(), PathOrAsterisk::Path(uri.path()), uri.query())
    }

    /// Resolves a URI reference, such as Location holds, against this target: RFC 3986 section 5.2.
    ///
    /// # Errors
    /// Where the result is no `http` or `https` URL.
    pub fn join(&self, reference: &str) -> Result<Self, TargetError> {
        let reference = reference.split('#').next().unwrap_or_default();
        if has_scheme(reference) {
            return Self::parse_absolute(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::parse_absolute(&format!("{}://{rest}", self.scheme()));
        }
        let path_and_query = match reference.as_bytes().first() {
            None => return Ok(self.clone()),
            Some(b'/') => reference.to_owned(),
            Some(b'?') => format!("{}{reference}", self.path()),
            Some(_) => {
                let folder_end = self.path().rfind('/').map_or(0, |slash| slash + 1);
                format!("{}{reference}", self.path().get(..folder_end).unwrap_or("/"))
            }
        };
        let parsed = PathAndQuery::try_from(path_and_query).map_err(|_| TargetError::Form)?;
        Self::assemble(self.scheme(), self.authority(), PathOrAsterisk::Path(parsed.path()), parsed.query())
    }

    fn assemble(
        scheme: &str,
        authority: &str,
        path: PathOrAsterisk<'_>,
        query: Option<&str>,
    ) -> Result<Self, TargetError> {
        let authority = Authority::parse(authority).ok_or(TargetError::Host)?;
        let path_bytes = if let PathOrAsterisk::Path(path) = path { path.len() } else { 1 };
        let capacity = SCHEME_BYTES_MAX + authority.len_max() + path_bytes + query.map_or(0, |query| query.len() + 1);
        let mut url = String::with_capacity(capacity);
        url.push_str(scheme);
        url.push_str("://");
        let authority_start = url.len();
        authority.append_normalised(scheme, &mut url);
        Ok(Self::finish(url, authority_start, path, query))
    }

    /// Appends path and query to scheme and authority.
    fn finish(mut url: String, authority_start: usize, path: PathOrAsterisk<'_>, query: Option<&str>) -> Self {
        let path_start = url.len();
        let reading = match path {
            PathOrAsterisk::Path(path) => settle_path(path, &mut url),
            PathOrAsterisk::Asterisk => {
                url.push('*');
                PathReading::Ambiguous
            }
        };
        let ambiguity = match reading {
            PathReading::Plain => None,
            PathReading::Ambiguous => Some(Reason::AmbiguousPath),
        };
        let mut target = Self { url, authority_start, path_start, query_start: None, ambiguity };
        target.append_query(query);
        target
    }

    fn append_query(&mut self, query: Option<&str>) {
        if let Some(query) = query {
            self.url.push('?');
            self.query_start = Some(self.url.len());
            if query.is_ascii() {
                self.url.push_str(query);
            } else {
                self.url.extend(utf8_percent_encode(query, BEYOND_ASCII));
            }
        }
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
        &self.url[..self.authority_start - "://".len()]
    }

    /// Host and, where it is not the default, port.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.url[self.authority_start..self.path_start]
    }

    /// The Host field of a request for this target: RFC 9110 section 7.2.
    #[must_use]
    pub fn host_value(&self) -> HeaderValue {
        HeaderValue::from_str(self.authority()).expect("an authority is made of letters, digits and -._~:[]")
    }

    /// The settled path, beginning with `/`; or `*`, see [`Self::is_asterisk`].
    #[must_use]
    pub fn path(&self) -> &str {
        let end = self.query_start.map_or(self.url.len(), |start| start - 1);
        &self.url[self.path_start..end]
    }

    /// Whether it is the server as a whole, the `*` of an OPTIONS request (RFC 9112 section 3.2.4). Its path is `*`
    /// and counts as ambiguous, so that it is never cached.
    #[must_use]
    pub fn is_asterisk(&self) -> bool {
        self.path() == "*"
    }

    /// The query without its `?`; `None` if there is no `?`.
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
        let path_end = self.query_start.map_or(self.url.len(), |start| start - 1);
        let mut url = String::with_capacity(path_end + query.map_or(0, |query| query.len() + 1));
        url.push_str(&self.url[..path_end]);
        let Self { authority_start, path_start, ambiguity, .. } = *self;
        let mut target = Self { url, authority_start, path_start, query_start: None, ambiguity };
        target.append_query(query);
        target
    }

    /// Whether both have one host and port. Their schemes may differ: where TLS ends in front of Larder, an origin names as
    /// `https` what reaches it as `http`.
    #[must_use]
    pub fn is_same_authority(&self, other: &Self) -> bool {
        self.authority() == other.authority()
    }

    /// Why the path can be read in more than one way, if it can: encoded delimiters (`%2F`, `%5C`, `%3B`, `%00`…),
    /// backslashes, path parameters (`;`), empty segments, malformed percent-encoding.
    #[must_use]
    pub const fn ambiguity(&self) -> Option<Reason> {
        self.ambiguity
    }
}

/// The target's path, or the whole server.
#[derive(Clone, Copy)]
enum PathOrAsterisk<'a> {
    Path(&'a str),
    Asterisk,
}

/// Whether a reference begins with a scheme: RFC 3986 section 4.2.
fn has_scheme(reference: &str) -> bool {
    reference.split(['/', '?']).next().is_some_and(|first| first.contains(':'))
}

/// The authority that a request names: its target's, else its Host.
fn authority_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, TargetError> {
    let Some(authority) = uri.authority() else { return host_field(headers) };
    // Without a scheme this is the authority form, which is for CONNECT alone (RFC 9112 section 3.2.3).
    web_scheme(uri)?;
    if headers.contains_key(header::HOST) {
        // Its value is of no account, but more than one is malformed (RFC 9112 section 3.2).
        host_field(headers)?;
    }
    Ok(authority.as_str())
}

/// The one Host field of a request: RFC 9112 section 3.2.
fn host_field(headers: &HeaderMap) -> Result<&str, TargetError> {
    let mut lines = headers.get_all(header::HOST).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().map_err(|_| TargetError::Host),
        _ => Err(TargetError::Host),
    }
}

fn web_scheme(uri: &Uri) -> Result<&'static str, TargetError> {
    match uri.scheme_str() {
        Some(scheme) if scheme.eq_ignore_ascii_case("http") => Ok("http"),
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => Ok("https"),
        _ => Err(TargetError::Form),
    }
}

fn is_same_authority(one: &str, other: &str, scheme: &str) -> bool {
    normalised_authority(one, scheme).is_some_and(|one| Some(one) == normalised_authority(other, scheme))
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
