//! Names and values of fields that a route puts into or takes out of messages, and those that it can't.

use super::problem::Problems;
use super::table::Placed;
use super::values::{FieldTable, Texts};
use crate::semantics::conditional::CONDITIONAL_FIELDS;
use crate::semantics::forwarding::is_hop_by_hop;
use http::header::{CONTENT_LENGTH, EXPECT, MAX_FORWARDS, TRAILER};
use http::{HeaderName, HeaderValue};

/// What is done with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldUse {
    /// `headers`
    Keyed,
    /// `set_request_headers`
    SetOnRequest,
    /// `remove_request_headers`
    RemovedFromRequest,
    /// `set_headers`
    SetOnAnswer,
    /// `remove_headers`
    RemovedFromAnswer,
    /// `tag_fields`
    Tagging,
}

/// Fields besides those of one connection that frame a message or instruct the next hop.
const OF_THE_MESSAGE: [HeaderName; 4] = [CONTENT_LENGTH, EXPECT, MAX_FORWARDS, TRAILER];

/// Fields of a request that Larder writes itself.
const OWN_IN_REQUESTS: [&str; 7] =
    ["cdn-loop", "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"];

/// Fields of an answer that Larder writes itself.
const OWN_IN_ANSWERS: [&str; 7] =
    ["age", "cache-status", "date", "larder-stamp", "proxy-status", "via", "x-request-id"];

/// Fields of an answer that say how its body is to be read.
const FRAMING_OF_ANSWERS: [&str; 3] = ["content-encoding", "content-range", "content-length"];

/// Why a field can't be used so, if it can't.
pub(super) fn objection(name: &HeaderName, used: FieldUse) -> Option<&'static str> {
    let text = name.as_str();
    if text == "host" {
        return Some(match used {
            FieldUse::Keyed => "host and port are part of every key; use `host` to distinguish routes",
            FieldUse::SetOnRequest | FieldUse::RemovedFromRequest => "say what the origin is sent with `upstream_host`",
            FieldUse::SetOnAnswer | FieldUse::RemovedFromAnswer | FieldUse::Tagging => "it is a field of requests",
        });
    }
    if is_hop_by_hop(name) || OF_THE_MESSAGE.contains(name) {
        return Some("it concerns one connection only and is not sent on");
    }
    match used {
        FieldUse::Keyed | FieldUse::SetOnRequest | FieldUse::RemovedFromRequest => {
            if CONDITIONAL_FIELDS.contains(name) {
                Some("conditional and range requests are answered from the whole response")
            } else if used == FieldUse::Keyed && text == "x-request-id" {
                None
            } else if OWN_IN_REQUESTS.contains(&text) {
                Some("it is replaced on the way to the origin")
            } else if used == FieldUse::SetOnRequest && text == "accept-encoding" {
                Some("clients could get a coding that they cannot read; it can be removed")
            } else {
                None
            }
        }
        FieldUse::SetOnAnswer | FieldUse::RemovedFromAnswer | FieldUse::Tagging => {
            if OWN_IN_ANSWERS.contains(&text) {
                Some("Larder writes it on every response")
            } else if FRAMING_OF_ANSWERS.contains(&text) {
                Some("it determines how the body is read")
            } else {
                None
            }
        }
    }
}

impl FieldUse {
    const fn text(self) -> &'static str {
        match self {
            Self::Keyed => "keyed",
            Self::SetOnRequest | Self::SetOnAnswer => "set",
            Self::RemovedFromRequest | Self::RemovedFromAnswer => "removed",
            Self::Tagging => "read for tags",
        }
    }
}

/// The name of one field.
pub(super) fn field_name(written: &Placed<String>, used: FieldUse, problems: &mut Problems) -> Option<HeaderName> {
    let Ok(name) = written.value.parse::<HeaderName>() else {
        problems.error(&written.place, format!("`{}` is not a header", written.value), None::<String>);
        return None;
    };
    if let Some(why) = objection(&name, used) {
        problems.error(&written.place, format!("`{name}` cannot be {}", used.text()), Some(why));
        return None;
    }
    Some(name)
}

/// The names of a list, sorted and each once.
pub(super) fn field_names(written: &Placed<Texts>, used: FieldUse, problems: &mut Problems) -> Vec<HeaderName> {
    let mut names: Vec<HeaderName> = written.value.iter().filter_map(|name| field_name(name, used, problems)).collect();
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}

/// The names and values of a table.
pub(super) fn field_values(
    written: &Placed<FieldTable>,
    used: FieldUse,
    problems: &mut Problems,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in &written.value.0 {
        let known = field_name(name, used, problems);
        if known.as_ref().is_some_and(|name| fields.iter().any(|(before, _)| before == name)) {
            let hint = "header names are case-insensitive: keep one of them";
            problems.error(&name.place, format!("`{}` is listed twice", name.value), Some(hint));
            continue;
        }
        let value = field_value(value, problems);
        fields.extend(known.zip(value));
    }
    fields
}

/// The value of a field as it is sent.
pub(super) fn field_value(written: &Placed<String>, problems: &mut Problems) -> Option<HeaderValue> {
    let text = &written.value;
    let value = HeaderValue::from_str(text).ok().filter(|_| !text.is_empty() && text.trim() == text);
    if value.is_none() {
        let hint = "a value is visible ASCII text without white space around it";
        problems.error(&written.place, format!("`{}` is not a valid header value", text.escape_debug()), Some(hint));
    }
    value
}
