//! Frames, streams and their states: RFC 9113 sections 4 and 5.

use super::rows::{Allowed, Step, check, code, frame, get, headers, held, opening, post, row};
use crate::support::h2_frames::{flag, kind};

const CANCELLED: [u8; 4] = code::CANCEL.to_be_bytes();
const PROTOCOL: Allowed = Allowed::Connection(&[code::PROTOCOL]);
const FRAME_SIZE: Allowed = Allowed::Connection(&[code::FRAME_SIZE]);
const NOT_OPEN: Allowed = Allowed::Stream(1, &[code::STREAM_CLOSED]);
/// What comes for a stream that is closed may be ignored, too: RFC 9113 section 5.1.
const CLOSED: Allowed = Allowed::ErrorOrNothing(&[code::STREAM_CLOSED]);

fn data(stream: u32) -> Step {
    frame(kind::DATA, flag::END_STREAM, stream, "test")
}

fn continuation(stream: u32) -> Step {
    frame(kind::CONTINUATION, flag::END_HEADERS, stream, get())
}

#[tokio::test]
async fn rfc_9113_4_frames_that_are_unknown_or_too_large() {
    let block = get();
    check(vec![
        row("4.1: a frame of an unknown type", Allowed::Goes, [frame(22, 0, 0, "test")]),
        row("4.1: flags that mean nothing", Allowed::Goes, [frame(kind::PING, 0x16, 0, b"h2spec\0\0")]),
        row("4.1: the reserved bit", Allowed::Goes, [frame(kind::PING, 0, 0x8000_0000, b"h2spec\0\0")]),
        row(
            "4.2: DATA of 16384 octets",
            Allowed::Answer(1),
            [opening(1, post()), frame(kind::DATA, flag::END_STREAM, 1, [b'x'; 16_384])],
        ),
        row(
            "4.2: DATA of 16385 octets",
            Allowed::Stream(1, &[code::FRAME_SIZE]),
            [opening(1, post()), frame(kind::DATA, flag::END_STREAM, 1, [b'x'; 16_385])],
        ),
        row("4.2: HEADERS of 16385 octets", FRAME_SIZE, [headers(1, [0; 16_385])]),
        row("4.2: an unknown frame of 16385 octets", FRAME_SIZE, [frame(22, 0, 0, [0; 16_385])]),
        row("4.3: a block that is no HPACK", Allowed::Connection(&[code::COMPRESSION]), [headers(1, [0xff; 6])]),
        row(
            "4.3: PRIORITY within a block",
            PROTOCOL,
            [
                frame(kind::HEADERS, flag::END_STREAM, 1, &block[..10]),
                frame(kind::PRIORITY, 0, 1, [0; 5]),
                frame(kind::CONTINUATION, flag::END_HEADERS, 1, &block[10..]),
            ],
        ),
        row(
            "4.3: HEADERS of another stream within a block",
            PROTOCOL,
            [frame(kind::HEADERS, flag::END_STREAM, 1, &block[..10]), headers(3, get())],
        ),
    ])
    .await;
}

#[tokio::test]
async fn rfc_9113_5_1_frames_in_a_state_that_has_no_room_for_them() {
    let reset = || [headers(1, held()), frame(kind::RST_STREAM, 0, 1, CANCELLED)];
    let after = |before: &[Step], last: Step| [before, &[last]].concat();
    let ended = [headers(1, get()), Step::End(1)];
    check(vec![
        row("5.1: DATA on an idle stream", PROTOCOL, [data(1)]),
        row("5.1: RST_STREAM on an idle stream", PROTOCOL, [frame(kind::RST_STREAM, 0, 1, CANCELLED)]),
        row(
            "5.1: WINDOW_UPDATE on an idle stream",
            PROTOCOL,
            [frame(kind::WINDOW_UPDATE, 0, 1, 100_u32.to_be_bytes())],
        ),
        row("5.1: CONTINUATION on an idle stream", PROTOCOL, [continuation(1)]),
        row("5.1: DATA on a half-closed stream", NOT_OPEN, [headers(1, held()), data(1)]),
        row("5.1: HEADERS on a half-closed stream", NOT_OPEN, [headers(1, held()), headers(1, held())]),
        row("5.1: CONTINUATION on a half-closed stream", NOT_OPEN, [headers(1, held()), continuation(1)]),
        row("5.1: DATA after RST_STREAM", CLOSED, after(&reset(), data(1))),
        row("5.1: HEADERS after RST_STREAM", CLOSED, after(&reset(), headers(1, get()))),
        row("5.1: CONTINUATION after RST_STREAM", CLOSED, after(&reset(), continuation(1))),
        row("5.1: DATA on a closed stream", CLOSED, after(&ended, data(1))),
        row("5.1: HEADERS on a closed stream", CLOSED, after(&ended, headers(1, get()))),
        row("5.1: CONTINUATION on a closed stream", CLOSED, after(&ended, continuation(1))),
        row(
            "5.1: WINDOW_UPDATE on a closed stream",
            Allowed::Goes,
            after(&ended, frame(kind::WINDOW_UPDATE, 0, 1, [0, 0, 0, 1])),
        ),
        row(
            "5.1: RST_STREAM on a closed stream",
            Allowed::Goes,
            after(&ended, frame(kind::RST_STREAM, 0, 1, CANCELLED)),
        ),
    ])
    .await;
}

#[tokio::test]
async fn rfc_9113_5_1_1_to_5_5_numbers_of_streams_and_errors_of_connections() {
    let many: Vec<Step> = (0..130).map(|number| headers(number * 2 + 1, held())).collect();
    let itself = [&1_u32.to_be_bytes()[..], &[255]].concat();
    let block = get();
    check(vec![
        row("5.1.1: an even number", PROTOCOL, [headers(2, get())]),
        row(
            "5.1.1: a lower number than before",
            Allowed::Connection(&[code::PROTOCOL]),
            [headers(5, get()), headers(3, get())],
        ),
        row("5.1.2: more streams than allowed", Allowed::Stream(257, &[code::PROTOCOL, code::REFUSED_STREAM]), many),
        row(
            "5.3.1 of RFC 7540: HEADERS that depend on themselves",
            Allowed::Stream(1, &[code::PROTOCOL]),
            [frame(
                kind::HEADERS,
                flag::END_HEADERS | flag::END_STREAM | flag::PRIORITY,
                1,
                [&itself[..], &get()].concat(),
            )],
        ),
        row(
            "5.3.1 of RFC 7540: PRIORITY that depends on itself",
            Allowed::Stream(1, &[code::PROTOCOL]),
            [frame(kind::PRIORITY, 0, 1, &itself)],
        ),
        row("5.4.1: an error of the connection ends it", FRAME_SIZE, [frame(kind::PING, 0, 0, [0; 6])]),
        row("5.5: an unknown frame of a stream", Allowed::Answer(1), [frame(0xff, 0, 1, "x"), headers(1, get())]),
        row(
            "5.5: an unknown frame within a block",
            PROTOCOL,
            [
                frame(kind::HEADERS, flag::END_STREAM, 1, &block[..10]),
                frame(22, 0, 1, "test"),
                frame(kind::CONTINUATION, flag::END_HEADERS, 1, &block[10..]),
            ],
        ),
    ])
    .await;
}
