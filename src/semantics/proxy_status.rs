//! The Proxy-Status field: RFC 9209. It shows a client which error of Larder's own, or of its way to the origin, an
//! answer stands for.

use super::reason::Reason;

/// The error type of RFC 9209 section 2.3 that a reason stands for; `None` if it is no error of a proxy.
pub(crate) const fn error_type(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::UpstreamNoServer => "destination_unavailable",
        Reason::ClientConnections | Reason::ClientRate | Reason::ClientMisses => "http_request_denied",
        Reason::MissLimit | Reason::MaxRequests => "connection_limit_reached",
        Reason::UpstreamConnect => "connection_refused",
        Reason::UpstreamCertificate => "tls_certificate_error",
        Reason::UpstreamTls => "tls_protocol_error",
        Reason::UpstreamTlsAlert => "tls_alert_received",
        Reason::UpstreamTimeout => "http_response_timeout",
        Reason::UpstreamClosed => "connection_terminated",
        Reason::UpstreamInvalid => "http_protocol_error",
        Reason::UpstreamHeadTooLarge => "http_response_header_section_size",
        Reason::BodyTruncated => "http_response_incomplete",
        Reason::ClientBody => "http_request_error",
        Reason::Loop => "proxy_loop_detected",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9209_2_3_reasons_of_the_origin_have_an_error_type() {
        for (reason, expected) in [
            (Reason::UpstreamConnect, Some("connection_refused")),
            (Reason::UpstreamTimeout, Some("http_response_timeout")),
            (Reason::UpstreamTls, Some("tls_protocol_error")),
            (Reason::Loop, Some("proxy_loop_detected")),
            (Reason::UpstreamErrorStatus, None),
            (Reason::Fresh, None),
        ] {
            assert_eq!(error_type(reason), expected, "{reason}");
        }
    }

    #[test]
    fn every_error_type_is_a_token() {
        for error in Reason::ALL.iter().filter_map(|reason| error_type(*reason)) {
            assert!(sfv::Parser::new(error.as_bytes()).parse::<sfv::Item>().is_ok(), "{error}");
        }
    }
}
