//! What names a request, in the log, to the origin and in the answer.

use http::HeaderValue;
use std::fmt;

/// What names one request in the log, to the origin and in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// 128 bits made here.
    Made(u128),
    /// What a trusted proxy named it: visible ASCII without quotes, backslashes and commas.
    Given(HeaderValue),
}

impl RequestId {
    /// A new id.
    #[must_use]
    pub fn random() -> Self {
        Self::Made(rand::random())
    }

    /// As the value of X-Request-Id.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        match self {
            Self::Given(id) => id.clone(),
            Self::Made(_) => HeaderValue::from_str(&self.to_string()).expect("hexadecimal digits make a field value"),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(bits) => write!(f, "{bits:032x}"),
            Self::Given(id) => f.write_str(id.to_str().unwrap_or_default()),
        }
    }
}
