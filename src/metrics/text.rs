//! Samples in the text format of Prometheus.

use crate::histogram::{BOUNDS_MICROS, DurationCounts};
use crate::metric::{Kind, Metric, Sample, Value};
use prometheus::TextEncoder;
use prometheus::core::Collector;
use prometheus::proto::{self, Bucket, Counter, Gauge, Histogram, LabelPair, MetricFamily, MetricType};

/// Renders samples and what the process collects, a metric's samples together, in the order of their first.
pub(super) fn render(samples: Vec<Sample>, process: &dyn Collector) -> String {
    let mut families: Vec<MetricFamily> = Vec::new();
    for sample in samples {
        let name = sample.metric.name;
        let place = families.iter().position(|family| family.name() == name).unwrap_or_else(|| {
            families.push(family(sample.metric));
            families.len() - 1
        });
        families[place].mut_metric().push(rendered(&sample));
    }
    families.extend(process.collect().into_iter().filter(|family| !family.get_metric().is_empty()));
    let mut text = String::with_capacity(16 * 1024);
    let encoded = TextEncoder::new().encode_utf8(&families, &mut text);
    encoded.expect("a string takes every write, and families without a name or a sample are not there");
    text
}

fn family(metric: &Metric) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(metric.name.to_owned());
    family.set_help(metric.help.to_owned());
    family.set_field_type(match metric.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    family
}

fn set_number(metric: &mut proto::Metric, kind: Kind, number: f64) {
    if kind == Kind::Counter {
        let mut counter = Counter::default();
        counter.set_value(number);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(number);
        metric.set_gauge(gauge);
    }
}

/// The format knows only floating point; counts beyond 2^53 lose their last digits there and nowhere else.
#[expect(clippy::cast_precision_loss, reason = "the format has nothing better")]
fn rendered(sample: &Sample) -> proto::Metric {
    let labels = sample.metric.labels.iter().zip(&sample.labels).map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value(value.clone());
        pair
    });
    let mut metric = proto::Metric::from_label(labels.collect());
    match (&sample.value, sample.metric.kind) {
        (Value::Durations(durations), _) => metric.set_histogram(histogram(durations)),
        (Value::Number(number), kind) => set_number(&mut metric, kind, *number as f64),
        (Value::Time(time), kind) => set_number(&mut metric, kind, time.as_secs_f64()),
    }
    metric
}

#[expect(clippy::cast_precision_loss, reason = "the format has nothing better")]
fn histogram(durations: &DurationCounts) -> Histogram {
    let mut below = 0;
    let buckets = BOUNDS_MICROS.iter().zip(durations.buckets).map(|(bound, count)| {
        below += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound as f64 / 1e6);
        bucket.set_cumulative_count(below);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_sum(durations.sum_nanos as f64 / 1e9);
    histogram.set_sample_count(durations.count());
    histogram
}
