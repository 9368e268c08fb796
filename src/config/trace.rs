//! `[trace]`: which requests are traced, and who takes their spans.

use super::problem::Problem;
use super::raw_trace::RawTrace;
use super::resolve::Resolver;
use super::table::Placed;
use crate::traces::TraceOptions;
use http::Uri;

/// `sample`
const SAMPLE_DEFAULT: f64 = 0.01;

impl Resolver<'_> {
    pub(super) fn trace(&mut self, raw: &RawTrace) -> Option<TraceOptions> {
        let Some(endpoint) = &raw.otlp_endpoint else {
            if let Some(sample) = &raw.sample {
                let hint = "set `trace.otlp_endpoint`";
                self.problems.push(Problem::warning(&sample.place, "nothing is traced: nobody takes the spans", hint));
            }
            return None;
        };
        self.check_endpoint(endpoint);
        let sample = raw.sample.as_ref().map_or(SAMPLE_DEFAULT, |sample| sample.value.0);
        Some(TraceOptions { otlp_endpoint: endpoint.value.clone(), sample })
    }

    fn check_endpoint(&mut self, endpoint: &Placed<String>) {
        let url = endpoint.value.parse::<Uri>().ok();
        let is_fit = url.is_some_and(|url| {
            let is_root = url.path_and_query().is_none_or(|path| path.as_str() == "/");
            let authority = url.authority().map(http::uri::Authority::as_str);
            matches!(url.scheme_str(), Some("http" | "https"))
                && is_root
                && authority.is_some_and(|authority| !authority.contains('@'))
        });
        if !is_fit {
            let message = format!("`{}` is not the URL of a collector", endpoint.value);
            let hint = "write scheme, host and port: \"http://127.0.0.1:4317\"";
            self.problems.error(&endpoint.place, message, Some(hint));
        }
    }
}
