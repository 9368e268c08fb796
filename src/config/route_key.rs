//! What of a request counts, from a raw `[[route]]`: `query`, `headers` and `cookies`, which are keyed, and `bypass`.

use super::problem::Problems;
use super::rules_file::{RawBypass, RawQuery, RawRoute};
use super::table::Placed;
use super::values::Texts;
use crate::rules::bypass::BypassRule;
use crate::rules::key_recipe::{CookieRule, KeyRecipe, QueryRule};
use crate::semantics::conditional::CONDITIONAL_FIELDS;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use http::HeaderName;

pub(super) fn resolve(raw: &RawRoute, problems: &mut Problems) -> KeyRecipe {
    KeyRecipe {
        query: raw.query.as_ref().map_or(QueryRule::AsReceived, |query| self::query(query, problems)),
        headers: raw.headers.as_ref().map(|headers| self::headers(headers, problems)).unwrap_or_default(),
        cookies: raw.cookies.as_ref().map_or(CookieRule::AsReceived, |cookies| self::cookies(cookies, problems)),
    }
}

/// Which requests pass the cache by; none where the block names nothing, which is noted.
pub(super) fn bypass(written: &Placed<RawBypass>, problems: &mut Problems) -> Option<BypassRule> {
    let RawBypass { cookies, headers, query } = &written.value;
    let names_nothing =
        [cookies, headers, query].iter().all(|names| names.as_ref().is_none_or(|names| names.value.is_empty()));
    if names_nothing {
        if !problems.has_errors_within(&written.place) {
            let hint = "write bypass = { cookies = [\"session*\"] }, or leave `bypass` out";
            problems.error(&written.place, "`bypass` names nothing that a request could carry", Some(hint));
        }
        return None;
    }
    let mut globs = |names: &Option<Placed<Texts>>, kind: Named| {
        names.as_ref().map_or_else(GlobSet::empty, |names| self::globs(names, kind, problems))
    };
    Some(BypassRule {
        cookies: globs(cookies, Named::Cookie),
        headers: globs(headers, Named::Header),
        query: globs(query, Named::Parameter),
    })
}

/// What a glob names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Parameter,
    Cookie,
    Header,
}

impl Named {
    const fn text(self) -> &'static str {
        match self {
            Self::Parameter => "name of a parameter",
            Self::Cookie => "name of a cookie",
            Self::Header => "name of a header",
        }
    }

    /// Whether a glob can match a name of this kind: cookies and headers are tokens.
    fn can_be(self, glob: &str) -> bool {
        let without_stars = glob.replace('*', "x");
        !glob.is_empty() && (self == Self::Parameter || without_stars.parse::<HeaderName>().is_ok())
    }
}

fn query(written: &Placed<RawQuery>, problems: &mut Problems) -> QueryRule {
    match (&written.value.allow, &written.value.deny) {
        (Some(allow), None) => QueryRule::Allow(globs(allow, Named::Parameter, problems)),
        (None, Some(deny)) => QueryRule::Deny(globs(deny, Named::Parameter, problems)),
        (Some(_), Some(_)) => {
            let hint = "keep `allow`: what it does not list is denied";
            problems.error(&written.place, "`query` has both `allow` and `deny`", Some(hint));
            QueryRule::AsReceived
        }
        (None, None) => {
            if !problems.has_errors_within(&written.place) {
                let hint = "write query = { allow = [\"page\"] }, or leave `query` out to keep it as it came";
                problems.error(&written.place, "`query` has neither `allow` nor `deny`", Some(hint));
            }
            QueryRule::AsReceived
        }
    }
}

/// Names in which only `*` is special: brackets are common in names of parameters. Headers have no case.
fn globs(names: &Placed<Texts>, kind: Named, problems: &mut Problems) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for name in &names.value {
        let escaped: Vec<String> = name.value.split('*').map(globset::escape).collect();
        let glob = GlobBuilder::new(&escaped.join("*"))
            .literal_separator(false)
            .backslash_escape(true)
            .case_insensitive(kind == Named::Header)
            .build();
        match glob {
            Ok(glob) if kind.can_be(&name.value) => {
                set.add(glob);
            }
            _ => problems.error(&name.place, format!("`{}` is no {}", name.value, kind.text()), None::<String>),
        }
    }
    set.build().unwrap_or_else(|error| {
        problems.error(&names.place, format!("the names do not compile together: {error}"), None::<String>);
        GlobSet::empty()
    })
}

fn headers(written: &Placed<Texts>, problems: &mut Problems) -> Vec<HeaderName> {
    let mut names: Vec<HeaderName> = Vec::new();
    for header in &written.value {
        match header.value.parse::<HeaderName>() {
            Ok(name) => match never_keyed(&name) {
                Some(why) => problems.error(&header.place, format!("`{name}` cannot be keyed"), Some(why)),
                None => names.push(name),
            },
            Err(_) => problems.error(&header.place, format!("`{}` is no header", header.value), None::<String>),
        }
    }
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}

/// Why a header can't be part of a key, if it can't.
fn never_keyed(name: &HeaderName) -> Option<&'static str> {
    const HOP_BY_HOP: [&str; 9] = [
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let is_conditional = CONDITIONAL_FIELDS.contains(name);
    match name.as_str() {
        "host" => Some("host and port are part of every key; use `host` to tell routes apart"),
        "x-forwarded-for" | "x-forwarded-proto" | "forwarded" | "via" => {
            Some("it is replaced on the way to the origin")
        }
        _ if is_conditional => Some("conditional and range requests are answered from the whole response"),
        other if HOP_BY_HOP.contains(&other) => Some("it concerns one connection only and is not sent on"),
        _ => None,
    }
}

fn cookies(written: &Placed<Texts>, problems: &mut Problems) -> CookieRule {
    let mut names: Vec<String> = Vec::new();
    for cookie in &written.value {
        // A cookie's name is a token, as a header's is.
        if cookie.value.parse::<HeaderName>().is_err() {
            problems.error(&cookie.place, format!("`{}` is no name of a cookie", cookie.value), None::<String>);
        } else if !names.contains(&cookie.value) {
            names.push(cookie.value.clone());
        }
    }
    CookieRule::Only(names)
}
