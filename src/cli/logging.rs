//! Where log lines go: what the process says of itself to standard error, one line a request to standard output.

use crate::clock::Clock;
use crate::config::{AccessLog as Access, LogFormat, LogLevel, LogOptions};
use crate::proxy::access_log::{self, AccessLog};
use crate::proxy::observer::Observer;
use std::io::IsTerminal as _;
use std::sync::Arc;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};

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
        LogFormat::Json => subscriber.json().try_init(),
    };
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
