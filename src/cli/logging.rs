//! Where log lines go: what the process says of itself to standard error, one line a request to standard output.

use crate::clock::{Clock, SystemClock};
use crate::config::{AccessLog as Access, LogFormat, LogLevel, LogOptions};
use crate::proxy::access_log::{self, AccessLog};
use crate::proxy::observer::Observer;
use serde::Serialize;
use std::fmt;
use std::io::IsTerminal as _;
use std::sync::{Arc, OnceLock};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_serde::fields::{AsMap as _, SerializeFieldMap};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

/// The filter of what the process says, once it is set up.
static LEVEL: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// The target of lines that are written at every level: who changed what by the admin API.
const AUDIT: &str = "audit";

/// Sends what the process says of itself to standard error. Called once, before anything is said.
pub(super) fn init(options: LogOptions) {
    let (filter, handle) = reload::Layer::new(filter(options.level));
    let layer =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let subscriber = tracing_subscriber::registry().with(filter);
    // A second initialisation can only come from a process that has set its own: that one stays.
    let set = match options.format {
        LogFormat::Text => subscriber.with(layer.with_target(false)).try_init(),
        LogFormat::Json => subscriber.with(layer.event_format(JsonEvents)).try_init(),
    };
    if set.is_ok() {
        let _ = LEVEL.set(handle);
    }
}

/// Says what is of this level or worse from now on.
pub(super) fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get()
        && let Err(error) = handle.reload(filter(level))
    {
        tracing::error!(%error, "log.level cannot be changed");
    }
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_default(level).with_target(AUDIT, level.max(LevelFilter::INFO))
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
