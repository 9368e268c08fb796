//! How far it is, on standard error where that is a terminal.

use crate::warming::gathered::Gathered;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::cell::Cell;
use std::time::Duration;

/// How often the bar shows that it lives.
const TICK: Duration = Duration::from_millis(120);

/// A bar over all jobs.
pub(super) struct Progress {
    bar: ProgressBar,
    /// How many were named by the calls themselves.
    named: u64,
    /// How many the jobs before this one were done with.
    before: Cell<u64>,
}

impl Progress {
    /// For what these calls name. The pages of a sitemap are added once they are known.
    pub(super) fn new(bodies: &[Value]) -> Self {
        let named = bodies.iter().filter_map(|body| body["urls"].as_array()).map(Vec::len).sum::<usize>() as u64;
        // It draws nothing where standard error is no terminal.
        let bar = ProgressBar::new(named);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {per_sec} {eta} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self { bar, named, before: Cell::new(0) }
    }

    /// How far the job is that runs.
    pub(super) fn at(&self, job: &Value) {
        let number = |name: &str| job[name].as_u64().unwrap_or_default();
        self.bar.set_message(if job["gives_way"] == true { "gives way to clients" } else { "" });
        self.bar.set_length(self.named.max(self.before.get() + number("total")));
        self.bar.set_position(self.before.get() + number("done"));
    }

    /// One job has ended.
    pub(super) fn ended(&self, job: &Value) {
        self.at(job);
        self.before.set(self.bar.position());
    }

    /// All have.
    pub(super) fn close(&self) {
        self.bar.finish_and_clear();
    }
}

/// Says which lines could not be read, and what of a log is not warmed.
#[expect(clippy::print_stderr, reason = "the command line's own voice")]
pub(super) fn report_damage(gathered: &Gathered) {
    if let Some(complaint) = gathered.logs.complaint() {
        eprintln!("warning: {complaint}");
    }
    if gathered.passed_over > 0 {
        eprintln!("{} requests were passed over: other methods than GET and HEAD, or no success", gathered.passed_over);
    }
}
