//! Content codings and their negotiation: RFC 9110 section 8.4 and 12.5.3.

use http::{HeaderMap, HeaderValue};

/// Which of the codings that Larder handles a request accepts (quality above zero), and how well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedCodings {
    /// `gzip` (or `x-gzip`) is acceptable and no worse than `identity`.
    pub gzip: bool,
    /// `br` is acceptable.
    pub br: bool,
    /// `zstd` is acceptable.
    pub zstd: bool,
    /// `identity` is acceptable.
    pub identity: bool,
}

impl AcceptedCodings {
    /// Reads Accept-Encoding.
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        todo!("{headers:?}")
    }

    /// The canonical Accept-Encoding that says the same of the codings handled: sent to the origin and keyed.
    /// None where only identity is accepted.
    #[must_use]
    pub fn canonical(&self) -> Option<HeaderValue> {
        todo!()
    }
}
