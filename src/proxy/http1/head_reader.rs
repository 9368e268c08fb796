//! Finds the heads in what a client sends.

use super::head::{Head, HeadLimits, read_head};
use crate::proxy::refusal::Refusal;
use bytes::{Buf, BytesMut};

/// Stands before a head or within one.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    /// So many bytes of the head have been searched for its end.
    searched: usize,
    /// The empty line that some clients send after a body was dropped: RFC 9112 section 2.2.
    has_skipped: bool,
}

impl HeadReader {
    /// Whether nothing of a head has been looked at.
    pub(super) const fn is_between_messages(&self) -> bool {
        self.searched == 0 && !self.has_skipped
    }

    /// The head that `buffer` begins with, and goes on to hold; `None` if more bytes are needed.
    ///
    /// # Errors
    /// Where the bytes break the grammar, the framing or a limit. The reader is of no use after that.
    pub(super) fn read(&mut self, buffer: &mut BytesMut, limits: &HeadLimits) -> Result<Option<Head>, Refusal> {
        match buffer.as_ref() {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] if self.has_skipped => return Err(Refusal::EmptyLines),
            [b'\r', b'\n', ..] => {
                self.has_skipped = true;
                buffer.advance(2);
                return self.read(buffer, limits);
            }
            [b'\n', ..] => return Err(Refusal::BareLineFeed),
            [b'\r', ..] => return Err(Refusal::BareCarriageReturn),
            _ => {}
        }
        // A head that came in parts is parsed at its first and at its last part only, so that a client that sends it
        // byte by byte does not make the work grow with the square of its length.
        let is_first_look = self.searched == 0;
        let may_be_whole = is_first_look || may_end_after(buffer, self.searched);
        self.searched = buffer.len();
        if may_be_whole && let Some(head) = read_head(buffer, limits)? {
            *self = Self::default();
            return Ok(Some(head));
        }
        if buffer.len() < limits.head_bytes {
            return Ok(None);
        }
        let line_bytes = buffer.iter().position(|byte| *byte == b'\n').unwrap_or(buffer.len());
        let target_is_at_fault = line_bytes > limits.target_bytes;
        Err(if target_is_at_fault { Refusal::TargetTooLong } else { Refusal::HeadTooLarge })
    }
}

/// Whether an empty line may stand beyond the first `searched` bytes, or a byte that no head may hold.
fn may_end_after(bytes: &[u8], searched: usize) -> bool {
    let fresh = bytes.get(searched.saturating_sub(3)..).unwrap_or_default();
    fresh.windows(2).any(|pair| pair == b"\n\n") || fresh.windows(3).any(|triple| triple == b"\n\r\n")
}
