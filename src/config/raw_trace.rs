//! `[trace]`, raw. The documentation of each key is its description in the JSON Schema.

use super::table::raw_table;
use super::values::PercentageText;

raw_table! {
    /// Traces by OpenTelemetry. What a request's sender says of the trace that it belongs to (W3C Trace Context) is passed on
    /// with or without them.
    struct RawTrace {
        /// Where spans are sent, by OTLP over gRPC: "http://127.0.0.1:4317", "https://…" with TLS. Not set: no traces.
        otlp_endpoint: String,
        /// The share of requests that are traced, of those whose sender is no trusted proxy that says so itself. Default: "1%".
        sample: PercentageText,
    }
}
