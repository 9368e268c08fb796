//! Warnings: rules that can be used but hardly mean what they say.

use super::problem::{Place, Problem, Problems};
use super::raw_rules::RawRoute;
use super::route::WrittenRoute;
use super::table::Placed;
use super::{privacy_lint, shape_lint};
use crate::rules::RuleSet;
use crate::rules::key_recipe::CookieRule;
use crate::rules::route::RouteMode;
use http::Method;
use std::path::Path;

pub(super) fn lint(written: &[WrittenRoute], rule_set: &RuleSet, path: &Path, problems: &mut Problems) {
    if written.is_empty() {
        let message = format!("there is no route in `{}`, so everything passes through", path.display());
        let hint = "write a file there that says what may be cached: `[[route]]`, `path = \"/api/products/**\"`, `ttl = \"1m\"`; \
                    it is read as soon as it is there";
        let mut warning = Problem::without_place(&message, Some(hint));
        warning.severity = super::problem::Severity::Warning;
        problems.push(warning);
    }
    for found in rule_set.unreachable_routes() {
        let place = |name: &crate::scope::RouteName| {
            written.iter().find(|written| written.route.name == *name).map(|written| path_place(written).clone())
        };
        if let (Some(place_of_route), Some(place_of_earlier)) =
            (place(&found.route.name), place(&found.covered_by.name))
        {
            let message = format!("the route `{}` can never match", found.route.name);
            let hint =
                format!("`{}` in {place_of_earlier} takes all its requests; put this one first", found.covered_by.name);
            problems.push(Problem::warning(&place_of_route, message, hint));
        }
    }
    shape_lint::lint_folder(path, problems);
    for written in written {
        shape_lint::lint(written, problems);
        match written.route.mode {
            RouteMode::PassThrough => lint_exception(&written.raw, problems),
            RouteMode::Cache => {
                lint_caching(written, problems);
                privacy_lint::lint(written, problems);
            }
        }
    }
}

fn path_place(written: &WrittenRoute) -> &Place {
    written.raw.path.as_ref().map_or(&written.place, |path| &path.place)
}

/// A route that passes through: keys of the cache mean nothing there.
fn lint_exception(raw: &RawRoute, problems: &mut Problems) {
    fn place<T>(name: &'static str, value: Option<&Placed<T>>) -> Option<(&'static str, Place)> {
        value.map(|value| (name, value.place.clone()))
    }
    let idle = [
        place("ttl", raw.ttl.as_ref()),
        place("origin", raw.origin.as_ref()),
        place("ignore", raw.ignore.as_ref()),
        place("max_ttl", raw.max_ttl.as_ref()),
        place("not_after", raw.not_after.as_ref()),
        place("settle", raw.settle.as_ref()),
        place("lifetime_fields", raw.lifetime_fields.as_ref()),
        place("ttl_by_status", raw.ttl_by_status.as_ref()),
        place("jitter", raw.jitter.as_ref()),
        place("stale_while_revalidate", raw.stale_while_revalidate.as_ref()),
        place("stale_if_error", raw.stale_if_error.as_ref()),
        place("stale_if_error_on", raw.stale_if_error_on.as_ref()),
        place("refresh_ahead", raw.refresh_ahead.as_ref()),
        place("query", raw.query.as_ref()),
        place("headers", raw.headers.as_ref()),
        place("cookies", raw.cookies.as_ref()),
        place("vary_origin", raw.vary_origin.as_ref()),
        place("browser_cache_control", raw.browser_cache_control.as_ref()),
        place("body_key", raw.body_key.as_ref()),
        place("bypass", raw.bypass.as_ref()),
        place("tags", raw.tags.as_ref()),
        place("set_cookie", raw.set_cookie.as_ref()),
        place("client_directives", raw.client_directives.as_ref()),
        place("compress", raw.compress.as_ref()),
        place("max_body", raw.max_body.as_ref()),
        place("coalesce_wait", raw.coalesce_wait.as_ref()),
    ];
    for (name, place) in idle.into_iter().flatten() {
        let message = format!("`{name}` means nothing where `cache = false`");
        problems.push(Problem::warning(&place, message, "what passes through is neither keyed nor stored nor changed"));
    }
}

fn lint_caching(written: &WrittenRoute, problems: &mut Problems) {
    let WrittenRoute { route, raw, .. } = written;
    if let Some(methods) = &raw.methods
        && !route.names_method(&Method::GET)
        && route.body_key.is_none()
    {
        let hint =
            "answers to GET can be stored, and HEAD is answered from them; for an exception, write `cache = false`";
        problems.push(Problem::warning(&methods.place, "nothing that this route matches can be stored", hint));
    }
    let gives_lifetimes = raw.ttl.is_some() || raw.ttl_by_status.is_some();
    if let (Some(jitter), false) = (&raw.jitter, gives_lifetimes) {
        let hint = "it spreads `ttl` and `ttl_by_status`; what the origin says stays as it is";
        problems.push(Problem::warning(&jitter.place, "`jitter` has no lifetime to spread", hint));
    }
    if let (Some(Placed { value, place }), false) = (&raw.origin, gives_lifetimes)
        && value.0 == crate::rules::lifetime::OriginPrecedence::Override
    {
        let hint = "add a `ttl`, or leave `origin` out";
        problems.push(Problem::warning(place, "nothing here goes before what the origin says", hint));
    }
    let keyed_cookie = raw
        .headers
        .as_ref()
        .and_then(|headers| headers.value.iter().find(|header| header.value.eq_ignore_ascii_case("cookie")));
    if let (Some(header), CookieRule::AsReceived) = (keyed_cookie, &route.key.cookies) {
        let hint = "list the cookies that count: cookies = [\"currency\"]";
        problems.push(Problem::warning(&header.place, "every visitor gets entries of their own", hint));
    }
}
