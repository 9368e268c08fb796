//! Where one direction of a WebSocket stands in its frames (RFC 6455 section 5.2), so that a close frame can be put in
//! between two of them. What is in the frames is nobody's business here.

/// A close frame from a server with status 1001, going away: RFC 6455 sections 5.5.1 and 7.4.1.
pub(super) const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xe9];

/// The opcode of a close frame.
const CLOSE: u8 = 8;

/// The longest head of a frame: two bytes, eight of length, four of mask.
const HEAD_BYTES_MAX: usize = 14;

/// Follows the frames of one direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: usize,
    payload_left: u64,
    has_closed: bool,
}

/// Whether a frame may be put in now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Between two frames.
    Between,
    /// In the middle of one.
    Within,
    /// Nothing may follow: a close frame has passed.
    Closed,
}

impl Frames {
    /// Takes note of bytes that have passed.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.payload_left > 0 {
                let skipped = bytes.len().min(usize::try_from(self.payload_left).unwrap_or(usize::MAX));
                self.payload_left -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head[self.head_bytes] = first;
            self.head_bytes += 1;
            bytes = rest;
            if self.head_bytes >= 2 && self.head_bytes == self.head_length() {
                self.payload_left = self.payload_length();
                self.has_closed |= self.head[0] & 0x0f == CLOSE;
                self.head_bytes = 0;
            }
        }
    }

    /// Where it stands.
    pub(super) const fn place(&self) -> Place {
        if self.head_bytes > 0 || self.payload_left > 0 {
            Place::Within
        } else if self.has_closed {
            Place::Closed
        } else {
            Place::Between
        }
    }

    /// How long the head is, by its second byte.
    fn head_length(&self) -> usize {
        let mask_bytes = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        2 + mask_bytes + self.length_bytes()
    }

    /// How many bytes of length follow the second byte.
    const fn length_bytes(&self) -> usize {
        match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }

    fn payload_length(&self) -> u64 {
        match self.length_bytes() {
            0 => u64::from(self.head[1] & 0x7f),
            bytes => self.head[2..2 + bytes].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a server, or of a client where `mask` is set.
    fn frame(opcode: u8, length: usize, mask: bool) -> Vec<u8> {
        let mask_bit = if mask { 0x80 } else { 0 };
        let mut bytes = vec![0x80 | opcode];
        match length {
            0..=125 => bytes.push(mask_bit | u8::try_from(length).unwrap()),
            126..=0xffff => {
                bytes.push(mask_bit | 0x7e);
                bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 0x7f);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(if mask { &[0xff; 4] } else { &[] });
        bytes.resize(bytes.len() + length, 0x88);
        bytes
    }

    #[test]
    fn rfc_6455_5_2_the_end_of_each_frame_is_found_however_the_bytes_are_cut() {
        for (length, mask) in [(0, false), (1, true), (125, false), (126, true), (65_535, false), (65_536, true)] {
            let whole = frame(2, length, mask);
            for piece in [1, 2, 3, 7, 4096, usize::MAX] {
                let mut frames = Frames::default();
                for _ in 0..2 {
                    assert_eq!(frames.place(), Place::Between);
                    let (first, rest) = whole.split_at(1);
                    frames.pass(first);
                    assert_eq!(frames.place(), Place::Within, "{length} {mask}");
                    rest.chunks(piece.min(rest.len().max(1))).for_each(|piece| frames.pass(piece));
                }
                assert_eq!(frames.place(), Place::Between, "{length} {mask} {piece}");
            }
        }
    }

    #[test]
    fn rfc_6455_5_5_1_nothing_follows_a_close_frame() {
        let mut frames = Frames::default();
        frames.pass(&GOING_AWAY[..3]);
        assert_eq!(frames.place(), Place::Within);
        frames.pass(&GOING_AWAY[3..]);
        assert_eq!(frames.place(), Place::Closed);
    }

    #[test]
    fn a_length_beyond_all_bounds_is_waited_for() {
        let mut frames = Frames::default();
        frames.pass(&[0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
        assert_eq!(frames.place(), Place::Within);
    }
}
