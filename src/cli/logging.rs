//! Where log lines go: what the process says of itself to standard error, one line a request to standard output.

use crate::clock::{Clock, SystemClock};
use crate::config::{AccessLog as Access, LogFormat, LogLevel, LogOptions};
use crate::proxy::access_log::{self, AccessLog};
use crate::proxy::observer::Observer;
use serde::Serialize;
use std::fmt;
use std::io::IsTerminal as _;
use std::sync::Arc;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_serde::fields::{AsMap as _, SerializeFieldMap};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Sends what the process says of itself to standard error. Called once, before anything is said.
pub(super) fn init(options: LogOptions) {
    let level = match options.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let is_terminal = std::io::stderr().is_terminal();
    let subscriber =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(is_terminal).with_max_level(level);
    // A second initialisation can only come from a process that has set its own: that one stays.
    let _ = match options.format {
        LogFormat::Text => subscriber.with_target(false).try_init(),
        LogFormat::Json => subscriber.event_format(JsonEvents).try_init(),
    };
}

/// Events as JSON, one object a line that begins as those of the access log do.
struct JsonEvents;

#[derive(Serialize)]
struct JsonEvent<'a> {
    time: String,
    level: &'static str,
    /// The message and the fields beside it.
    #[serde(flatten)]
    fields: SerializeFieldMap<'a, Event<'a>>,
    module: &'a str,
}

impl<S, N> FormatEvent<S, N> for JsonEvents
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (level, module) = (event.metadata().level().as_str(), event.metadata().target());
        let time = SystemClock::default().now().to_rfc3339();
        let event = JsonEvent { time, level, fields: event.field_map(), module };
        writeln!(writer, "{}", serde_json::to_string(&event).map_err(|_| fmt::Error)?)
    }
}

/// The access log, if it is on. The guard writes what is left when it is dropped.
pub(super) fn access_log(options: LogOptions, clock: Arc<dyn Clock>) -> Option<(Arc<dyn Observer>, WorkerGuard)> {
    if options.access == Access::Off {
        return None;
    }
    let format = match options.format {
        LogFormat::Text => access_log::LogFormat::Text,
        LogFormat::Json => access_log::LogFormat::Json,
    };
    let (writer, guard): (NonBlocking, WorkerGuard) = tracing_appender::non_blocking(std::io::stdout());
    Some((Arc::new(AccessLog::new(format, clock, writer)), guard))
}
