//! The primary key of a cacheable request: typed, length-prefixed, compared whole.
//!
//! A key is a list of parts, each a kind byte, a length and the bytes, so that no two different lists have the same
//! encoding. Maps compare the whole key under a randomly seeded hash; the 128-bit fingerprint (a truncated BLAKE3, so
//! that collisions can't be made on purpose) names the key to people and to the shared tier.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

/// What a part of a key stands for. The number is part of the encoding: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyPart {
    /// The scheme.
    Scheme = 1,
    /// Host and, where it is not the scheme's default, port.
    Authority = 2,
    /// The settled path.
    Path = 3,
    /// The query after the route's recipe.
    Query = 4,
    /// The name of a keyed request header; its values follow as [`KeyPart::Value`].
    Header = 5,
    /// The name of a keyed cookie; its values follow as [`KeyPart::Value`].
    Cookie = 6,
    /// One value of the header or cookie before it.
    Value = 7,
    /// The method, where it is not GET.
    Method = 8,
    /// The digest of what counts of the body.
    Body = 9,
    /// The name of a claim of a verified token; its value follows as [`KeyPart::Value`].
    Claim = 10,
}

/// Identifies what is asked for, apart from what `Vary` picks. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PrimaryKey(Arc<[u8]>);

impl PrimaryKey {
    /// The key of this encoding. Bytes that are none make a key that no request has.
    #[must_use]
    pub(crate) fn of_encoded(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The encoded key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first 128 bits of the key's BLAKE3 hash, the same on every instance.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let mut first = [0; 16];
        first.copy_from_slice(&blake3::hash(&self.0).as_bytes()[..16]);
        u128::from_be_bytes(first)
    }
}

impl fmt::Display for PrimaryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.fingerprint())
    }
}

impl fmt::Debug for PrimaryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrimaryKey({self})")
    }
}

thread_local! {
    /// The buffer in which this thread builds keys: each request has one.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Builds a [`PrimaryKey`] part by part.
#[derive(Debug)]
pub struct KeyBuilder {
    bytes: Vec<u8>,
}

impl Default for KeyBuilder {
    fn default() -> Self {
        let mut bytes = BUFFER.take();
        bytes.clear();
        Self { bytes }
    }
}

impl KeyBuilder {
    /// Begins with the parts of another key.
    #[must_use]
    pub(crate) fn beginning_with(key: &PrimaryKey) -> Self {
        let mut builder = Self::default();
        builder.bytes.extend_from_slice(&key.0);
        builder
    }

    /// Appends one part.
    pub fn part(&mut self, kind: KeyPart, bytes: &[u8]) -> &mut Self {
        self.bytes.push(kind as u8);
        // A part comes from a request head, whose size is bounded far below 4 GiB; saturating keeps the type honest.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// The finished key.
    #[must_use]
    pub fn finish(self) -> PrimaryKey {
        let key = PrimaryKey(Arc::from(&*self.bytes));
        // A key is no longer than a request's head, which is bounded.
        BUFFER.set(self.bytes);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[(KeyPart, &[u8])]) -> PrimaryKey {
        let mut builder = KeyBuilder::default();
        for (kind, bytes) in parts {
            builder.part(*kind, bytes);
        }
        builder.finish()
    }

    #[test]
    fn moving_a_byte_between_parts_or_kinds_makes_another_key() {
        let split = key(&[(KeyPart::Path, b"/a"), (KeyPart::Query, b"b")]);
        assert_ne!(split, key(&[(KeyPart::Path, b"/ab"), (KeyPart::Query, b"")]));
        assert_ne!(split, key(&[(KeyPart::Path, b"/a"), (KeyPart::Value, b"b")]));
        assert_ne!(split, key(&[(KeyPart::Path, b"/a")]));
        assert_eq!(split, key(&[(KeyPart::Path, b"/a"), (KeyPart::Query, b"b")]));
    }
}
