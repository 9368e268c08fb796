//! Reads the fields of binary log events: numbers with the lowest byte first, and lengths before what they measure.

/// What is left to read. Nothing is read beyond the end: then it is `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of up to eight bytes.
    pub(super) fn number(&mut self, length: usize) -> Option<u64> {
        let bytes = self.take(length)?;
        (length <= 8).then(|| bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A number that says its own length: one byte, or 2, 3 or 8 after a first one.
    pub(super) fn packed(&mut self) -> Option<u64> {
        match self.byte()? {
            252 => self.number(2),
            253 => self.number(3),
            254 => self.number(8),
            251 | 255 => None,
            small => Some(u64::from(small)),
        }
    }

    /// A length, which says its own length, and so many bytes.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.packed()?;
        self.take(usize::try_from(length).ok()?)
    }
}
