//! What of a request goes into the key, and so into the fetch.

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use std::fmt::Write as _;

/// Which query parameters count.
#[derive(Debug, Clone)]
pub enum QueryRule {
    /// The query as it came, order and all.
    AsReceived,
    /// Only those whose name matches, sorted.
    Allow(globset::GlobSet),
    /// All but those whose name matches, sorted.
    Deny(globset::GlobSet),
}

impl QueryRule {
    /// What is left of a query. Parameters are compared and sorted by their decoded names, those of equal name keep
    /// their order, and each is kept as it was written. A query without parameters left is none at all.
    #[must_use]
    pub fn apply(&self, query: &str) -> Option<String> {
        let keeps: &dyn Fn(&str) -> bool = match self {
            Self::AsReceived => return Some(query.to_owned()),
            Self::Allow(names) => &|name| names.is_match(name),
            Self::Deny(names) => &|name| !names.is_match(name),
        };
        let mut kept: Vec<(String, &str)> = query
            .split('&')
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| (decoded_name(parameter), parameter))
            .filter(|(name, _)| keeps(name))
            .collect();
        kept.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut applied = String::with_capacity(query.len());
        for (place, (_, parameter)) in kept.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(applied, "{}{parameter}", if place == 0 { "" } else { "&" });
        }
        (!applied.is_empty()).then_some(applied)
    }
}

/// A parameter's name as an origin reads it: `+` is a space, percent-encodings are decoded.
pub(super) fn decoded_name(parameter: &str) -> String {
    let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
    if name.contains(['%', '+']) {
        percent_decode_str(&name.replace('+', " ")).decode_utf8_lossy().into_owned()
    } else {
        name.to_owned()
    }
}

/// Which cookies count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CookieRule {
    /// `cookies` is absent: the Cookie field is sent as it came and not keyed.
    AsReceived,
    /// Only these are sent, and they are keyed.
    Only(Vec<String>),
}

/// The cookies of a request whose names are listed, in listed order; those of equal name in the order they came.
pub(super) fn listed_cookies<'a>(
    listed: &'a [String],
    lines: impl Iterator<Item = &'a HeaderValue>,
) -> Vec<(&'a str, &'a [u8])> {
    if listed.is_empty() {
        return Vec::new();
    }
    let presented: Vec<(&[u8], &[u8])> =
        lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).filter_map(cookie_pair).collect();
    let of_name = |name: &'a String| {
        let same = presented.iter().filter(move |(known, _)| *known == name.as_bytes());
        same.map(move |(_, value)| (name.as_str(), *value))
    };
    listed.iter().flat_map(of_name).collect()
}

fn cookie_pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = text.iter().position(|byte| *byte == b'=')?;
    let (name, value) = text.split_at(equals);
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// The Cookie field that holds these cookies; `None` if there are none.
pub(super) fn cookie_field(cookies: &[(&str, &[u8])]) -> Option<HeaderValue> {
    let mut field = Vec::new();
    for (name, value) in cookies {
        if !field.is_empty() {
            field.extend_from_slice(b"; ");
        }
        field.extend_from_slice(name.as_bytes());
        field.push(b'=');
        field.extend_from_slice(value);
    }
    if field.is_empty() { None } else { HeaderValue::from_bytes(&field).ok() }
}

/// The key recipe of a route.
#[derive(Debug, Clone)]
pub struct KeyRecipe {
    /// Query parameters.
    pub query: QueryRule,
    /// Keyed headers besides what Vary says, sorted.
    pub headers: Vec<HeaderName>,
    /// Cookies.
    pub cookies: CookieRule,
    /// The values of Origin that are keyed and sent, all others being neither; none: Origin is sent as it came, and only
    /// Vary makes it count.
    pub origins: Option<Vec<HeaderValue>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use globset::{Glob, GlobSet, GlobSetBuilder};

    fn globs(names: &[&str]) -> GlobSet {
        let mut set = GlobSetBuilder::new();
        for name in names {
            set.add(Glob::new(name).unwrap());
        }
        set.build().unwrap()
    }

    #[test]
    fn a_query_without_a_rule_stays_as_it_came() {
        for query in ["b=2&a=1", "", "&&", "a&a="] {
            assert_eq!(QueryRule::AsReceived.apply(query).as_deref(), Some(query));
        }
    }

    #[test]
    fn allowed_parameters_are_kept_as_written_and_sorted_by_name() {
        let rule = QueryRule::Allow(globs(&["q", "page", "f_*"]));
        for (query, expected) in [
            ("page=2&q=tea", Some("page=2&q=tea")),
            ("q=tea&page=2", Some("page=2&q=tea")),
            ("q=b&q=a", Some("q=b&q=a")),
            ("&q=a&&", Some("q=a")),
            ("q", Some("q")),
            ("q=", Some("q=")),
            ("%71=a+b&f_x=%7e", Some("f_x=%7e&%71=a+b")),
            ("Q=a", None),
            ("sid=1", None),
            ("", None),
            ("q=1;sid=2", Some("q=1;sid=2")),
        ] {
            assert_eq!(rule.apply(query).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn denied_parameters_are_dropped_however_their_names_are_encoded() {
        let rule = QueryRule::Deny(globs(&["utm_*", "gclid"]));
        for (query, expected) in [
            ("utm_source=x&q=1", Some("q=1")),
            ("utm%5Fsource=x&q=1&gclid", Some("q=1")),
            ("z=1&a=2&z=0", Some("a=2&z=1&z=0")),
            ("gclid=1", None),
        ] {
            assert_eq!(rule.apply(query).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn only_listed_cookies_stay_in_listed_order() {
        let check = |listed: &[&str], lines: &[&'static str], expected: Option<&str>| {
            let listed: Vec<String> = listed.iter().map(|name| (*name).to_owned()).collect();
            let lines: Vec<HeaderValue> = lines.iter().map(|line| HeaderValue::from_static(line)).collect();
            let field = cookie_field(&listed_cookies(&listed, lines.iter()));
            assert_eq!(field.as_ref().map(|field| field.to_str().unwrap()), expected, "{listed:?} {lines:?}");
        };
        check(&["currency", "lang"], &["lang=de; sid=1;currency=EUR"], Some("currency=EUR; lang=de"));
        check(&["currency"], &["sid=1", "currency=EUR"], Some("currency=EUR"));
        check(&["currency"], &["currency=EUR; currency=USD"], Some("currency=EUR; currency=USD"));
        check(&["currency"], &["currency="], Some("currency="));
        check(&["currency"], &["currency", "Currency=EUR", "xcurrency=1", ""], None);
        check(&["a"], &["a=b=c; a2=x"], Some("a=b=c"));
        check(&[], &["sid=1"], None);
    }
}
