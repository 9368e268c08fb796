//! What of a request counts, from a raw `[[route]]`: `query`, `headers`, `cookies` and
//! `vary_origin`, which are keyed, and `bypass`.

use super::field_names::{FieldUse, field_names};
use super::problem::Problems;
use super::raw_rules::{RawBypass, RawQuery, RawRoute};
use super::table::Placed;
use super::values::Texts;
use crate::rules::body_key::{BODY_KEY_BYTES_DEFAULT, BODY_KEY_BYTES_MAX, BodyKeyRule, KeyedForm, query_method};
use crate::rules::bypass::BypassRule;
use crate::rules::key_recipe::{CookieRule, KeyRecipe, QueryRule};
use crate::semantics::authority::normalised_authority;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use http::{HeaderName, HeaderValue, Method};

pub(super) fn resolve(raw: &RawRoute, problems: &mut Problems) -> KeyRecipe {
    KeyRecipe {
        query: raw.query.as_ref().map_or(QueryRule::AsReceived, |query| self::query(query, problems)),
        headers: raw
            .headers
            .as_ref()
            .map(|headers| field_names(headers, FieldUse::Keyed, problems))
            .unwrap_or_default(),
        cookies: raw.cookies.as_ref().map_or(CookieRule::AsReceived, |cookies| self::cookies(cookies, problems)),
        origins: raw.vary_origin.as_ref().map(|origins| self::origins(origins, problems)),
    }
}

/// What of a body is part of the key. Where the route does not name its methods, those that it is about are added.
pub(super) fn body_key(raw: &RawRoute, methods: &mut Vec<Method>, problems: &mut Problems) -> Option<BodyKeyRule> {
    let caches = raw.cache.as_ref().is_none_or(|cache| cache.value);
    let of_operation =
        raw.operation.as_ref().filter(|_| caches).map(|operation| (KeyedForm::Graphql, &operation.place));
    let Some((form, place)) = raw.body_key.as_ref().map(|form| (form.value.0, &form.place)).or(of_operation) else {
        if let Some(max) = &raw.body_key_max {
            problems.error(
                &max.place,
                "no body is part of a key here",
                Some("add body_key = \"json\", or leave it out"),
            );
        }
        return None;
    };
    if raw.methods.is_none() && caches {
        methods.extend([Method::POST, query_method()]);
    }
    let is_about = methods.is_empty() || methods.iter().any(BodyKeyRule::is_about);
    if !is_about && form != KeyedForm::Graphql {
        let hint = "name one of both in `methods`, or leave `methods` out";
        problems.error(place, "the route names neither POST nor QUERY", Some(hint));
    }
    let mut bytes_max = BODY_KEY_BYTES_DEFAULT;
    if let Some(max) = &raw.body_key_max {
        bytes_max = usize::try_from(max.value.0).unwrap_or(usize::MAX);
        if !(1..=BODY_KEY_BYTES_MAX).contains(&bytes_max) {
            let hint = "a body is held in memory while it is answered: at most 1 MiB";
            problems.error(&max.place, "no useful size of a key's body", Some(hint));
        }
    }
    Some(BodyKeyRule { form, bytes_max })
}

/// Which requests pass the cache by; `None` if the block names nothing, which is noted.
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
            Self::Parameter => "parameter name",
            Self::Cookie => "cookie name",
            Self::Header => "header name",
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
            _ => problems.error(&name.place, format!("`{}` is not a {}", name.value, kind.text()), None::<String>),
        }
    }
    set.build().unwrap_or_else(|error| {
        problems.error(&names.place, format!("the patterns do not compile together: {error}"), None::<String>);
        GlobSet::empty()
    })
}

/// The values of Origin that are keyed and sent.
fn origins(written: &Placed<Texts>, problems: &mut Problems) -> Vec<HeaderValue> {
    let mut origins = Vec::new();
    for origin in &written.value {
        match serialised_origin(&origin.value) {
            Ok(value) if origins.contains(&value) => {}
            Ok(value) => origins.push(value),
            Err(hint) => problems.error(&origin.place, format!("`{}` is not an origin", origin.value), Some(hint)),
        }
    }
    origins
}

/// An origin as browsers send it (RFC 6454 section 6.1): scheme and host in lower case, no default port, no path.
fn serialised_origin(text: &str) -> Result<HeaderValue, String> {
    const EXAMPLE: &str = "write scheme, host and port as browsers send them: \"https://shop.example.com\"";
    let Some((scheme, authority)) = text.split_once("://") else { return Err(EXAMPLE.to_owned()) };
    let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.split('/').next().unwrap_or_default());
    let authority = normalised_authority(authority, &scheme).filter(|_| matches!(&*scheme, "http" | "https"));
    let Some(authority) = authority else { return Err(EXAMPLE.to_owned()) };
    let serialised = format!("{scheme}://{authority}");
    if serialised != text {
        return Err(format!("write `{serialised}`, as browsers send it"));
    }
    HeaderValue::from_str(text).map_err(|_| EXAMPLE.to_owned())
}

fn cookies(written: &Placed<Texts>, problems: &mut Problems) -> CookieRule {
    let mut names: Vec<String> = Vec::new();
    for cookie in &written.value {
        // A cookie's name is a token, as a header's is.
        if cookie.value.parse::<HeaderName>().is_err() {
            problems.error(&cookie.place, format!("`{}` is not a cookie name", cookie.value), None::<String>);
        } else if !names.contains(&cookie.value) {
            names.push(cookie.value.clone());
        }
    }
    CookieRule::Only(names)
}
