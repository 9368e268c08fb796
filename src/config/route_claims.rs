//! `claims`, from a raw `[[route]]`: which claims of a token are part of the key, and what does not go with that.

use super::problem::Problems;
use super::raw_rules::RawRoute;
use super::table::Placed;
use super::values::Texts;
use crate::rules::Route;
use crate::rules::claims::ClaimsRule;
use http::header::AUTHORIZATION;

/// How many claims a route may key, and how long their names may be, in bytes.
const CLAIMS: (usize, usize) = (16, 256);

/// Resolves them for `route`, of which key and lifetime are known, and what the origin is asked.
pub(super) fn resolve(
    written: &Placed<Texts>,
    raw: &RawRoute,
    route: &Route,
    problems: &mut Problems,
) -> Option<ClaimsRule> {
    let names = &written.value;
    if names.is_empty() || names.len() > CLAIMS.0 {
        let hint = "name up to 16 claims: claims = [\"group\"]";
        problems.error(&written.place, "a route keys some claims, or has no `claims`", Some(hint));
    }
    for name in names {
        if name.value.is_empty() || name.value.len() > CLAIMS.1 {
            let hint = "write the claim's name as the token has it: \"group\"";
            problems.error(&name.place, format!("`{}` is not the name of a claim", name.value), Some(hint));
        }
    }
    refuse_what_needs_no_client(raw, problems);
    let is_keyed = route.key.headers.contains(&AUTHORIZATION);
    if is_keyed || route.to_origin.replaces(&AUTHORIZATION) {
        let (message, hint) = if is_keyed {
            ("the token itself is part of the key, so nothing is shared", "take \"authorization\" out of `headers`")
        } else {
            ("the origin is not sent the token", "leave Authorization as clients send it")
        };
        problems.error(&written.place, message, Some(hint));
    }
    ClaimsRule::of(names.iter().map(|name| name.value.as_str()))
}

/// Larder has no token of its own, and keeps none, so nothing is fetched without a client.
fn refuse_what_needs_no_client(raw: &RawRoute, problems: &mut Problems) {
    let keys = [
        ("stale_while_revalidate", raw.stale_while_revalidate.as_ref().map(|written| &written.place)),
        ("refresh_ahead", raw.refresh_ahead.as_ref().map(|written| &written.place)),
    ];
    for (key, place) in keys {
        if let Some(place) = place {
            let hint = "leave it out: who comes first after the lifetime fetches with its own token";
            problems.error(
                place,
                format!("`{key}` refreshes without a client's token, which `claims` needs"),
                Some(hint),
            );
        }
    }
}
