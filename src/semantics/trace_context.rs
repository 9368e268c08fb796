//! W3C Trace Context, level 1: which trace a request belongs to, and which span sent it.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::num::{NonZeroU64, NonZeroU128};

/// Names the trace and the sender's span.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What vendors say of the trace. It belongs to the trace that `traceparent` names.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of a `traceparent` of version 00; later versions may say more behind it.
const BYTES: usize = 55;

/// One span of a trace, as it is named to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: NonZeroU128,
    /// The span.
    pub span: NonZeroU64,
    /// Whether it is recorded.
    pub sampling: Sampling,
}

/// Whether the sender of a request records the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// It does, and wants those that it asks to do so, too.
    Sampled,
    /// It does not.
    NotSampled,
}

impl TraceContext {
    /// What the one valid `traceparent` of a request says; `None` if there is none.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(one_line(headers)?.as_bytes())
    }

    /// The one valid `traceparent` of a request as it came; `None` if there is none.
    pub(crate) fn line_of(headers: &HeaderMap) -> Option<&HeaderValue> {
        one_line(headers).filter(|line| Self::parse(line.as_bytes()).is_some())
    }

    /// Reads a `traceparent`: section 3.2 of the recommendation.
    fn parse(text: &[u8]) -> Option<Self> {
        let (known, rest) = text.split_at_checked(BYTES)?;
        let mut parts = known.split(|byte| *byte == b'-');
        let mut next = |digits: usize| hexadecimal(parts.next().filter(|part| part.len() == digits)?);
        let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let is_known = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        let sampling = if flags & 1 == 1 { Sampling::Sampled } else { Sampling::NotSampled };
        let span = NonZeroU64::new(u64::try_from(span).ok()?)?;
        is_known.then_some(Self { trace: NonZeroU128::new(trace)?, span, sampling })
    }

    /// Another span of the same trace.
    #[must_use]
    pub const fn with_span(self, span: NonZeroU64) -> Self {
        Self { span, ..self }
    }

    /// As the value of `traceparent`.
    #[must_use]
    pub fn to_header_value(self) -> HeaderValue {
        let flags = u8::from(self.sampling == Sampling::Sampled);
        let text = format!("00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span);
        HeaderValue::try_from(text).expect("hexadecimal digits and hyphens make a field value")
    }
}

/// The one line that names a trace; two name none.
fn one_line(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    lines.next().filter(|_| lines.next().is_none())
}

/// A number in lower-case digits, which are the only ones that the recommendation allows.
fn hexadecimal(digits: &[u8]) -> Option<u128> {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(is_digit))?;
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn section_3_2_what_a_traceparent_says() {
        let read = |text: &str| TraceContext::parse(text.as_bytes()).map(|read| read.sampling);
        let (sampled, not) = (Some(Sampling::Sampled), Some(Sampling::NotSampled));
        for (text, expected) in [
            (format!("00-{TRACE}-{SPAN}-01"), sampled),
            (format!("00-{TRACE}-{SPAN}-00"), not),
            (format!("00-{TRACE}-{SPAN}-03"), sampled),
            (format!("00-{TRACE}-{SPAN}-02"), not),
            (format!("00-{TRACE}-{SPAN}-01-more"), None),
            (format!("01-{TRACE}-{SPAN}-01-more"), sampled),
            (format!("01-{TRACE}-{SPAN}-01"), sampled),
            (format!("01-{TRACE}-{SPAN}-01more"), None),
            (format!("ff-{TRACE}-{SPAN}-01"), None),
            (format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
            (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            (format!("00-{TRACE}-{SPAN}-0"), None),
            (format!("00-{TRACE}-{SPAN}"), None),
            (format!("00-{TRACE}{SPAN}-01"), None),
            (format!("00_{TRACE}_{SPAN}_01"), None),
            (format!("0+-{TRACE}-{SPAN}-01"), None),
            (String::new(), None),
        ] {
            assert_eq!(read(&text), expected, "{text}");
        }
    }

    #[test]
    fn two_lines_name_no_trace() {
        let line = HeaderValue::try_from(format!("00-{TRACE}-{SPAN}-01")).unwrap();
        let mut headers = HeaderMap::from_iter([(TRACEPARENT, line.clone())]);
        assert!(TraceContext::of(&headers).is_some());
        assert_eq!(TraceContext::line_of(&headers), Some(&line));
        headers.append(TRACEPARENT, line);
        assert_eq!(TraceContext::of(&headers), None);
        assert_eq!(TraceContext::line_of(&headers), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(trace in 1u128.., span in 1u64.., is_sampled: bool) {
            let sampling = if is_sampled { Sampling::Sampled } else { Sampling::NotSampled };
            let (trace, span) = (NonZeroU128::new(trace).unwrap(), NonZeroU64::new(span).unwrap());
            let context = TraceContext { trace, span, sampling };
            prop_assert_eq!(TraceContext::parse(context.to_header_value().as_bytes()), Some(context));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = TraceContext::parse(&bytes);
        }
    }
}
