//! Frames of a client that carry no request: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, frames of unknown kinds. Few belong to
//! each connection and to each answer; a client that sends more and more of them beside that is asked to calm down.

use std::time::Duration;
use tokio::time::Instant;

/// What every client sends first: RFC 9113 section 3.4.
const PREFACE_BYTES: usize = 24;
/// The head of a frame: RFC 9113 section 4.1.
const HEAD_BYTES: usize = 9;
/// So many such frames a client may send in a period, whatever it is served.
const IN_PERIOD: u32 = 1_000;
/// See [`IN_PERIOD`].
const PERIOD: Duration = Duration::from_secs(10);
/// So many bytes written to the client allow it one such frame more. The shortest DATA with something in it, 10 bytes, allows for two
/// WINDOW_UPDATE and a PING that measures the round trip.
const BYTES_FOR_ONE: usize = 3;
/// The most that may be allowed at a time.
const AHEAD_MAX: u32 = 16 * IN_PERIOD;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
/// What the library answers to PING and to SETTINGS, in bytes.
const PING_BYTES: usize = HEAD_BYTES + 8;
const SETTINGS_ACK_BYTES: usize = HEAD_BYTES;

/// Whether a client sends more of them than belongs to what it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overhead {
    Usual,
    Flood,
}

/// Counts those of one connection. The clock is read once in [`IN_PERIOD`] of them.
#[derive(Debug)]
pub(super) struct OverheadMeter {
    /// The head of the next frame as far as it has come.
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    /// What is to come before that.
    skip: usize,
    left: u32,
    since: Instant,
    /// What is still to be written in answer to these frames.
    answers_bytes: usize,
}

impl OverheadMeter {
    /// Of a connection that begins now, with the preface.
    pub(super) fn new(now: Instant) -> Self {
        let head = [0; HEAD_BYTES];
        Self { head, head_bytes: 0, skip: PREFACE_BYTES, left: IN_PERIOD, since: now, answers_bytes: 0 }
    }

    /// Counts what was read; `now` is asked where it matters.
    pub(super) fn read(&mut self, mut bytes: &[u8], now: impl Fn() -> Instant) -> Overhead {
        let mut overhead = Overhead::Usual;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            let (_, rest) = bytes.split_at(skipped);
            let (taken, rest) = rest.split_at(rest.len().min(HEAD_BYTES - self.head_bytes));
            if taken.is_empty() {
                return overhead;
            }
            self.head.iter_mut().skip(self.head_bytes).zip(taken).for_each(|(into, byte)| *into = *byte);
            self.head_bytes += taken.len();
            bytes = rest;
            if self.head_bytes == HEAD_BYTES && self.frame(&now) == Overhead::Flood {
                overhead = Overhead::Flood;
            }
        }
    }

    /// Counts the frame whose head is there.
    fn frame(&mut self, now: impl Fn() -> Instant) -> Overhead {
        let [high, middle, low, kind, flags, ..] = self.head;
        self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.head_bytes = 0;
        match kind {
            DATA | CONTINUATION => return Overhead::Usual,
            // The client may take it back.
            HEADERS => {
                self.allow(1);
                return Overhead::Usual;
            }
            PING if flags & ACK == 0 => self.answers_bytes += PING_BYTES,
            SETTINGS if flags & ACK == 0 => self.answers_bytes += SETTINGS_ACK_BYTES,
            _ => {}
        }
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return Overhead::Usual;
        }
        let now = now();
        if now.duration_since(self.since) < PERIOD {
            return Overhead::Flood;
        }
        (self.left, self.since) = (IN_PERIOD, now);
        Overhead::Usual
    }

    /// Counts what was written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        let answers = bytes.min(self.answers_bytes);
        self.answers_bytes -= answers;
        self.allow((bytes - answers) / BYTES_FOR_ONE);
    }

    fn allow(&mut self, frames: usize) {
        let frames = u32::try_from(frames).unwrap_or(AHEAD_MAX);
        self.left = self.left.saturating_add(frames).min(AHEAD_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RST_STREAM: u8 = 3;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let [.., high, middle, low] = payload.to_be_bytes();
        [&[high, middle, low, kind, flags, 0, 0, 0, 0][..], &vec![PING; payload]].concat()
    }

    /// A connection of which this has come, in pieces of so many bytes.
    fn came(frames: &[Vec<u8>], piece: usize) -> (OverheadMeter, Overhead) {
        let now = Instant::now();
        let mut meter = OverheadMeter::new(now);
        let all = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frames.concat()[..]].concat();
        let mut read = all.chunks(piece).map(|piece| meter.read(piece, || now));
        let overhead = if read.any(|read| read == Overhead::Flood) { Overhead::Flood } else { Overhead::Usual };
        (meter, overhead)
    }

    #[test]
    fn frames_that_carry_no_request_are_counted_however_they_are_cut() {
        let few = 999;
        for (name, each, count, expected) in [
            ("few PING", vec![frame(PING, 0, 8)], few, Overhead::Usual),
            ("PING", vec![frame(PING, 0, 8)], 1_000, Overhead::Flood),
            ("answers to none", vec![frame(PING, ACK, 8)], 1_000, Overhead::Flood),
            ("SETTINGS", vec![frame(SETTINGS, 0, 6)], 1_000, Overhead::Flood),
            ("empty SETTINGS", vec![frame(SETTINGS, 0, 0)], 1_000, Overhead::Flood),
            ("WINDOW_UPDATE", vec![frame(WINDOW_UPDATE, 0, 4)], 1_000, Overhead::Flood),
            ("RST_STREAM of no stream", vec![frame(RST_STREAM, 0, 4)], 1_000, Overhead::Flood),
            ("unknown frames", vec![frame(0xee, 0xff, 300)], 1_000, Overhead::Flood),
            ("DATA", vec![frame(DATA, 0, 70_000)], 1_000, Overhead::Usual),
            ("streams taken back", vec![frame(HEADERS, 0, 9), frame(RST_STREAM, 0, 4)], 5_000, Overhead::Usual),
        ] {
            for piece in [7, 64, 4_096] {
                let frames: Vec<_> = (0..count).flat_map(|_| each.clone()).collect();
                assert_eq!(came(&frames, piece).1, expected, "{name}, {piece} bytes at a time");
            }
        }
    }

    #[test]
    fn as_many_may_come_as_belong_to_what_was_written() {
        let few = vec![frame(PING, 0, 8); 999];
        for (written, further, expected) in [
            // The answers themselves allow for nothing.
            (999 * PING_BYTES, 1, Overhead::Flood),
            (999 * PING_BYTES + 300, 99, Overhead::Usual),
            (999 * PING_BYTES + 300, 101, Overhead::Flood),
            (usize::MAX, 15_999, Overhead::Usual),
            (usize::MAX, 16_000, Overhead::Flood),
        ] {
            let (mut meter, _) = came(&few, 4_096);
            meter.wrote(written);
            let now = meter.since;
            assert_eq!(
                meter.read(&frame(WINDOW_UPDATE, 0, 4).repeat(further), || now),
                expected,
                "{written} {further}"
            );
        }
    }

    #[test]
    fn a_client_that_asks_now_and_then_may_ask_for_ever() {
        let (mut meter, _) = came(&[], 64);
        let start = meter.since;
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            assert_eq!(meter.read(&frame(PING, 0, 8).repeat(50), || now), Overhead::Usual);
        }
        let now = meter.since;
        assert_eq!(meter.read(&frame(PING, 0, 8).repeat(2_000), || now), Overhead::Flood);
    }
}
