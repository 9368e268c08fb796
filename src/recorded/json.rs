//! Lines of Larder's log in JSON.

use super::{Facts, Line, Recorded, times};
use serde::Deserialize;
use std::borrow::Cow;
use std::time::Duration;

/// A text that is borrowed from the line where it has no escapes, also where it may be absent.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What is read of a line.
#[derive(Deserialize)]
struct Json<'a> {
    time: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    client: Option<Text<'a>>,
    method: Option<Text<'a>>,
    target: Option<Text<'a>>,
    host: Option<Text<'a>>,
    status: Option<u16>,
    body_bytes: Option<u64>,
    duration_us: Option<u64>,
    outcome: Option<Text<'a>>,
    reason: Option<Text<'a>>,
    admission: Option<Text<'a>>,
    upstream_us: Option<u64>,
}

pub(super) fn line(text: &str) -> Line<'_> {
    let Ok(json) = serde_json::from_str::<Json<'_>>(text) else { return Line::Damaged };
    match (json.message.as_ref().map(|message| message.0.as_ref()), &json.method, &json.target) {
        (Some("request") | None, Some(_), Some(_)) => {}
        // Larder's other messages, and requests that were refused before they had a target.
        (Some(_), _, _) => return Line::Other,
        (None, _, _) => return Line::Damaged,
    }
    let (Some(method), Some(target)) = (json.method, json.target) else { return Line::Damaged };
    Line::Request(Recorded {
        method: method.0,
        target: target.0,
        host: json.host.map(|text| text.0),
        status: json.status,
        at: json.time.and_then(|time| times::rfc3339(&time.0)),
        client: json.client.map(|text| text.0),
        body_bytes: json.body_bytes,
        took: json.duration_us.map(Duration::from_micros),
        facts: json.outcome.map(|outcome| Facts {
            outcome: outcome.0,
            reason: json.reason.map(|text| text.0),
            admission: json.admission.map(|text| text.0),
            upstream: json.upstream_us.map(Duration::from_micros),
        }),
    })
}
