//! The guard's door for the fuzz target `http1_heads`; built for fuzzing only.

use super::head::{Head, HeadLimits};
use super::{Guard, Step};
use crate::proxy::refusal::Refusal;

const LIMITS: HeadLimits = HeadLimits { head_bytes: 1024, fields: 16, target_bytes: 128 };

/// What a guard passes of a stream: heads, bytes of bodies, and why it stopped.
#[derive(Debug, Default, PartialEq)]
struct Passed {
    heads: Vec<Head>,
    body_bytes: usize,
    refused: Option<Refusal>,
}

/// Shows `stream` to a guard at once, and in two reads.
///
/// # Panics
/// Where the two differ.
pub fn cuts_make_no_difference(stream: &[u8], cut: usize) {
    let whole = follow(stream, &[stream.len()]);
    let parts = follow(stream, &[cut.min(stream.len()), stream.len()]);
    assert_eq!(whole, parts, "cut after {cut}");
}

fn follow(stream: &[u8], ends: &[usize]) -> Passed {
    let mut guard = Guard::new(LIMITS);
    let mut passed = Passed::default();
    let mut taken = 0;
    for end in ends {
        loop {
            match guard.inspect(stream.get(taken..*end).unwrap_or_default()) {
                Ok(Step::More) => break,
                Ok(Step::Skip(bytes)) => taken += bytes,
                Ok(Step::Head(head)) => {
                    taken += head.bytes;
                    passed.heads.push(head);
                }
                Ok(Step::Body(bytes)) => {
                    taken += bytes;
                    passed.body_bytes += bytes;
                }
                Err(refusal) => {
                    passed.refused = Some(refusal);
                    return passed;
                }
            }
            assert!(taken <= *end, "no more is passed than was shown");
        }
    }
    passed
}
