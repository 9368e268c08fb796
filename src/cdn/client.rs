//! One call to a CDN's API, and what its answer means.

use super::kind::{Call, host_field};
use crate::callout::{AnyError, connect};
use crate::clock::Timestamp;
use crate::semantics::date::parse_http_date;
use bytes::Bytes;
use http::header::{CONNECTION, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use rustls::ClientConfig;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The most that is read of an answer, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// The longest time for which a CDN is let alone because it says so.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// How much of a CDN's own words is repeated.
const SAID_CHARS_MAX: usize = 200;

/// The fields by which CDNs name a call, where the body doesn't.
const ID_FIELDS: [&str; 3] = ["x-request-id", "cf-ray", "x-varnish"];

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It is done, under the CDN's own name for it, if it gives one.
    Done(Option<String>),
    /// Not now: after this time, if the CDN says.
    Later(String, Option<Duration>),
    /// Never so: the CDN does not understand it.
    Refused(String),
}

/// Makes a call.
pub(crate) async fn call(
    call: &Call,
    trust: Option<&Arc<ClientConfig>>,
    deadline: Duration,
    now: Timestamp,
) -> Answered {
    match timeout(deadline, exchange(call, trust)).await {
        Ok(Ok((status, headers, body))) => judge(status, &headers, &body, now),
        Ok(Err(error)) => Answered::Later(causes(&*error), None),
        Err(_) => Answered::Later(format!("no answer within {}", humantime::format_duration(deadline)), None),
    }
}

async fn exchange(call: &Call, trust: Option<&Arc<ClientConfig>>) -> Result<(StatusCode, HeaderMap, Bytes), AnyError> {
    let mut api = connect(call.uri(), trust).await?;
    let target: Uri = call.uri().path_and_query().map_or("/", |path| path.as_str()).parse()?;
    let mut request = Request::builder().method(call.method()).uri(target).body(Full::new(call.body().clone()))?;
    *request.headers_mut() = call.headers().clone();
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("larder"));
    if let Some((_, host)) = host_field(call.uri()) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    let (head, body) = api.send_request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
    Ok((head.status, head.headers, body))
}

fn judge(status: StatusCode, headers: &HeaderMap, body: &Bytes, now: Timestamp) -> Answered {
    let said: Option<Value> = serde_json::from_slice(body).ok();
    let is_denied = said.as_ref().is_some_and(|said| said["success"] == Value::Bool(false));
    if status.is_success() && !is_denied {
        return Answered::Done(id(headers, said.as_ref()));
    }
    let words = shortened(&String::from_utf8_lossy(body));
    let words = format!("status {}{}", status.as_u16(), if words.is_empty() { words } else { format!(": {words}") });
    // What another token, another setting or more patience may mend is asked again.
    if [400, 413, 414, 422, 431].contains(&status.as_u16()) {
        return Answered::Refused(words);
    }
    Answered::Later(words, retry_after(headers, now))
}

fn id(headers: &HeaderMap, said: Option<&Value>) -> Option<String> {
    let of_body = said.and_then(|said| {
        let named = [&said["id"], &said["purgeId"], &said["result"]["id"]].into_iter().find_map(Value::as_str);
        // Fastly names the purge of each key.
        named.or_else(|| said.as_object().filter(|all| all.len() == 1).and_then(|all| all.values().next()?.as_str()))
    });
    let of_field = || ID_FIELDS.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    of_body.or_else(of_field).map(shortened)
}

fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let after = match text.parse().ok() {
        Some(seconds) => Duration::from_secs(seconds),
        None => parse_http_date(text.as_bytes(), now)?.since(now),
    };
    Some(after.min(RETRY_AFTER_MAX))
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    shortened(&causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

/// The beginning of a text, with nothing in it that a terminal would obey.
fn shortened(text: &str) -> String {
    let mut short: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_CHARS_MAX).collect();
    if text.trim().chars().count() > SAID_CHARS_MAX {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_means_done_or_later_or_never() {
        let now = Timestamp::from_secs(1_000);
        let done = |id: Option<&str>| Answered::Done(id.map(str::to_owned));
        let later = |words: &str, secs: Option<u64>| Answered::Later(words.to_owned(), secs.map(Duration::from_secs));
        for (status, fields, body, expected) in [
            (200, &[][..], "", done(None)),
            (200, &[], r#"{"status":"ok","id":"108-1391560174-974124"}"#, done(Some("108-1391560174-974124"))),
            (200, &[], r#"{"key":"108-1"}"#, done(Some("108-1"))),
            (200, &[], r#"{"success":true,"result":{"id":"zone"}}"#, done(Some("zone"))),
            (204, &[("cf-ray", "7f")], "", done(Some("7f"))),
            (200, &[], r#"{"success":false}"#, later(r#"status 200: {"success":false}"#, None)),
            (429, &[("retry-after", "7")], "", later("status 429", Some(7))),
            (503, &[("retry-after", "Thu, 01 Jan 1970 00:17:00 GMT")], "", later("status 503", Some(20))),
            (503, &[("retry-after", "864000")], "", later("status 503", Some(3600))),
            (503, &[("retry-after", "soon")], "", later("status 503", None)),
            (500, &[], "boom\u{1b}[2J", later("status 500: boom [2J", None)),
            (401, &[], "", later("status 401", None)),
            (302, &[], "", later("status 302", None)),
            (400, &[], "bad tag", Answered::Refused("status 400: bad tag".to_owned())),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            let judged = judge(StatusCode::from_u16(status).unwrap(), &headers, &Bytes::from(body), now);
            assert_eq!(judged, expected, "{status} {body}");
        }
    }
}
