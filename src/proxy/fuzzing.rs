//! The doors for the fuzz targets `http1_heads` and `http1_session`; built for fuzzing only.

use super::http1::head::HeadLimits;
use super::http1::messages::{End, Messages, read};
use super::simulated::{Then, check_seen, converse};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 1024, fields: 16, target_bytes: 128 };

/// Reads `stream` at once, and in two pieces.
///
/// What is valid is read alike. What is refused may be refused later where it came in parts: the valid bytes before
/// it are handed on meanwhile, and a head is parsed at its first and its last part only. Which fault of several is named
/// may depend on which was seen first, so a refusal is only that.
///
/// # Panics
/// Where the two differ otherwise.
pub fn cuts_make_no_difference(stream: &[u8], cut: usize) {
    let whole = read(stream, &[stream.len()], &LIMITS);
    let parts = read(stream, &[cut.min(stream.len()), stream.len()], &LIMITS);
    assert_eq!(whole.heads, parts.heads, "cut after {cut}");
    if let End::Refused(_) = whole.end {
        assert!(
            parts.end != End::InBody && parts.bodies.concat().starts_with(&whole.bodies.concat()),
            "cut after {cut}: {parts:?}"
        );
    } else {
        let of = |messages: Messages| (messages.bodies, messages.trailers, messages.end);
        assert_eq!(of(whole), of(parts), "cut after {cut}");
    }
}

/// Has a client send `stream`, cut in two, over a connection that holds so many bytes each way, and then end its side.
///
/// # Panics
/// Where the connection hangs or panics, or the handler gets anything but what the stream says.
pub fn connections_end_and_say_what_was_said(stream: &[u8], cut: usize, pipe_bytes: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there is room for one");
    let (first, second) = stream.split_at(cut.min(stream.len()));
    let conversed = runtime.block_on(converse(&[first, second], pipe_bytes.max(1), Then::EndsItsSide));
    check_seen(stream, &conversed);
}
