//! A metric as its owner describes and counts it. What counts is [`Measured`]; [`crate::metrics`] asks and renders.

use crate::histogram::DurationCounts;
use std::time::Duration;

/// What a metric's samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows while the process lives. The name ends with `_total`.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Durations in buckets. The name ends with `_seconds`.
    Histogram,
}

/// What one metric is. The unit is the last word of its name but `total`.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The whole name.
    pub name: &'static str,
    /// What its samples are.
    pub kind: Kind,
    /// The labels, in the order in which samples give their values.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

impl Metric {
    /// A counter.
    #[must_use]
    pub const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, labels, help }
    }

    /// A gauge.
    #[must_use]
    pub const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, labels, help }
    }

    /// A histogram of durations.
    #[must_use]
    pub const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Histogram, labels, help }
    }
}

/// What one sample says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(u64),
    /// Of a counter or a gauge whose unit is the second.
    Time(Duration),
    /// Of a histogram.
    Durations(Box<DurationCounts>),
}

/// One sample of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The metric.
    pub metric: &'static Metric,
    /// A value for each of its labels.
    pub labels: Vec<String>,
    /// What it says.
    pub value: Value,
}

/// The samples of all that was asked, in the order in which it was asked.
#[derive(Debug, Default)]
pub struct Samples(Vec<Sample>);

impl Samples {
    /// A sample of a counter or a gauge.
    pub fn number(&mut self, metric: &'static Metric, labels: &[&str], number: u64) {
        self.push(metric, labels, Value::Number(number));
    }

    /// A sample of a counter or a gauge for each value of its last label; `labels` are those before it.
    pub fn numbers(
        &mut self,
        metric: &'static Metric,
        labels: &[&str],
        numbers: impl IntoIterator<Item = (&'static str, u64)>,
    ) {
        for (last, number) in numbers {
            self.number(metric, &[labels, &[last]].concat(), number);
        }
    }

    /// A sample of a counter or a gauge of seconds.
    pub fn time(&mut self, metric: &'static Metric, labels: &[&str], time: Duration) {
        self.push(metric, labels, Value::Time(time));
    }

    /// A sample of a histogram.
    pub fn durations(&mut self, metric: &'static Metric, labels: &[&str], durations: DurationCounts) {
        self.push(metric, labels, Value::Durations(Box::new(durations)));
    }

    fn push(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        self.0.push(Sample { metric, labels: labels.iter().map(|label| (*label).to_owned()).collect(), value });
    }

    /// All of them.
    #[must_use]
    pub fn into_vec(self) -> Vec<Sample> {
        self.0
    }
}

/// Something that counts for itself.
pub trait Measured: Send + Sync {
    /// Adds its samples as they stand now.
    fn sample(&self, samples: &mut Samples);
}
