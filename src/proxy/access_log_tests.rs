//! Lines as they are written, and what no client can do to them.

use super::*;
use crate::clock::ManualClock;
use crate::engine::exchange::Exchanged;
use crate::engine::outcome::{Decision, Outcome};
use crate::proxy::observer::Ending;
use crate::proxy::refusal::Refusal;
use crate::proxy::request_id::RequestId;
use crate::scope::RouteName;
use crate::semantics::reason::Reason;
use http::{HeaderValue, Method, StatusCode, Version};
use std::time::Duration;

/// A writer whose lines can be read.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn finished() -> Finished {
    Finished {
        request_id: RequestId::random(),
        client: "192.0.2.7".parse().unwrap(),
        peer: "10.0.0.1:5000".parse().unwrap(),
        said_id: Some(HeaderValue::from_static("theirs")),
        said_trace: Some(HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")),
        user_agent: Some(HeaderValue::from_static("curl/8 \"x\"")),
        method: Method::GET,
        target: "/api/products/42?currency=EUR".parse().unwrap(),
        host: Some(HeaderValue::from_static("shop.example")),
        version: Version::HTTP_11,
        status: Some(StatusCode::OK),
        decision: Some(Decision {
            outcome: Outcome::Hit,
            reason: Reason::Fresh,
            route: Some(RouteName::new("product")),
            cache_status: None,
            storing: None,
        }),
        refused: None,
        cause: None,
        age_secs: Some(7),
        upstream_id: Some(HeaderValue::from_static("inner")),
        exchanged: Some(Exchanged { server: "api-1:80".into(), took: Duration::from_micros(40), tries: 2 }),
        traced: None,
        body_bytes: 1024,
        duration: Duration::from_micros(42),
        ended: tokio::time::Instant::now(),
        ending: Ending::Complete,
    }
}

fn logged(format: LogFormat, finished: &Finished) -> String {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_709_210_096_789)));
    let lines = Lines::default();
    AccessLog::new(format, clock, lines.clone()).finished(finished);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_text_line_says_who_asked_what_and_how_it_was_decided() {
    let finished = finished();
    let expected = format!(
        "2024-02-29T12:34:56.789Z 192.0.2.7 \"GET /api/products/42?currency=EUR HTTP/1.1\" 200 1024 42us id={} \
         outcome=hit reason=fresh route=product host=\"shop.example\" ending=complete \
         request_id_in=\"theirs\" traceparent=\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\" request_id_upstream=\"inner\" user_agent=\"curl/8 \\\"x\\\"\" age=7 \
         upstream=api-1:80 upstream_us=40 upstream_tries=2 peer=10.0.0.1:5000\n",
        finished.request_id
    );
    assert_eq!(logged(LogFormat::Text, &finished), expected);
}

#[test]
fn a_json_line_is_one_object_with_the_same_facts() {
    let finished = finished();
    let line = logged(LogFormat::Json, &finished);
    assert_eq!(line.matches('\n').count(), 1);
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    let expected = serde_json::json!({
        "time": "2024-02-29T12:34:56.789Z", "level": "INFO", "message": "request", "client": "192.0.2.7", "method": "GET",
        "target": "/api/products/42?currency=EUR", "version": "HTTP/1.1", "status": 200, "body_bytes": 1024,
        "duration_us": 42, "outcome": "hit", "reason": "fresh", "route": "product", "host": "shop.example",
        "ending": "complete", "request_id": finished.request_id.to_string(),
        "request_id_in": "theirs", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        "request_id_upstream": "inner", "user_agent": "curl/8 \"x\"", "age": 7,
        "peer": "10.0.0.1:5000", "upstream": "api-1:80", "upstream_us": 40, "upstream_tries": 2,
    });
    assert_eq!(object, expected);
}

#[test]
fn no_client_can_forge_a_line() {
    let mut hostile = finished();
    hostile.host = Some(HeaderValue::from_bytes(b"a\" outcome=hit \xff").unwrap());
    hostile.refused = Some((Refusal::Method, "G\u{1b}[2J\nET \"/\u{7f}\" x".into()));
    hostile.cause = Some("first\nsecond".into());
    for format in [LogFormat::Text, LogFormat::Json] {
        let line = logged(format, &hostile);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(line.trim_end().bytes().all(|byte| byte != 0x1b && byte >= b' '), "{line}");
    }
    let text = logged(LogFormat::Text, &hostile);
    assert!(text.contains(r#""G\x1b[2J\x0aET \"/\x7f\" x""#), "{text}");
    assert!(text.contains(r#"outcome=error reason=method host="a\" outcome=hit \xff""#), "{text}");
}
