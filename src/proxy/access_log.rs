//! One line per request, as text or JSON.

use super::observer::{Finished, Observer, causes};
use super::request_id::RequestId;
use crate::clock::{Clock, Timestamp};
use crate::engine::storing::{StoreOutcome, Storing};
use http::HeaderValue;
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// `log.format`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Fields in a fixed order, then `name=value`.
    Text,
    /// One JSON object.
    Json,
}

/// Writes each request to a writer that must not block, such as that of `tracing-appender`.
///
/// The mutex covers the writer and the buffer that lines are made in; nothing is awaited under it.
pub(crate) struct AccessLog<W: Write> {
    format: LogFormat,
    clock: Arc<dyn Clock>,
    sink: Sink<W>,
}

type Sink<W> = Arc<Mutex<(W, String)>>;

impl<W: Write + Send + 'static> AccessLog<W> {
    /// A log that writes to `writer`.
    pub(crate) fn new(format: LogFormat, clock: Arc<dyn Clock>, writer: W) -> Self {
        Self { format, clock, sink: Arc::new(Mutex::new((writer, String::with_capacity(512)))) }
    }
}

/// How long a line waits for its end.
const OPEN_MAX: Duration = Duration::from_secs(30);

/// The label of an answer of which it is not known by then whether it will be stored.
const PENDING: &str = "pending";

/// A line that lacks its end: whether the answer was stored, which is mostly known in a moment. Written when dropped.
struct OpenLine<W: Write> {
    format: LogFormat,
    sink: Sink<W>,
    line: String,
    storing: Storing,
}

impl<W: Write> Drop for OpenLine<W> {
    fn drop(&mut self) {
        if end(&mut self.line, self.format, Some(&self.storing)).is_ok() {
            let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = sink.0.write_all(self.line.as_bytes());
        }
    }
}

impl<W: Write + Send + 'static> Observer for AccessLog<W> {
    fn finished(&self, finished: &Finished) {
        let now = self.clock.now();
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let (writer, line) = &mut *sink;
        line.clear();
        let written = match self.format {
            LogFormat::Text => text(line, finished, now),
            LogFormat::Json => json(line, finished, now),
        };
        if written.is_err() {
            return;
        }
        let storing = finished.decision.as_ref().and_then(|decision| decision.storing.as_ref());
        if let Some(storing) = storing.filter(|storing| storing.known().is_none())
            && let Ok(runtime) = Handle::try_current()
        {
            let (format, sink, storing) = (self.format, Arc::clone(&self.sink), storing.clone());
            let open = OpenLine { format, sink, line: line.clone(), storing: storing.clone() };
            runtime.spawn(async move {
                // Without its client, a fetch goes on for as long as the origin takes.
                let _ = timeout(OPEN_MAX, storing.settled()).await;
                drop(open);
            });
            return;
        }
        // A log that can't be written must not hold up what it logs.
        if end(line, self.format, storing).is_ok() {
            let _ = writer.write_all(line.as_bytes());
        }
    }
}

/// The labels that say how a request was decided: outcome, reason, route.
fn labels(finished: &Finished) -> (&'static str, &'static str, Option<&str>) {
    match (&finished.decision, &finished.refused) {
        (_, Some((refusal, _))) => ("error", refusal.label(), None),
        (Some(decision), None) => {
            let route = decision.route.as_ref().map(crate::scope::RouteName::as_str);
            (decision.outcome.label(), decision.reason.label(), route)
        }
        (None, None) => ("error", finished.ending.label(), None),
    }
}

