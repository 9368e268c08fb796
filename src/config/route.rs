//! From one raw `[[route]]` to [`Route`]: defaults and checks.

use super::problem::{Place, Problems};
use super::raw_rules::RawRoute;
use super::table::{Placed, nearest};
use super::values::Texts;
use super::{
    route_answer, route_audit, route_claims, route_codings, route_graphql, route_key, route_lifetime, route_origin,
};
use crate::rules::Route;
use crate::rules::body_tags::BodyTags;
use crate::rules::host_pattern::HostPattern;
use crate::rules::pattern::PathPattern;
use crate::rules::route::RouteMode;
use crate::rules::tag_template::TagTemplate;
use crate::scope::{RouteName, Tag};
use http::Method;
use serde_json_path::JsonPath;
use std::num::NonZeroUsize;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The longest `settle`: for so long every purge is remembered.
const SETTLE_MAX: Duration = Duration::from_hours(1);

/// A resolved route and where it was written.
pub(super) struct WrittenRoute {
    pub(super) route: Route,
    pub(super) raw: RawRoute,
    pub(super) place: Place,
}

/// Resolves a route. What is wrong is noted; `None` if there is no path to go by.
pub(super) fn resolve_route(raw: &RawRoute, place: &Place, problems: &mut Problems) -> Option<Route> {
    let path = path(raw, place, problems)?;
    let mut route = Route::plain(name(raw, &path, problems), path);
    if let Some(Placed { value: false, .. }) = raw.cache {
        route.mode = RouteMode::PassThrough;
        route.methods.clear();
    }
    if let Some(methods) = &raw.methods {
        route.methods = self::methods(methods, problems);
    }
    route.host = raw.host.as_ref().and_then(|host| match HostPattern::parse(&host.value) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            problems.error(&host.place, error.to_string(), error.hint());
            None
        }
    });
    route.lifetime = route_lifetime::resolve(raw, problems);
    route.key = route_key::resolve(raw, problems);
    route.body_key = route_key::body_key(raw, &mut route.methods, problems);
    route_graphql::resolve(raw, &mut route, problems);
    route.to_origin = route_origin::resolve(raw, &route, problems);
    route.claims = raw.claims.as_ref().and_then(|claims| route_claims::resolve(claims, raw, &route, problems));
    route_answer::resolve(raw, &mut route, problems);
    route.bypass = raw.bypass.as_ref().and_then(|bypass| route_key::bypass(bypass, problems));
    if let Some(protocols) = &raw.upgrade {
        route.upgrade = upgrade(&protocols.value, problems);
    }
    route.tags = raw.tags.as_ref().map(|tags| self::tags(tags, &route.path, problems)).unwrap_or_default();
    route.purge_on_write =
        raw.purge_on_write.as_ref().map(|tags| self::tags(tags, &route.path, problems)).unwrap_or_default();
    route.body_tags = body_tags(raw, problems);
    route.audit = raw.audit.as_ref().and_then(|written| route_audit::resolve(written, &route, problems));
    route.search_term = raw.search_term.as_ref().and_then(|written| search_term(written, problems));
    if let Some(set_cookie) = &raw.set_cookie {
        route.set_cookie = set_cookie.value.0;
    }
    if let Some(directives) = &raw.client_directives {
        route.client_directives = directives.value.0;
    }
    route.codings =
        raw.compress.as_ref().map(|compress| route_codings::resolve(compress, problems)).unwrap_or_default();
    limits(raw, &mut route, problems);
    Some(route)
}

/// How much of a response is kept, how many fetches are under way at once, and how long they are waited for.
fn limits(raw: &RawRoute, route: &mut Route, problems: &mut Problems) {
    if let Some(max_body) = &raw.max_body {
        route.max_body_bytes = max_body.value.0;
        if route.max_body_bytes == 0 {
            problems.error(
                &max_body.place,
                "no body fits into `max_body`",
                Some("write `cache = false` to store nothing"),
            );
        }
    }
    if let Some(limit) = &raw.miss_limit {
        route.miss_limit = usize::try_from(limit.value).ok().and_then(NonZeroUsize::new);
        if route.miss_limit.is_none_or(|limit| limit.get() > Semaphore::MAX_PERMITS) {
            problems.error(&limit.place, "no useful limit", Some("leave it out to have none"));
        }
    }
    if let Some(settle) = &raw.settle {
        route.settle = Some(settle.value.0);
        if settle.value.0.is_zero() {
            problems.error(
                &settle.place,
                "`settle` cannot be zero",
                Some("leave it out: then nothing is kept shorter"),
            );
        } else if settle.value.0 > SETTLE_MAX {
            let hint = "write the longest time for which a replica of the origin's database lags: settle = \"2s\"";
            problems.error(&settle.place, "`settle` is longer than an hour", Some(hint));
        }
    }
    if let Some(wait) = &raw.coalesce_wait {
        route.coalesce_wait = wait.value.0;
    }
    if let Some(timeout) = &raw.read_timeout {
        route.read_timeout = Some(timeout.value.0);
        if timeout.value.0.is_zero() {
            problems.error(&timeout.place, "a timeout cannot be zero", None::<String>);
        }
    }
}

