//! What a route's origin is asked instead, from a raw `[[route]]`: paths, Host, fields.

use super::field_names::{FieldUse, field_names, field_values};
use super::problem::Problems;
use super::raw_rules::RawRoute;
use super::table::Placed;
use crate::rules::Route;
use crate::rules::key_recipe::CookieRule;
use crate::rules::origin_request::{OriginRequestRule, PoolName};
use crate::semantics::authority::normalised_authority;
use http::header::{COOKIE, ORIGIN};
use http::{HeaderName, HeaderValue};

/// Resolves what `route`, whose path and key are known, asks of its origin.
pub(super) fn resolve(raw: &RawRoute, route: &Route, problems: &mut Problems) -> OriginRequestRule {
    let set = raw.set_request_headers.as_ref();
    let removed = raw.remove_request_headers.as_ref();
    let rule = OriginRequestRule {
        pool: raw.upstream.as_ref().map(|written| PoolName::new(&written.value)),
        strip_prefix: raw.strip_prefix.as_ref().and_then(|written| prefix(written, problems)).unwrap_or_default(),
        add_prefix: raw.add_prefix.as_ref().and_then(|written| prefix(written, problems)).unwrap_or_default(),
        host: raw.upstream_host.as_ref().and_then(|written| upstream_host(written, problems)),
        set: set.map(|written| field_values(written, FieldUse::SetOnRequest, problems)).unwrap_or_default(),
        removed: removed
            .map(|written| field_names(written, FieldUse::RemovedFromRequest, problems))
            .unwrap_or_default(),
    };
    if let Some(written) = &raw.strip_prefix
        && !rule.strip_prefix.is_empty()
        && !route.path.begins_with(&rule.strip_prefix)
    {
        let hint = format!("let `path` begin with it, e.g. path = \"{}/**\"", rule.strip_prefix);
        let message = format!("not every path of the route begins with `{}`", written.value);
        problems.error(&written.place, message, Some(hint));
    }
    let names = set.into_iter().flat_map(|written| written.value.0.iter().map(|(name, _)| name));
    let names = names.chain(removed.into_iter().flat_map(|written| &written.value));
    for name in names {
        if name.value.parse().is_ok_and(|name: HeaderName| is_keyed(route, &name)) {
            let hint = "what is part of the key is sent as the client sent it; take it out of one of the two";
            problems.error(&name.place, format!("`{}` is part of the key", name.value), Some(hint));
        }
    }
    rule
}

/// Whether a field is part of the key as the client sent it.
fn is_keyed(route: &Route, name: &HeaderName) -> bool {
    route.key.headers.contains(name)
        || (*name == ORIGIN && route.key.origins.is_some())
        || (*name == COOKIE && matches!(&route.key.cookies, CookieRule::Only(names) if !names.is_empty()))
}

/// Whole segments from the front of a path, as requests are settled: no slash at its end, nothing that is encoded.
fn prefix(written: &Placed<String>, problems: &mut Problems) -> Option<String> {
    let text = &written.value;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&b);
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain);
    let is_prefix = text.strip_prefix('/').is_some_and(|segments| segments.split('/').all(is_segment));
    if !is_prefix {
        let trimmed = text.trim_matches('/');
        let hint = if trimmed.split('/').all(is_segment) {
            format!("write `/{trimmed}`")
        } else {
            "a prefix is made of whole segments: \"/shop\"".to_owned()
        };
        problems.error(&written.place, format!("`{text}` is not a path prefix"), Some(hint));
    }
    is_prefix.then(|| text.clone())
}

/// The host that servers want; none for `keep`, which leaves the client's.
pub(super) fn upstream_host(written: &Placed<String>, problems: &mut Problems) -> Option<HeaderValue> {
    let text = &written.value;
    if text == "keep" {
        return None;
    }
    let host = normalised_authority(text, "http").and_then(|_| HeaderValue::from_str(&text.to_ascii_lowercase()).ok());
    if host.is_none() {
        let hint = "write a host, with a port where it has one, \"api.internal\", or \"keep\" for the client's";
        problems.error(&written.place, format!("`{text}` is not a host"), Some(hint));
    }
    host
}
