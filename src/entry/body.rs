//! The body of a stored response: held once, in one allocation of exactly its size or, where it is short, among the
//! other bytes of its entry.

use crate::semantics::content_coding::Coding;
use bytes::Bytes;
use std::num::NonZeroU32;

/// How a stored body is coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredBody {
    /// As the origin sent it, in whatever Content-Encoding its head names.
    AsReceived(Bytes),
    /// Coded by Larder from an uncoded body.
    Coded {
        /// In which coding.
        coding: Coding,
        /// The coded bytes.
        coded: Bytes,
        /// The length of the uncoded body, in bytes.
        identity_bytes: u64,
    },
}

impl StoredBody {
    /// The body that arrived in these pieces, as received.
    ///
    /// Even a single piece is copied, once in the life of an entry: what arrives is a view into a read buffer that may
    /// be many times larger, and a view would keep all of it alive beyond what the entry is charged for.
    #[must_use]
    pub fn from_pieces(pieces: Vec<Bytes>) -> Self {
        let mut whole = Vec::with_capacity(pieces.iter().map(Bytes::len).sum());
        for piece in pieces {
            whole.extend_from_slice(&piece);
        }
        Self::AsReceived(whole.into())
    }

    /// The bytes as they are kept.
    #[must_use]
    pub const fn at_rest(&self) -> &Bytes {
        match self {
            Self::AsReceived(bytes) => bytes,
            Self::Coded { coded, .. } => coded,
        }
    }

    /// The length of the body as the origin sent it, in bytes: before Larder coded it.
    #[must_use]
    pub const fn identity_bytes(&self) -> u64 {
        match self {
            Self::AsReceived(bytes) => bytes.len() as u64,
            Self::Coded { identity_bytes, .. } => *identity_bytes,
        }
    }

    /// The coding that Larder applied, if it did.
    #[must_use]
    pub const fn coding(&self) -> Option<Coding> {
        match self {
            Self::AsReceived(_) => None,
            Self::Coded { coding, .. } => Some(*coding),
        }
    }
}

/// The coding of a short body and the length that it decodes to, in four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackedCoding(NonZeroU32);

impl PackedCoding {
    const CODING_BITS: u32 = 2;

    /// `None` where the length does not fit, or is 0.
    pub(super) fn new(coding: Coding, identity_bytes: u64) -> Option<Self> {
        let length = u32::try_from(identity_bytes).ok().filter(|length| length.leading_zeros() >= Self::CODING_BITS)?;
        let place =
            Coding::ALL.iter().position(|known| *known == coding).and_then(|place| u32::try_from(place).ok())?;
        if length == 0 { None } else { NonZeroU32::new(length << Self::CODING_BITS | place).map(Self) }
    }

    fn coding(self) -> Option<Coding> {
        Coding::ALL.get(usize::try_from(self.0.get() & ((1 << Self::CODING_BITS) - 1)).ok()?).copied()
    }

    const fn identity_bytes(self) -> u64 {
        (self.0.get() >> Self::CODING_BITS) as u64
    }
}

/// The body of an entry, wherever it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyView<'a> {
    bytes: &'a [u8],
    /// The same bytes, where they can be shared.
    shared: Option<&'a Bytes>,
    /// The coding and the length of the uncoded body, where Larder coded it.
    coded: Option<(Coding, u64)>,
}

impl<'a> BodyView<'a> {
    /// A body that is kept on its own.
    pub(super) fn of(body: &'a StoredBody) -> Self {
        let (bytes, coded) = match body {
            StoredBody::AsReceived(bytes) => (bytes, None),
            StoredBody::Coded { coding, coded, identity_bytes } => (coded, Some((*coding, *identity_bytes))),
        };
        Self { bytes: bytes.as_ref(), shared: Some(bytes), coded }
    }

    /// A short body among other bytes.
    pub(super) fn within(bytes: &'a [u8], coded: Option<PackedCoding>) -> Self {
        let coded = coded.and_then(|coded| Some((coded.coding()?, coded.identity_bytes())));
        Self { bytes, shared: None, coded }
    }

    /// The bytes as they are kept.
    #[must_use]
    pub const fn at_rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes as they are kept, where they are an allocation of their own.
    #[must_use]
    pub const fn shared(&self) -> Option<&'a Bytes> {
        self.shared
    }

    /// The bytes as they are kept, to be held on to: shared, or copied where they are few.
    #[must_use]
    pub fn to_bytes(self) -> Bytes {
        self.shared.map_or_else(|| Bytes::copy_from_slice(self.bytes), Bytes::clone)
    }

    /// The coding that Larder applied, if it did.
    #[must_use]
    pub fn coding(&self) -> Option<Coding> {
        self.coded.map(|(coding, _)| coding)
    }

    /// The length of the body as the origin sent it, in bytes: before Larder coded it.
    #[must_use]
    pub fn identity_bytes(&self) -> u64 {
        self.coded.map_or(self.bytes.len() as u64, |(_, bytes)| bytes)
    }

    /// The body for another entry.
    #[must_use]
    pub fn to_stored(self) -> StoredBody {
        let bytes = self.to_bytes();
        match self.coded {
            None => StoredBody::AsReceived(bytes),
            Some((coding, identity_bytes)) => StoredBody::Coded { coding, coded: bytes, identity_bytes },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_one_body_of_their_own() {
        let buffer = Bytes::from(vec![b'x'; 8192]);
        for pieces in [vec![buffer.slice(..3)], vec![buffer.slice(..3), Bytes::new(), buffer.slice(4..9)]] {
            let expected = pieces.concat();
            let StoredBody::AsReceived(body) = StoredBody::from_pieces(pieces) else { panic!("it was coded") };
            assert_eq!(body, expected);
            let own = body.try_into_mut().expect("nobody else holds the body's allocation");
            assert_eq!(own.capacity(), expected.len(), "the allocation is larger than the body");
        }
    }
}
