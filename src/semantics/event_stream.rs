//! Which responses are streams of events, whose sender may have nothing to say for as long as it likes.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};

/// With `no` the application says that its answer is to be passed on piece by piece: what nginx calls unbuffered.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Media types of endless streams.
const TYPES: [&[u8]; 8] = [
    b"text/event-stream",
    b"multipart/x-mixed-replace",
    b"application/x-ndjson",
    b"application/ndjson",
    b"application/stream+json",
    b"application/grpc",
    b"application/grpc+proto",
    b"application/grpc+json",
];

/// Whether a response with these headers is a stream of events.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| is_event_stream_type(value.as_bytes()))
        || headers.get(X_ACCEL_BUFFERING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"no"))
}

/// Whether a Content-Type is that of a stream of events.
pub(crate) fn is_event_stream_type(value: &[u8]) -> bool {
    let given = value.split(|byte| *byte == b';').next().unwrap_or(value).trim_ascii();
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(given))
}

/// Whether a message is one of gRPC, whose calls end with their client.
#[must_use]
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_events_is_known_by_its_type_or_by_the_word_of_the_application() {
        let rows = [
            ("content-type", "text/event-stream", true),
            ("content-type", "Text/Event-Stream; charset=utf-8", true),
            ("content-type", "multipart/x-mixed-replace;boundary=frame", true),
            ("content-type", "application/grpc+proto", true),
            ("content-type", "application/json", false),
            ("content-type", "text/event-streams", false),
            ("content-type", "", false),
            ("x-accel-buffering", "no", true),
            ("x-accel-buffering", "yes", false),
        ];
        for (name, value, expected) in rows {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())]);
            assert_eq!(is_event_stream(&headers), expected, "{name}: {value}");
        }
    }
}
