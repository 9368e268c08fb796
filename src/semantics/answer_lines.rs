//! The head of an answer that passes through, kept as the lines that it came as.
//!
//! Nothing has to be read of most such fields, so nothing is made of them: what concerns one connection is left out, and the
//! rest is written on in one go, or in a few.

use bytes::Bytes;
use http::HeaderValue;
use std::ops::Range;

/// So many runs of lines are told apart.
const RUNS_MAX: usize = 6;

/// The lines, and the little that is known of them.
#[derive(Debug, Clone)]
pub(crate) struct AnswerLines {
    head: Bytes,
    /// What is written of the head. Those past `count` mean nothing.
    runs: [Range<u16>; RUNS_MAX],
    count: usize,
    /// Where the lines end that were looked at.
    end: u16,
    /// What Content-Length says, if there is one.
    pub(crate) length: Option<u64>,
    /// Whether there is a Date among them.
    pub(crate) has_date: bool,
    /// What Age says, in seconds.
    pub(crate) age_secs: Option<u64>,
    /// The id that the answer gives its request. It is left out of the lines.
    pub(crate) request_id: Option<HeaderValue>,
}

impl AnswerLines {
    /// Those of `head` that begin at `start`; none so far.
    pub(crate) fn new(head: Bytes, start: usize) -> Option<Self> {
        u16::try_from(head.len()).ok()?;
        let end = u16::try_from(start).ok()?;
        let runs = [const { 0..0 }; RUNS_MAX];
        Some(Self { head, runs, count: 0, end, length: None, has_date: false, age_secs: None, request_id: None })
    }

    /// The next line goes on to `end`, and is written; `None` where that is one run too many.
    pub(crate) fn keep(&mut self, end: usize) -> Option<()> {
        let line = self.next(end)?;
        match self.count.checked_sub(1).and_then(|last| self.runs.get_mut(last)) {
            Some(run) if run.end == line.start => run.end = line.end,
            _ => {
                *self.runs.get_mut(self.count)? = line;
                self.count += 1;
            }
        }
        Some(())
    }

    /// The next line goes on to `end`, and is left out.
    pub(crate) fn leave_out(&mut self, end: usize) -> Option<()> {
        self.next(end).map(drop)
    }

    fn next(&mut self, end: usize) -> Option<Range<u16>> {
        let end = u16::try_from(end).ok()?;
        Some(std::mem::replace(&mut self.end, end)..end)
    }

    /// A part of the head.
    pub(crate) fn part(&self, place: Range<usize>) -> Bytes {
        self.head.slice(place)
    }

    /// Writes them.
    pub(crate) fn write_into(&self, out: &mut Vec<u8>) {
        for run in self.runs.iter().take(self.count) {
            out.extend_from_slice(self.head.get(usize::from(run.start)..usize::from(run.end)).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_follow_one_another_are_one_run_and_too_many_runs_are_refused() {
        let head = Bytes::from_static(b"-aabbccddeeffgg");
        let mut lines = AnswerLines::new(head, 1).unwrap();
        lines.keep(3).unwrap();
        lines.keep(5).unwrap();
        lines.leave_out(7).unwrap();
        lines.keep(9).unwrap();
        let mut out = Vec::new();
        lines.write_into(&mut out);
        assert_eq!((lines.count, out.as_slice()), (2, &b"aabbdd"[..]));

        let mut lines = AnswerLines::new(Bytes::from_static(&[b'a'; 64]), 0).unwrap();
        for run in 0..RUNS_MAX {
            assert!(lines.keep(2 * run + 1).is_some() && lines.leave_out(2 * run + 2).is_some());
        }
        assert!(lines.keep(2 * RUNS_MAX + 1).is_none());
        assert!(AnswerLines::new(Bytes::from(vec![b'a'; 70_000]), 0).is_none(), "a longer head goes the ordinary way");
    }
}
