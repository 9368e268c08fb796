//! The Proxy-Status field: RFC 9209. It tells a client which error of Larder's own, or of its way to the origin, an
//! answer stands for.

use super::reason::Reason;
use http::HeaderValue;

/// The error type of RFC 9209 section 2.3 that a reason stands for; none where it is no error of a proxy.
#[must_use]
pub const fn error_type(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::UpstreamNoServer => "destination_unavailable",
        Reason::MissLimit => "connection_limit_reached",
        Reason::UpstreamConnect => "connection_refused",
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

/// The member for this proxy, `larder; error=connection_refused; details="upstream-connect"`.
#[must_use]
pub fn to_header_value(reason: Reason) -> Option<HeaderValue> {
    let text = format!("larder; error={}; details=\"{}\"", error_type(reason)?, reason.label());
    Some(HeaderValue::try_from(text).expect("tokens and punctuation make a field value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9209_2_3_reasons_of_the_origin_have_an_error_type() {
        for (reason, expected) in [
            (Reason::UpstreamConnect, Some("larder; error=connection_refused; details=\"upstream-connect\"")),
            (Reason::UpstreamTimeout, Some("larder; error=http_response_timeout; details=\"upstream-timeout\"")),
            (Reason::Loop, Some("larder; error=proxy_loop_detected; details=\"loop\"")),
            (Reason::UpstreamErrorStatus, None),
            (Reason::Fresh, None),
        ] {
            let value = to_header_value(reason);
            assert_eq!(value.as_ref().map(|value| value.to_str().unwrap()), expected, "{reason}");
        }
    }

    #[test]
    fn every_member_is_a_structured_field() {
        for reason in Reason::ALL {
            if let Some(value) = to_header_value(*reason) {
                assert!(sfv::Parser::new(value.as_bytes()).parse::<sfv::List>().is_ok(), "{value:?}");
            }
        }
    }
}
