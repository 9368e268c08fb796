//! `larder log`: requests and how they were decided, as they end.

use super::client::{AdminClient, Connection, block_on, printable};
use super::config_file::ConfigFile;
use super::explain::{encoded, shown};
use super::follow::{Event, Over, follow};
use clap::Args;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::ControlFlow;

/// What `larder log` takes.
#[derive(Debug, Args)]
pub(super) struct LogArguments {
    /// Only requests of this route; - for those that match none.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    route: Option<String>,
    /// Only requests with this outcome: hit, stale, revalidated, miss, collapsed, bypass, pass, redirect, error; several
    /// with commas between.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only requests that took at least so many milliseconds.
    #[arg(long, value_name = "MS")]
    min_ms: Option<u64>,
    /// Only this share of them, by chance: 1% or 0.01.
    #[arg(long, value_name = "SHARE")]
    sample: Option<String>,
    /// End after so many.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

impl LogArguments {
    fn path(&self) -> String {
        let mut path = String::from("/requests");
        let min_ms = self.min_ms.map(|millis| millis.to_string());
        let parameters = [
            ("route", self.route.as_deref()),
            ("outcome", self.outcome.as_deref()),
            ("min_ms", min_ms.as_deref()),
            ("sample", self.sample.as_deref()),
        ];
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            let before = if path.contains('?') { '&' } else { '?' };
            // Writing to a String cannot fail.
            let _ = write!(path, "{before}{name}={}", encoded(value));
        }
        path
    }
}

/// Prints requests until there are enough of them, nobody reads any more, or the instance ends.
///
/// # Errors
/// If the instance can't be asked, or the instance ends.
pub(super) fn run(file: &ConfigFile, arguments: &LogArguments) -> anyhow::Result<()> {
    let client = AdminClient::find(&arguments.connection, || file.admin())?;
    let mut left = arguments.count;
    if left == Some(0) {
        return Ok(());
    }
    let mut failed = None;
    let path = arguments.path();
    let followed = follow(&client, &path, |event| {
        let (line, is_decision) = match event {
            Event::Data(data) if arguments.connection.json => (data.to_owned(), true),
            Event::Data(data) => (line(data), true),
            Event::Named("lost", data) => (lost(data, arguments.connection.json), false),
            Event::Named(..) => return ControlFlow::Continue(()),
        };
        if let Err(error) = writeln!(std::io::stdout().lock(), "{line}") {
            failed = Some(error);
            return ControlFlow::Break(());
        }
        if let (Some(left), true) = (&mut left, is_decision) {
            *left -= 1;
        }
        if left == Some(0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let over = block_on(followed)?;
    match failed {
        // Who reads has seen enough.
        Some(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Some(error) => Err(error.into()),
        None if over == Over::Ended => anyhow::bail!("the instance has ended"),
        None => Ok(()),
    }
}

/// A decision in one line.
fn line(data: &str) -> String {
    let decision: Value = serde_json::from_str(data).unwrap_or_default();
    let of = |name: &str| shown(&decision[name]);
    let micros = decision["duration_us"].as_u64().unwrap_or_default();
    let mut line = format!(
        "{} {} {:<11} {:>6}.{:03} ms {:<12} {} {}{} ({})",
        of("time"),
        of("status"),
        of("outcome"),
        micros / 1_000,
        micros % 1_000,
        of("route"),
        of("method"),
        of("host"),
        of("target"),
        of("reason"),
    );
    for (label, name) in [("stored", "admission"), ("server", "upstream"), ("cause", "cause"), ("id", "request_id")] {
        if !decision[name].is_null() {
            let _ = write!(line, " {label}={}", of(name));
        }
    }
    line
}

/// How many decisions may not have been shown.
fn lost(data: &str, json: bool) -> String {
    if json {
        return format!("{{\"lost\":{data}}}");
    }
    let lost: Value = serde_json::from_str(data).unwrap_or_default();
    format!("({} more were not shown: they came too fast)", printable(&lost["decisions"].to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: LogArguments,
    }

    #[test]
    fn what_is_wanted_travels_in_the_query() {
        let path = |words: &str| Line::parse_from(words.split(' ')).arguments.path();
        assert_eq!(path("log"), "/requests");
        let all = "log --route - --outcome miss,stale --min-ms 200 --sample 1%";
        assert_eq!(path(all), "/requests?route=-&outcome=miss%2Cstale&min_ms=200&sample=1%25");
    }

    #[test]
    fn a_line_holds_nothing_that_a_terminal_obeys() {
        let data = r#"{"time":"2026-01-01T00:00:00.000Z","status":200,"outcome":"miss","reason":"no-entry","route":"search",
            "method":"GET","host":"shop","target":"/s\u001b[2J","duration_us":12345,"request_id":"a"}"#;
        let expected =
            "2026-01-01T00:00:00.000Z 200 miss            12.345 ms search       GET shop/s\u{fffd}[2J (no-entry) id=a";
        assert_eq!(line(data), expected);
        assert_eq!(lost("{\"decisions\":7}", false), "(7 more were not shown: they came too fast)");
    }
}