/// What stands behind a name in a line.
enum Value<'a> {
    Number(u64),
    /// One word.
    Label(&'a str),
    /// Needs no escaping.
    Shown(&'a dyn fmt::Display),
    /// Whatever others have made it.
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Value<'a> {
    fn field(value: Option<&'a HeaderValue>) -> Option<Self> {
        value.map(|value| Self::Bytes(value.as_bytes().into()))
    }
}

/// How a request ended and why: what follows its first facts in both formats, by name.
fn facts(finished: &Finished) -> impl Iterator<Item = (&'static str, Value<'_>)> {
    let (outcome, reason, route) = labels(finished);
    // The id that the sender gave the request is logged where it differs from the request's.
    let is_other = |said: &&HeaderValue| finished.request_id != RequestId::Given((*said).clone());
    let exchanged = finished.exchanged.as_ref();
    let cause = finished.cause.as_ref().map(|cause| Value::Bytes(causes(cause.as_ref()).into_bytes().into()));
    [
        ("outcome", Some(Value::Label(outcome))),
        ("reason", Some(Value::Label(reason))),
        ("route", route.map(Value::Label)),
        ("host", Value::field(finished.host.as_ref())),
        ("ending", Some(Value::Label(finished.ending.label()))),
        ("request_id_in", Value::field(finished.said_id.as_ref().filter(is_other))),
        ("traceparent", Value::field(finished.said_trace.as_ref())),
        ("request_id_upstream", Value::field(finished.upstream_id.as_ref())),
        ("user_agent", Value::field(finished.user_agent.as_ref())),
        ("age", finished.age_secs.map(Value::Number)),
        ("upstream", exchanged.map(|exchanged| Value::Label(&exchanged.server))),
        ("upstream_us", exchanged.map(|exchanged| Value::Number(micros(exchanged.took)))),
        ("upstream_tries", exchanged.map(|exchanged| Value::Number(exchanged.tries.into()))),
        ("peer", Some(Value::Shown(&finished.peer))),
        ("cause", cause),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn text(line: &mut String, finished: &Finished, now: Timestamp) -> fmt::Result {
    write!(line, "{} {} ", now.to_rfc3339(), finished.client)?;
    if let Some((_, first_line)) = &finished.refused {
        write!(line, "\"{}\"", Escaped(first_line.as_bytes()))?;
    } else {
        let target = finished.target.to_string();
        write!(line, "\"{} {} {:?}\"", finished.method, Escaped(target.as_bytes()), finished.version)?;
    }
    match finished.status {
        Some(status) => write!(line, " {}", status.as_u16())?,
        None => line.push_str(" -"),
    }
    write!(line, " {} {}us id={}", finished.body_bytes, micros(finished.duration), finished.request_id)?;
    for (name, value) in facts(finished) {
        match value {
            Value::Number(number) => write!(line, " {name}={number}"),
            Value::Label(label) => write!(line, " {name}={}", Escaped(label.as_bytes())),
            Value::Shown(shown) => write!(line, " {name}={shown}"),
            Value::Bytes(bytes) => write!(line, " {name}=\"{}\"", Escaped(&bytes)),
        }?;
    }
    Ok(())
}

/// Ends a line: with whether the answer of the origin was stored, or why not, where there was one to store.
fn end(line: &mut String, format: LogFormat, storing: Option<&Storing>) -> fmt::Result {
    let admission = storing.map(|storing| storing.known().map_or(PENDING, StoreOutcome::label));
    match (format, admission) {
        (LogFormat::Text, Some(admission)) => writeln!(line, " admission={admission}"),
        (LogFormat::Text, None) => writeln!(line),
        (LogFormat::Json, Some(admission)) => writeln!(line, ",\"admission\":\"{admission}\"}}"),
        (LogFormat::Json, None) => writeln!(line, "}}"),
    }
}

/// Begins as the lines do that an instance logs of itself.
fn json(line: &mut String, finished: &Finished, now: Timestamp) -> fmt::Result {
    write!(line, "{{\"time\":\"{}\",\"level\":\"INFO\",\"message\":\"request\"", now.to_rfc3339())?;
    write!(line, ",\"request_id\":\"{}\",\"client\":\"{}\"", finished.request_id, finished.client)?;
    if let Some((_, first_line)) = &finished.refused {
        member(line, "first_line", first_line)?;
    } else {
        member(line, "method", finished.method.as_str())?;
        member(line, "target", &finished.target.to_string())?;
        write!(line, ",\"version\":\"{:?}\"", finished.version)?;
    }
    match finished.status {
        Some(status) => write!(line, ",\"status\":{}", status.as_u16())?,
        None => line.push_str(",\"status\":null"),
    }
    write!(line, ",\"body_bytes\":{},\"duration_us\":{}", finished.body_bytes, micros(finished.duration))?;
    for (name, value) in facts(finished) {
        match value {
            Value::Number(number) => write!(line, ",\"{name}\":{number}"),
            Value::Label(label) => member(line, name, label),
            Value::Shown(shown) => write!(line, ",\"{name}\":\"{shown}\""),
            Value::Bytes(bytes) => member(line, name, &String::from_utf8_lossy(&bytes)),
        }?;
    }
    Ok(())
}

fn member(line: &mut String, name: &str, value: &str) -> fmt::Result {
    let value = serde_json::to_string(value).map_err(|_| fmt::Error)?;
    write!(line, ",\"{name}\":{value}")
}

/// Bytes as visible ASCII: quotes, backslashes and all others are escaped, so that no client can forge a line.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "access_log_tests.rs"]
mod tests;
