//! What a response must be, in words that chain; a failure shows the whole response.

use super::wire::Head;
use std::fmt;

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As its framing says.
    Complete,
    /// Before that.
    Truncated,
}

/// A response, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// Method and target of the request.
    pub asked: String,
    /// Interim heads before it.
    pub interim: Vec<Head>,
    /// The status.
    pub status: u16,
    /// Status line and field lines.
    pub head: Head,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<(String, String)>,
    /// How it ended.
    pub ending: Ending,
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", self.head.first_line)?;
        for (name, value) in &self.head.lines {
            writeln!(f, "  {name}: {value}")?;
        }
        let shown = &self.body[..self.body.len().min(400)];
        writeln!(f, "\n  {} ({} bytes, {:?})", String::from_utf8_lossy(shown), self.body.len(), self.ending)
    }
}

impl Response {
    #[track_caller]
    fn check(&self, holds: bool, expected: impl fmt::Display) -> &Self {
        assert!(holds, "{}\nexpected: {expected}\nreceived:\n{self}", self.asked);
        self
    }

    /// The value of the first line of this name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.head.value(name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The member of Cache-Status that is Larder's, empty where there is none.
    #[must_use]
    pub fn cache_status(&self) -> &str {
        self.value("Cache-Status").unwrap_or_default()
    }

    fn has_parameter(&self, parameter: &str) -> bool {
        self.cache_status().split(';').any(|part| part.trim() == parameter)
    }

    /// It has this status.
    #[track_caller]
    pub fn status(&self, status: u16) -> &Self {
        self.check(self.status == status, format_args!("status {status}"))
    }

    /// It has this body, whole.
    #[track_caller]
    pub fn body(&self, body: impl AsRef<[u8]>) -> &Self {
        let expected = body.as_ref();
        let whole = self.ending == Ending::Complete && self.body == expected;
        self.check(whole, format_args!("body {:?}", String::from_utf8_lossy(&expected[..expected.len().min(400)])))
    }

    /// Its body was cut short.
    #[track_caller]
    pub fn truncated(&self) -> &Self {
        self.check(self.ending == Ending::Truncated, "a truncated body")
    }

    /// The lines of this name have these values, in order; an empty list: there is no such line.
    #[track_caller]
    pub fn lines<const N: usize>(&self, name: &str, values: [&str; N]) -> &Self {
        self.check(self.head.values(name) == values, format_args!("{name} lines {values:?}"))
    }

    /// It has one line of this name, with this value.
    #[track_caller]
    pub fn header(&self, name: &str, value: &str) -> &Self {
        self.lines(name, [value])
    }

    /// It has no line of this name.
    #[track_caller]
    pub fn without(&self, name: &str) -> &Self {
        self.lines(name, [])
    }

    /// It came from the cache.
    #[track_caller]
    pub fn hit(&self) -> &Self {
        self.check(self.is_hit(), "a hit")
    }

    /// Cache-Status gives this detail.
    #[track_caller]
    pub fn detail(&self, reason: &str) -> &Self {
        self.check(self.has_parameter(&format!("detail={reason}")), format_args!("Cache-Status with detail={reason}"))
    }

    /// Whether it came from the cache.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        self.has_parameter("hit")
    }

    /// It did not come from the cache, and this is the `fwd` parameter that says why.
    #[track_caller]
    pub fn forwarded(&self, why: &str) -> &Self {
        self.check(self.has_parameter(&format!("fwd={why}")), format_args!("Cache-Status with fwd={why}"))
    }

    /// It did not come from the cache.
    #[track_caller]
    pub fn not_a_hit(&self) -> &Self {
        self.check(!self.is_hit(), "no hit")
    }

    /// Cache-Status has this parameter, `stored` or `detail=purged`.
    #[track_caller]
    pub fn says(&self, parameter: &str) -> &Self {
        self.check(self.has_parameter(parameter), format_args!("Cache-Status with {parameter}"))
    }

    /// Cache-Status has no such parameter.
    #[track_caller]
    pub fn does_not_say(&self, parameter: &str) -> &Self {
        self.check(!self.has_parameter(parameter), format_args!("Cache-Status without {parameter}"))
    }

    /// It is a problem of Larder's own (RFC 9457) with this status.
    #[track_caller]
    pub fn problem(&self, status: u16) -> &Self {
        self.status(status).header("Content-Type", "application/problem+json")
    }
}
