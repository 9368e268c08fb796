//! Follows what a client sends over HTTP/1, message by message, and says how far it may be handed on.
//!
//! Pure: bytes in, verdicts out. hyper's own parser is lenient where RFC 9112 allows it (bare line feeds, both framings
//! at once, lists of lengths); two parsers in a row that are lenient in different ways are how requests are smuggled
//! (RFC 9112 section 11.2), so whatever has more than one reading is refused here, before hyper sees it.

mod chunked;
mod diagnose;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
pub(super) mod head;
pub(super) mod target;

use super::refusal::Refusal;
use chunked::Chunked;
use head::{Framing, Head, HeadLimits};

/// What the guard says of the bytes shown to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// More bytes are needed.
    More,
    /// So many bytes mean nothing and are dropped: the empty line that some clients send after a body
    /// (RFC 9112 section 2.2).
    Skip(usize),
    /// A head is complete and valid.
    Head(Head),
    /// So many bytes, at least one, belong to the body and are valid.
    Body(usize),
}

/// Where in a message the next byte stands.
#[derive(Debug)]
enum Position {
    /// In a head, of which so many bytes have been searched for its end.
    Head { searched: usize },
    /// In a body that ends after so many bytes.
    Length(u64),
    /// In a chunked body.
    Chunked(Chunked),
}

/// Where in a message the next byte stands, for whoever waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before a head's first byte or within the head.
    Head,
    /// In a body, of which so many bytes are known to be still to come.
    Body(u64),
}

/// The follower of one connection.
#[derive(Debug)]
pub(super) struct Guard {
    limits: HeadLimits,
    position: Position,
    skipped: bool,
}

impl Guard {
    /// A guard that stands before the first head.
    pub(super) const fn new(limits: HeadLimits) -> Self {
        Self { limits, position: Position::Head { searched: 0 }, skipped: false }
    }

    /// Where the next byte stands.
    pub(super) const fn place(&self) -> Place {
        match &self.position {
            Position::Head { .. } => Place::Head,
            Position::Length(left) => Place::Body(*left),
            Position::Chunked(chunked) => Place::Body(chunked.data_left()),
        }
    }

    /// Whether a message begins with the next byte, and nothing was skipped before it.
    pub(super) const fn is_between_messages(&self) -> bool {
        matches!(self.position, Position::Head { searched: 0 }) && !self.skipped
    }

    /// Looks at `bytes`, which begin where the last step ended, and takes one step.
    ///
    /// # Errors
    /// Where the bytes break the grammar, the framing or a limit. The guard is of no use after that.
    pub(super) fn inspect(&mut self, bytes: &[u8]) -> Result<Step, Refusal> {
        match &mut self.position {
            Position::Head { .. } => self.inspect_head(bytes),
            Position::Length(left) => {
                let available = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(*left);
                if available == 0 {
                    return Ok(Step::More);
                }
                *left -= available;
                if *left == 0 {
                    self.position = Position::Head { searched: 0 };
                }
                Ok(Step::Body(usize::try_from(available).unwrap_or(bytes.len())))
            }
            Position::Chunked(chunked) => {
                let passed = chunked.inspect(bytes)?;
                if chunked.is_over() {
                    self.position = Position::Head { searched: 0 };
                }
                Ok(if passed == 0 { Step::More } else { Step::Body(passed) })
            }
        }
    }

    fn inspect_head(&mut self, bytes: &[u8]) -> Result<Step, Refusal> {
        let Position::Head { searched } = &mut self.position else { return Ok(Step::More) };
        match bytes {
            [] | [b'\r'] => return Ok(Step::More),
            [b'\r', b'\n', ..] if self.skipped => return Err(Refusal::EmptyLines),
            [b'\r', b'\n', ..] => {
                self.skipped = true;
                return Ok(Step::Skip(2));
            }
            [b'\n', ..] => return Err(Refusal::BareLineFeed),
            [b'\r', ..] => return Err(Refusal::BareCarriageReturn),
            _ => {}
        }
        // A head that came in parts is parsed at its first and at its last part only, so that a client that sends it
        // byte by byte does not make the work grow with the square of its length.
        let first_look = *searched == 0;
        if !first_look && !may_end_after(bytes, *searched) {
            *searched = bytes.len();
            return self.more_of_head(bytes);
        }
        *searched = bytes.len();
        let Some(head) = head::read_head(bytes, &self.limits)? else { return self.more_of_head(bytes) };
        self.skipped = false;
        self.position = match head.framing {
            Framing::None => Position::Head { searched: 0 },
            Framing::Length(bytes) => Position::Length(bytes),
            Framing::Chunked => Position::Chunked(Chunked::new(self.limits)),
        };
        Ok(Step::Head(head))
    }

    fn more_of_head(&self, bytes: &[u8]) -> Result<Step, Refusal> {
        if bytes.len() < self.limits.head_bytes {
            return Ok(Step::More);
        }
        let line_bytes = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let target_is_at_fault = line_bytes > self.limits.target_bytes;
        Err(if target_is_at_fault { Refusal::TargetTooLong } else { Refusal::HeadTooLarge })
    }
}

/// Whether an empty line may stand beyond the first `searched` bytes, or a byte that no head may hold.
fn may_end_after(bytes: &[u8], searched: usize) -> bool {
    let fresh = bytes.get(searched.saturating_sub(3)..).unwrap_or_default();
    fresh.windows(2).any(|pair| pair == b"\n\n") || fresh.windows(3).any(|triple| triple == b"\n\r\n")
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
