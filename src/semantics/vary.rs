//! Vary and the normalisation of what it names: RFC 9110 section 12.5.5, RFC 9111 section 4.1.

use http::{HeaderMap, HeaderName, HeaderValue};

/// What a response varies by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vary {
    /// These request fields, sorted, without repeats; empty: nothing.
    Fields(Box<[HeaderName]>),
    /// `*` somewhere in the field: anything.
    Anything,
}

/// Reads all Vary lines of a response. A member that is no field name makes it [`Vary::Anything`].
#[must_use]
pub fn parse_vary(headers: &HeaderMap) -> Vary {
    todo!("{headers:?}")
}

/// The normalised values that pick one variant: one pair per field that the response varies by, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct VariantKey(pub Box<[(HeaderName, Box<[u8]>)]>);

/// The normalised form of a request field's lines: equal bytes for equal meaning. Accept-Encoding is reduced to the
/// supported codings it accepts, Accept-Language to lower-case ranges by quality, others have their lines joined and
/// white space around commas settled. No line yields an empty value other than that of an empty line.
pub fn normalise<'a>(name: &HeaderName, lines: impl Iterator<Item = &'a HeaderValue>) -> Box<[u8]> {
    todo!("{name} {}", lines.count())
}
