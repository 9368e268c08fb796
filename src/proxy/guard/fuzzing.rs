//! The guard's door for the fuzz target `http1_heads`; built for fuzzing only.

use super::head::{Head, HeadLimits};
use super::{Guard, Place, Step};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 1024, fields: 16, target_bytes: 128 };

/// What a guard passes of a stream: heads, bytes of bodies, and how it ended. Which fault of several is named may depend
/// on which was seen first, so a refusal is only that.
#[derive(Debug, Default)]
struct Passed {
    heads: Vec<Head>,
    body_bytes: usize,
    end: End,
}

/// How a stream ended.
#[derive(Debug, Default, PartialEq)]
enum End {
    /// Its last head is not complete.
    #[default]
    InHead,
    /// Its last body is not complete.
    InBody,
    /// It was refused.
    Refused,
}

/// Shows `stream` to a guard at once, and in two reads.
///
/// A head that came in parts is parsed at its first and its last part only, so that its faults may be seen late.
///
/// # Panics
/// Where the two differ otherwise.
pub fn cuts_make_no_difference(stream: &[u8], cut: usize) {
    let whole = follow(stream, &[stream.len()]);
    let parts = follow(stream, &[cut.min(stream.len()), stream.len()]);
    assert_eq!((&whole.heads, whole.body_bytes), (&parts.heads, parts.body_bytes), "cut after {cut}");
    let seen_late = (&whole.end, &parts.end) == (&End::Refused, &End::InHead);
    assert!(whole.end == parts.end || seen_late, "cut after {cut}: {:?}, {:?}", whole.end, parts.end);
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
                Err(_) => {
                    passed.end = End::Refused;
                    return passed;
                }
            }
            assert!(taken <= *end, "no more is passed than was shown");
        }
    }
    passed.end = if guard.place() == Place::Head { End::InHead } else { End::InBody };
    passed
}
