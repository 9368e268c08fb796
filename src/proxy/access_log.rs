//! One line per request, as text or JSON.

use super::client::RequestId;
use super::observer::{Finished, Observer};
use crate::clock::{Clock, Timestamp};
use http::HeaderValue;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// `log.format`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Fields in a fixed order, then `name=value`.
    Text,
    /// One JSON object.
    Json,
}

/// Writes each request to a writer that must not block, such as that of `tracing-appender`.
///
/// The mutex covers the writer and the buffer that lines are made in; nothing is awaited under it.
pub struct AccessLog<W> {
    format: LogFormat,
    clock: Arc<dyn Clock>,
    sink: Mutex<(W, String)>,
}

impl<W: Write + Send + 'static> AccessLog<W> {
    /// A log that writes to `writer`.
    pub fn new(format: LogFormat, clock: Arc<dyn Clock>, writer: W) -> Self {
        Self { format, clock, sink: Mutex::new((writer, String::with_capacity(512))) }
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
        // A log that can't be written must not hold up what it logs.
        if written.is_ok() {
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

/// What was told by others, by name: the id that the sender gave the request where that is not the one it has, the id that
/// the origin gave it, the client's software.
fn more(finished: &Finished) -> impl Iterator<Item = (&'static str, &HeaderValue)> {
    let is_other = |said: &&HeaderValue| finished.request_id != RequestId::Given((*said).clone());
    let all = [
        ("request_id_in", finished.said_id.as_ref().filter(is_other)),
        ("request_id_upstream", finished.upstream_id.as_ref()),
        ("user_agent", finished.user_agent.as_ref()),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

fn text(line: &mut String, finished: &Finished, now: Timestamp) -> fmt::Result {
    let (outcome, reason, route) = labels(finished);
    write!(line, "{} {} ", Time(now), finished.client)?;
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
    write!(line, " {} {}us", finished.body_bytes, finished.duration.as_micros())?;
    write!(line, " outcome={outcome} reason={reason}")?;
    if let Some(route) = route {
        write!(line, " route={}", Escaped(route.as_bytes()))?;
    }
    if let Some(host) = &finished.host {
        write!(line, " host=\"{}\"", Escaped(host.as_bytes()))?;
    }
    write!(line, " ending={} id={}", finished.ending.label(), finished.request_id)?;
    for (name, value) in more(finished) {
        write!(line, " {name}=\"{}\"", Escaped(value.as_bytes()))?;
    }
    if let Some(age_secs) = finished.age_secs {
        write!(line, " age={age_secs}")?;
    }
    write!(line, " peer={}", finished.peer)?;
    if let Some(cause) = &finished.cause {
        write!(line, " cause=\"{}\"", Escaped(causes(cause.as_ref()).as_bytes()))?;
    }
    line.push('\n');
    Ok(())
}

fn json(line: &mut String, finished: &Finished, now: Timestamp) -> fmt::Result {
    let (outcome, reason, route) = labels(finished);
    write!(line, "{{\"time\":\"{}\",\"client\":\"{}\"", Time(now), finished.client)?;
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
    write!(line, ",\"body_bytes\":{},\"duration_us\":{}", finished.body_bytes, finished.duration.as_micros())?;
    write!(line, ",\"outcome\":\"{outcome}\",\"reason\":\"{reason}\"")?;
    if let Some(route) = route {
        member(line, "route", route)?;
    }
    if let Some(host) = &finished.host {
        member(line, "host", &String::from_utf8_lossy(host.as_bytes()))?;
    }
    write!(line, ",\"ending\":\"{}\",\"request_id\":\"{}\"", finished.ending.label(), finished.request_id)?;
    for (name, value) in more(finished) {
        member(line, name, &String::from_utf8_lossy(value.as_bytes()))?;
    }
    if let Some(age_secs) = finished.age_secs {
        write!(line, ",\"age\":{age_secs}")?;
    }
    write!(line, ",\"peer\":\"{}\"", finished.peer)?;
    if let Some(cause) = &finished.cause {
        member(line, "cause", &causes(cause.as_ref()))?;
    }
    line.push_str("}\n");
    Ok(())
}

fn member(line: &mut String, name: &str, value: &str) -> fmt::Result {
    let value = serde_json::to_string(value).map_err(|_| fmt::Error)?;
    write!(line, ",\"{name}\":{value}")
}

/// An error and what lies beneath it, on one line.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
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

/// A time as RFC 3339 writes it, in UTC with milliseconds.
struct Time(Timestamp);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.as_millis() % 1000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // Counted in eras of 400 years that begin on 1 March, so that a leap day is the last of its year.
        let shifted = days + 719_468;
        let (era, day) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

#[cfg(test)]
#[path = "access_log_tests.rs"]
mod tests;
