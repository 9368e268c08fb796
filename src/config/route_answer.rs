//! What clients get and by which fields an answer is tagged, from a raw `[[route]]`.

use super::field_names::{FieldUse, field_name, field_names, field_value, field_values};
use super::problem::Problems;
use super::raw_rules::RawRoute;
use super::table::Placed;
use crate::rules::Route;
use crate::rules::answer::AnswerRule;
use http::header::{CACHE_CONTROL, EXPIRES, PRAGMA};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;

/// Resolves the keys into `route`.
pub(super) fn resolve(raw: &RawRoute, route: &mut Route, problems: &mut Problems) {
    if let Some(fields) = &raw.tag_fields {
        route.tag_fields = field_names(fields, FieldUse::Tagging, problems).into();
    }
    let set = raw.set_headers.as_ref().map(|written| field_values(written, FieldUse::SetOnAnswer, problems));
    let removed = raw.remove_headers.as_ref().map(|names| field_names(names, FieldUse::RemovedFromAnswer, problems));
    let mut rule = AnswerRule {
        cache_control: raw.browser_cache_control.as_ref().and_then(|written| cache_control(written, problems)),
        set: set.unwrap_or_default(),
        removed: removed.unwrap_or_default(),
    };
    route.send_tags_as = raw.send_tags_as.as_ref().and_then(|name| field_name(name, FieldUse::SetOnAnswer, problems));
    if let (Some(written), Some(Placed { value: false, .. })) = (&raw.send_tags_as, &raw.send_tags) {
        let hint = "keep one of them";
        problems.error(&written.place, "tags are sent and not sent", Some(hint));
    }
    if let Some(Placed { value: false, .. }) = raw.send_tags {
        rule.removed.extend(route.tag_fields.iter().cloned());
    }
    refuse_contradictions(raw, &rule, problems);
    if !rule.is_empty() {
        route.answer = Some(Arc::new(rule));
    }
}

fn cache_control(written: &Placed<String>, problems: &mut Problems) -> Option<HeaderValue> {
    let value = field_value(written, problems)?;
    let is_token = |text: &str| text.trim().parse::<HeaderName>().is_ok();
    let is_directive = |directive: &str| match directive.split_once('=') {
        None => is_token(directive),
        // The standard directives with a value that is no list of fields take seconds.
        Some((name, seconds)) => {
            let is_seconds = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
            is_token(name) && (is_seconds || !takes_seconds(name.trim()))
        }
    };
    if !written.value.split(',').all(is_directive) {
        let hint = "write what Cache-Control is to say: \"max-age=60\"";
        problems.error(&written.place, format!("`{}` is not a list of directives", written.value), Some(hint));
        return None;
    }
    Some(value)
}

fn takes_seconds(directive: &str) -> bool {
    ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(directive))
}

fn refuse_contradictions(raw: &RawRoute, rule: &AnswerRule, problems: &mut Problems) {
    let set = raw.set_headers.iter().flat_map(|written| written.value.0.iter().map(|(name, _)| name));
    let removed: Vec<_> = raw.remove_headers.iter().flat_map(|written| &written.value).collect();
    for (name, is_set) in set.map(|name| (name, true)).chain(removed.iter().map(|name| (*name, false))) {
        let Ok(parsed) = name.value.parse::<HeaderName>() else { continue };
        if rule.cache_control.is_some() && [CACHE_CONTROL, EXPIRES, PRAGMA].contains(&parsed) {
            let hint = "it is sent to clients in place of Cache-Control, Expires and Pragma; keep one of them";
            problems.error(&name.place, format!("`{}` beside `browser_cache_control`", name.value), Some(hint));
        }
        if is_set && rule.removed.contains(&parsed) {
            let hint = "what is set takes the place of what the origin sent; keep it in one of the two";
            problems.error(&name.place, format!("`{}` is removed as well", name.value), Some(hint));
        }
    }
}
