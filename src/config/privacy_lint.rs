//! Warnings: rules that may give one visitor what was made for another, or that keep nothing for fear of it.

use super::problem::{Problem, Problems};
use super::route::WrittenRoute;
use super::table::Placed;
use crate::rules::route::SetCookieRule;

/// Checks one route that caches.
pub(super) fn lint(written: &WrittenRoute, problems: &mut Problems) {
    let WrittenRoute { route, raw, .. } = written;
    let lifetime = raw.ttl.as_ref().map(|ttl| (&ttl.place, "ttl"));
    let by_status = || raw.ttl_by_status.as_ref().map(|by_status| (&by_status.place, "ttl_by_status"));
    let Some((place, key)) = lifetime.or_else(by_status) else { return };
    if route.leaves_cookies_undecided() {
        let message = format!(
            "`{key}` without `cookies`: visitors' cookies reach the origin, and nothing says whether they change the answer"
        );
        let hint = "write `cookies = []` where they change nothing, or list those that do: cookies = [\"currency\"]. Until then, \
                    what a request with cookies brings is kept only where the origin says public, s-maxage or Vary: Cookie";
        problems.push(Problem::warning(place, message, hint));
    }
    if let Some(Placed { place, .. }) = raw.set_cookie.as_ref().filter(|_| route.set_cookie == SetCookieRule::Store) {
        let message = format!("with a `{key}`, a cookie that the origin gave one visitor is given to all");
        let hint = "write `set_cookie = \"strip\"` to leave it out of what is stored and sent";
        problems.push(Problem::warning(place, message, hint));
    }
}
