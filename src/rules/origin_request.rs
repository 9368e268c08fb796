//! What a route's origin is asked instead of what the client asked: another path, another Host, fields put in or taken
//! out. And the way back: the URLs that an answer names, as the client knows them.
//!
//! Everything else (the key, purges, invalidations, what is stored) knows the client's side only.

use crate::semantics::authority::normalised_authority;
use crate::semantics::forwarding::keep_from_connection;
use crate::semantics::target::Target;
use http::header::{CONTENT_LOCATION, HOST, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode;
use std::borrow::Cow;
use std::sync::Arc;

/// The name of a pool of upstream servers: `default` is that of `[upstream]`, others that of `[upstreams.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolName(Arc<str>);

impl PoolName {
    /// The pool of `[upstream]`.
    pub const DEFAULT: &str = "default";

    /// A name that is known to be well formed.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `upstream`, `strip_prefix`, `add_prefix`, `upstream_host`, `set_request_headers` and `remove_request_headers`, resolved.
#[derive(Debug, Clone, Default)]
pub struct OriginRequestRule {
    /// Which servers are asked; none: the default pool.
    pub pool: Option<PoolName>,
    /// Taken from the front of the client's path: whole segments, `/shop`, or nothing. Every path of the route has it.
    pub strip_prefix: String,
    /// Put in front of what is left: `/v2`, or nothing.
    pub add_prefix: String,
    /// The Host that the origin is sent; none: the client's.
    pub host: Option<HeaderValue>,
    /// Fields that are sent with these values, whatever the client sent.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Fields that are not sent.
    pub removed: Vec<HeaderName>,
}

/// Why a path has no counterpart at the origin: it holds encoded dot segments, which could leave the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path can be read as leaving the route's prefix")]
pub struct LeavesPrefix;

impl OriginRequestRule {
    /// Whether client and origin know a thing by different paths.
    #[must_use]
    pub const fn maps_paths(&self) -> bool {
        !self.strip_prefix.is_empty() || !self.add_prefix.is_empty()
    }

    /// The origin's path and query for the client's, which are settled and match the route.
    #[must_use]
    pub fn path_and_query<'a>(&self, clients: &'a str) -> Cow<'a, str> {
        if !self.maps_paths() {
            return Cow::Borrowed(clients);
        }
        let (path, rest) = clients.split_at(clients.find('?').unwrap_or(clients.len()));
        let mapped = moved(path.as_bytes(), &self.strip_prefix, &self.add_prefix);
        match mapped.as_deref().map(std::str::from_utf8) {
            Some(Ok(path)) => Cow::Owned(format!("{path}{rest}")),
            // The route's own path begins with what is stripped, so there is none that does not.
            Some(Err(_)) | None => Cow::Borrowed(clients),
        }
    }

    /// As [`Self::path_and_query`] for a request that passes through, which came as `raw`: word for word where paths are
    /// not mapped, else by the target's settled path.
    ///
    /// # Errors
    /// Where paths are mapped and this one might leave the prefix again, depending on who reads it.
    pub fn path_and_query_passed<'a>(&self, raw: &'a str, target: &'a Target) -> Result<Cow<'a, str>, LeavesPrefix> {
        if !self.maps_paths() {
            return Ok(Cow::Borrowed(raw));
        }
        if target.ambiguity().is_some() && may_hold_dot_segments(target.path()) {
            return Err(LeavesPrefix);
        }
        Ok(self.path_and_query(target.path_and_query()))
    }

    /// The Host that is sent for a target.
    #[must_use]
    pub fn host_value(&self, target: &Target) -> HeaderValue {
        self.host.clone().unwrap_or_else(|| target.host_value())
    }

    /// Has a request that passes through name the host that is sent for its target. One that does so already stays as it
    /// came.
    pub fn set_host(&self, target: &Target, headers: &mut HeaderMap) {
        let wanted = self.host.as_ref().map_or(target.authority().as_bytes(), HeaderValue::as_bytes);
        if headers.get(HOST).is_none_or(|host| host.as_bytes() != wanted) {
            headers.insert(HOST, self.host_value(target));
        }
    }

    /// Puts fields in and takes fields out of a request that passes through.
    pub fn change(&self, headers: &mut HeaderMap) {
        for name in &self.removed {
            headers.remove(name);
        }
        if self.set.is_empty() {
            return;
        }
        // A client could have them dropped on the way by naming them in Connection.
        keep_from_connection(headers, |name| self.set.iter().any(|(set, _)| set == name));
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
    }

    /// Whether the origin is sent the fields that the client sent.
    #[must_use]
    pub const fn leaves_fields(&self) -> bool {
        self.host.is_none() && self.set.is_empty() && self.removed.is_empty()
    }

    /// What is set for a field, if it is.
    #[must_use]
    pub fn set_value(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.set.iter().find(|(set, _)| set == name).map(|(_, value)| value)
    }

    /// Whether the origin is sent something else, or nothing, in place of a client's field.
    #[must_use]
    pub fn replaces(&self, name: &HeaderName) -> bool {
        self.set_value(name).is_some() || self.removed.contains(name)
    }

    /// Whether answers may name things otherwise than their clients know them.
    #[must_use]
    pub const fn maps_back(&self) -> bool {
        self.maps_paths() || self.host.is_some()
    }

    /// Rewrites Location and Content-Location of an answer as the client knows them. `target` is the client's.
    pub fn map_back(&self, target: &Target, headers: &mut HeaderMap) {
        if !self.maps_back() {
            return;
        }
        for name in [LOCATION, CONTENT_LOCATION] {
            if let http::header::Entry::Occupied(mut lines) = headers.entry(&name) {
                for line in lines.iter_mut() {
                    let mapped = self.reference(target, line.as_bytes()).map(|mapped| HeaderValue::from_bytes(&mapped));
                    if let Some(Ok(mapped)) = mapped {
                        *line = mapped;
                    }
                }
            }
        }
    }

    /// A URI reference of the origin's as the client knows it; `None` if that is the same, or it names something else.
    fn reference(&self, target: &Target, reference: &[u8]) -> Option<Vec<u8>> {
        let (scheme, rest) = match split_scheme(reference) {
            Some((scheme @ (b"http" | b"https"), rest)) => (Some(scheme), rest),
            Some(_) => return None,
            None => (None, reference),
        };
        let Some(after_slashes) = rest.strip_prefix(b"//") else {
            if scheme.is_some() {
                return None;
            }
            return self.path_reference(target, rest);
        };
        let authority_end = after_slashes.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(after_slashes.len());
        let (authority, path_and_more) = after_slashes.split_at(authority_end);
        let named_scheme = scheme.map_or(target.scheme(), |scheme| if scheme == b"https" { "https" } else { "http" });
        let authority = normalised_authority(std::str::from_utf8(authority).ok()?, named_scheme)?;
        let is_origins = self.host.as_ref().is_some_and(|host| {
            host.to_str().ok().and_then(|host| normalised_authority(host, named_scheme)).as_ref() == Some(&authority)
        });
        if !is_origins && authority != target.authority() {
            return None;
        }
        // The origin's own name comes with the scheme that its servers are asked by.
        let scheme = if is_origins && scheme == Some(b"http") { Some(target.scheme().as_bytes()) } else { scheme };
        let mut mapped = Vec::with_capacity(reference.len() + target.authority().len());
        if let Some(scheme) = scheme {
            mapped.extend_from_slice(scheme);
            mapped.push(b':');
        }
        mapped.extend_from_slice(b"//");
        mapped.extend_from_slice(target.authority().as_bytes());
        mapped.extend_from_slice(&self.clients_path(path_and_more));
        Some(mapped)
    }

    /// A reference without an authority.
    fn path_reference(&self, target: &Target, reference: &[u8]) -> Option<Vec<u8>> {
        if !self.maps_paths() {
            return None;
        }
        if reference.first() == Some(&b'/') {
            return Some(self.clients_path(reference));
        }
        let text = std::str::from_utf8(reference).ok()?;
        let (reference, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
        let asked = target.beside(&self.path_and_query(target.path_and_query()));
        let named = asked.join(reference).ok()?;
        let mapped = self.clients_path(named.path_and_query().as_bytes());
        // Most name the same from either side.
        if target.join(reference).is_ok_and(|clients| clients.path_and_query().as_bytes() == mapped) {
            return None;
        }
        Some([&mapped, fragment.as_bytes()].concat())
    }

    /// The client's path for the origin's, with what follows it. A path that is not below `add_prefix` has none and stays.
    fn clients_path(&self, path_and_more: &[u8]) -> Vec<u8> {
        let path_end = path_and_more.iter().position(|byte| b"?#".contains(byte)).unwrap_or(path_and_more.len());
        let (path, more) = path_and_more.split_at(path_end);
        let path = if path.is_empty() && self.maps_paths() { b"/" } else { path };
        let mapped = moved(path, &self.add_prefix, &self.strip_prefix).unwrap_or_else(|| path.to_vec());
        [&mapped, more].concat()
    }
}

/// A path with one prefix in place of another; `None` if it does not have that one as whole segments.
fn moved(path: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    let rest = path.strip_prefix(from.as_bytes())?;
    if !rest.is_empty() && rest.first() != Some(&b'/') {
        return None;
    }
    let moved = [to.as_bytes(), rest].concat();
    Some(if moved.is_empty() { b"/".to_vec() } else { moved })
}

/// The scheme of a reference in lower case, and what follows its colon: RFC 3986 section 3.1.
fn split_scheme(reference: &[u8]) -> Option<(&'static [u8], &[u8])> {
    let end = reference.iter().position(|byte| b":/?#".contains(byte))?;
    let rest = reference.get(end..)?.strip_prefix(b":")?;
    Some(match reference.get(..end)? {
        scheme if scheme.eq_ignore_ascii_case(b"http") => (b"http", rest),
        scheme if scheme.eq_ignore_ascii_case(b"https") => (b"https", rest),
        _ => (b"", rest),
    })
}

/// Whether a path has dot segments for a reader who decodes it more than once.
fn may_hold_dot_segments(path: &str) -> bool {
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..3 {
        if bytes.windows(2).any(|pair| pair == b"..") {
            return true;
        }
        bytes = percent_decode(&bytes).collect();
    }
    bytes.windows(2).any(|pair| pair == b"..")
}

#[cfg(test)]
#[path = "origin_request_tests.rs"]
mod tests;
