//! The lifetime keys of a `[[route]]`: for how long, who decides, and what may be ignored.

use super::problem::{Place, Problems};
use super::raw_rules::RawRoute;
use super::table::Placed;
use super::values::{DurationText, MomentText};
use crate::clock::Timestamp;
use crate::rules::lifetime::{IgnoredDirective, LifetimeRule, OriginPrecedence};
use crate::rules::route::SetCookieRule;
use http::StatusCode;
use std::time::Duration;

/// How many moments `not_after` may name.
const NOT_AFTER_MAX: usize = 1_000;

/// Resolves the lifetime keys.
pub(super) fn resolve(raw: &RawRoute, problems: &mut Problems) -> LifetimeRule {
    refuse_zero("ttl", raw.ttl.as_ref().map(|ttl| (&ttl.place, ttl.value.ttl)), problems);
    refuse_zero("max_ttl", raw.max_ttl.as_ref().map(|ttl| (&ttl.place, ttl.value.0)), problems);
    let duration = |written: &Option<Placed<DurationText>>| -> Option<Duration> {
        written.as_ref().map(|duration| duration.value.0)
    };
    let default = LifetimeRule::by_origin();
    LifetimeRule {
        ttl: raw.ttl.as_ref().map(|ttl| ttl.value.ttl),
        adaptive_max: raw.ttl.as_ref().and_then(|ttl| ttl.value.adaptive_max),
        origin: raw.origin.as_ref().map_or(OriginPrecedence::Respect, |origin| origin.value.0),
        ttl_by_status: raw.ttl_by_status.as_ref().map(|by_status| by_status.value.0.clone()).unwrap_or_default(),
        jitter: raw.jitter.as_ref().map_or(0.0, |jitter| jitter.value.0),
        stale_while_revalidate: duration(&raw.stale_while_revalidate),
        stale_if_error: duration(&raw.stale_if_error),
        refresh_ahead: raw.refresh_ahead.as_ref().map(|share| share.value.0),
        max_ttl: duration(&raw.max_ttl),
        ignore: ignore(raw, problems),
        stale_if_error_on: raw
            .stale_if_error_on
            .as_ref()
            .map_or(default.stale_if_error_on, |statuses| failures(statuses, problems)),
        not_after: raw.not_after.as_ref().map(|moments| not_after(moments, problems)).unwrap_or_default(),
        fields: raw.lifetime_fields.as_ref().map(|fields| distinct(fields, |word| word.0)).unwrap_or_default(),
    }
}

fn refuse_zero(key: &str, written: Option<(&Place, Duration)>, problems: &mut Problems) {
    if let Some((place, _)) = written.filter(|(_, lifetime)| lifetime.is_zero()) {
        let hint = format!("write `cache = false` to store nothing, or leave `{key}` out to follow the origin");
        problems.error(place, format!("a `{key}` of zero keeps nothing fresh"), Some(hint));
    }
}

/// What is ignored of an origin's directives was said to protect someone, so the rule must say all that protects them
/// in its place.
fn ignore(raw: &RawRoute, problems: &mut Problems) -> Vec<IgnoredDirective> {
    let Some(written) = &raw.ignore else { return Vec::new() };
    if raw.origin.as_ref().is_none_or(|origin| origin.value.0 != OriginPrecedence::Override) {
        let hint = "add origin = \"override\": it makes the rule take precedence over the origin";
        problems.error(&written.place, "`ignore` needs `origin = \"override\"`", Some(hint));
    }
    if raw.cookies.is_none() {
        let hint = "the origin keeps these answers apart; say what of a visitor changes them: cookies = [\"currency\"], or \
                    cookies = [] for nothing";
        problems.error(&written.place, "`ignore` without `cookies`", Some(hint));
    }
    if let Some(set_cookie) = raw.set_cookie.as_ref().filter(|word| word.value.0 == SetCookieRule::Store) {
        let hint = "write set_cookie = \"strip\" to leave the cookie out of what is stored and sent";
        problems.error(&set_cookie.place, "with `ignore`, an answer is never stored with its cookie", Some(hint));
    }
    distinct(written, |word| word.0)
}

/// In order, each once.
fn not_after(written: &Placed<Vec<Placed<MomentText>>>, problems: &mut Problems) -> Vec<Timestamp> {
    if written.value.len() > NOT_AFTER_MAX {
        let hint = "leave out those that are past";
        problems.error(&written.place, format!("`not_after` has more than {NOT_AFTER_MAX} moments"), Some(hint));
    }
    let mut moments: Vec<_> = written.value.iter().map(|moment| moment.value.0).collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}

fn failures(written: &Placed<Vec<Placed<u64>>>, problems: &mut Problems) -> Vec<StatusCode> {
    let mut statuses = Vec::new();
    for number in &written.value {
        let status = u16::try_from(number.value).ok().filter(|number| (400..600).contains(number));
        if let Some(status) = status.and_then(|number| StatusCode::from_u16(number).ok()) {
            statuses.push(status);
        } else {
            let hint = "list statuses from 400 to 599: [429, 500, 502, 503, 504]";
            problems.error(&number.place, format!("`{}` is not an error status", number.value), Some(hint));
        }
    }
    statuses
}

fn distinct<W, T: PartialEq>(written: &Placed<Vec<Placed<W>>>, value: impl Fn(&W) -> T) -> Vec<T> {
    let mut values = Vec::new();
    for word in &written.value {
        let value = value(&word.value);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}