/// Names of protocols. Another version of HTTP, or TLS, would carry requests past every rule.
fn upgrade(written: &Texts, problems: &mut Problems) -> Vec<String> {
    let mut protocols = Vec::new();
    for protocol in written {
        let name = protocol.value.to_ascii_lowercase();
        if matches!(name.as_str(), "h2c" | "h2" | "http" | "tls") {
            let message = format!("`{}` would let requests reach the origin past every rule", protocol.value);
            problems.error(&protocol.place, message, Some("leave it out: clients then continue with HTTP/1.1"));
        } else if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            let hint = "write the name alone, without a version: \"websocket\"";
            problems.error(&protocol.place, format!("`{}` is not a protocol name", protocol.value), Some(hint));
        } else {
            protocols.push(name);
        }
    }
    protocols
}

fn search_term(written: &Placed<String>, problems: &mut Problems) -> Option<String> {
    if written.value.is_empty() || written.value.contains(['&', '=', '?', '#']) {
        let hint = "write the name of the query parameter, decoded: search_term = \"q\"";
        problems.error(&written.place, format!("`{}` is not the name of a query parameter", written.value), Some(hint));
        return None;
    }
    Some(written.value.clone())
}

fn body_tags(raw: &RawRoute, problems: &mut Problems) -> Option<BodyTags> {
    let Some(written) = &raw.tags_from_body else {
        if let Some(prefix) = &raw.tag_prefix {
            let hint = "say where the labels stand: tags_from_body = [\"$.items[*].sku\"]";
            problems.error(&prefix.place, "`tag_prefix` needs `tags_from_body`", Some(hint));
        }
        return None;
    };
    let mut paths = Vec::new();
    for path in &written.value {
        match JsonPath::parse(&path.value) {
            Ok(parsed) => paths.push(parsed),
            Err(error) => {
                let hint = "a JSONPath begins with `$`: \"$.items[*].sku\"";
                problems.error(&path.place, format!("`{}` is not a JSONPath: {error}", path.value), Some(hint));
            }
        }
    }
    let prefix = raw.tag_prefix.as_ref().map(|prefix| prefix.value.clone()).unwrap_or_default();
    if let Some(written) = raw.tag_prefix.as_ref().filter(|prefix| Tag::new(&format!("{}x", prefix.value)).is_err()) {
        let hint = "a tag is up to 64 KiB of text without control characters";
        problems.error(&written.place, format!("`{}` cannot be the beginning of a tag", written.value), Some(hint));
    }
    Some(BodyTags { paths, prefix })
}

fn path(raw: &RawRoute, place: &Place, problems: &mut Problems) -> Option<PathPattern> {
    let Some(path) = &raw.path else {
        if !problems.has_errors_within(place) {
            problems.error(
                place,
                "the route has no `path`",
                Some("say what it matches: path = \"/api/products/{id}\""),
            );
        }
        return None;
    };
    match PathPattern::parse(&path.value) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            problems.error(&path.place, error.to_string(), error.hint());
            None
        }
    }
}

fn name(raw: &RawRoute, path: &PathPattern, problems: &mut Problems) -> RouteName {
    let Some(name) = &raw.name else { return name_of(path, raw.operation.as_ref()) };
    let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if name.value.is_empty() || !name.value.chars().all(is_fit) {
        let hint = "a name is a label in metrics and logs: a-z, 0-9, `-` and `_`";
        problems.error(&name.place, format!("`{}` is not a route name", name.value), Some(hint));
    }
    RouteName::new(&name.value)
}

/// The name of a route that has none: its path's words, `/api/products/{id}` is `api-products-id`; then its operation.
fn name_of(path: &PathPattern, operation: Option<&Placed<String>>) -> RouteName {
    let words = path.source().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let words = words.chain(operation.map(|operation| operation.value.as_str()));
    let name = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    RouteName::new(if name.is_empty() { "all" } else { &name })
}

fn methods(written: &Placed<Vec<Placed<super::values::MethodText>>>, problems: &mut Problems) -> Vec<Method> {
    if written.value.is_empty() && !problems.has_errors_within(&written.place) {
        let hint = "leave `methods` out for GET and HEAD";
        problems.error(&written.place, "a route without methods matches nothing", Some(hint));
    }
    let mut methods: Vec<Method> = Vec::new();
    for method in written.value.iter().map(|method| &method.value.0) {
        let with_head = [method, &Method::HEAD].into_iter().take(if *method == Method::GET { 2 } else { 1 });
        for method in with_head {
            if !methods.contains(method) {
                methods.push(method.clone());
            }
        }
    }
    methods
}

fn tags(written: &Placed<Texts>, path: &PathPattern, problems: &mut Problems) -> Vec<TagTemplate> {
    let mut templates = Vec::new();
    for tag in &written.value {
        let template = match TagTemplate::parse(&tag.value) {
            Ok(template) => template,
            Err(error) => {
                let hint = "a tag is a line of text, with captures of the path in braces: \"product:{id}\"";
                problems.error(&tag.place, error.to_string(), Some(hint));
                continue;
            }
        };
        for name in template.capture_names().filter(|name| path.capture_names().all(|known| known != *name)) {
            let hint = match (nearest(name, path.capture_names()), path.capture_names().collect::<Vec<_>>()) {
                (Some(near), _) => format!("did you mean `{{{near}}}`?"),
                (None, known) if known.is_empty() => "the path captures nothing; put `{name}` for a segment".to_owned(),
                (None, known) => format!("the path captures {{{}}}", known.join("}, {")),
            };
            problems.error(
                &tag.place,
                format!("`{{{name}}}` is not a capture of the path `{}`", path.source()),
                Some(hint),
            );
        }
        templates.push(template);
    }
    templates
}
