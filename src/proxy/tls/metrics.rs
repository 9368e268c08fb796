//! The metrics of a listener's certificates.

use crate::metric::Metric;

/// Until when a certificate is valid.
pub(crate) const CERTIFICATE_EXPIRY: Metric = Metric::gauge(
    "larder_tls_certificate_expiry_timestamp_seconds",
    &["certificate"],
    "When the certificate that clients are shown from this file expires, in seconds since the Unix epoch.",
);

/// What reading certificates again came to.
pub(crate) const CERTIFICATE_RELOADS: Metric = Metric::counter(
    "larder_tls_certificate_reloads_total",
    &["result"],
    "Certificates that were replaced, and changed files that could not be used.",
);

/// Those of certificates.
pub(crate) const METRICS: &[&Metric] = &[&CERTIFICATE_EXPIRY, &CERTIFICATE_RELOADS];
