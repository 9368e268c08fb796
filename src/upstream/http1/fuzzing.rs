//! The session's door for the fuzz target `http1_answers`; built for fuzzing only.

use super::head::HeadLimits;
use super::io::Reuse;
use super::played::{Outcome, Played, Then, outcome};
use crate::upstream::options::UpstreamOptions;
use http::Method;

/// Has a server say `stream` and end the connection, at once, in two pieces, and byte by byte.
///
/// # Panics
/// Where these differ, or a connection is used again whose answer is not whole. Why there is no head may differ: which fault
/// of several is seen depends on which came first.
pub fn answers_are_read_alike(stream: &[u8], cut: usize) {
    let options =
        UpstreamOptions { response_fields_max: 8, response_head_bytes_max: 1024, ..UpstreamOptions::of(Vec::new()) };
    let limits = HeadLimits::new(&options);
    let each: Vec<usize> = (1..stream.len()).collect();
    for method in [Method::GET, Method::HEAD] {
        let asked = |cuts: &[usize], then| outcome(&method, Played::new(stream, cuts, then), limits);
        let whole = asked(&[], Then::End);
        assert!(!matches!(whole, Outcome::Waits(_)), "the end is seen");
        if let Outcome::Answer(answer) = &whole {
            assert!(answer.is_whole || answer.reuse == Reuse::Never);
        }
        for parts in [asked(&[cut.min(stream.len())], Then::End), asked(&each, Then::End)] {
            match (&whole, &parts) {
                (Outcome::Refused(_), Outcome::Refused(_)) => {}
                _ => assert_eq!(whole, parts),
            }
        }
        // Where the end is needed to know it, silence is waited out; nothing is taken for whole that is not.
        if let Outcome::Answer(answer) = asked(&[], Then::Silence) {
            assert_eq!(Outcome::Answer(answer), whole);
        }
    }
}
