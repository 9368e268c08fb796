//! What a client sends.

use std::fmt::Write as _;

/// The authority that clients ask for unless a request says otherwise.
pub const HOST: &str = "shop.test";

/// A request to be written.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The target, as it will stand in the request line.
    pub target: String,
    lines: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// A GET.
#[must_use]
pub fn get(target: &str) -> Request {
    request("GET", target)
}

/// A HEAD.
#[must_use]
pub fn head(target: &str) -> Request {
    request("HEAD", target)
}

/// A POST with this body.
#[must_use]
pub fn post(target: &str, body: &str) -> Request {
    request("POST", target).body(body)
}

/// A request with this method.
#[must_use]
pub fn request(method: &str, target: &str) -> Request {
    Request { method: method.to_owned(), target: target.to_owned(), lines: Vec::new(), body: None }
}

impl Request {
    /// Adds a field line. A Host given so stands in for the usual one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.lines.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives it a body with its Content-Length.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    /// As it stands on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let mut lines = self.lines.clone();
        if !lines.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            lines.insert(0, ("Host".to_owned(), HOST.to_owned()));
        }
        if let Some(body) = &self.body {
            lines.push(("Content-Length".to_owned(), body.len().to_string()));
        }
        for (name, value) in &lines {
            write!(text, "{name}: {value}\r\n").expect("a String takes all that is written");
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}
