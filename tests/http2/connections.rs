//! Each type of frame: RFC 9113 sections 6 and 7.

use super::rows::{Allowed, Step, check, code, frame, get, headers, opening, post, row, setting};
use crate::support::h2_frames::{flag, kind};

const CANCELLED: [u8; 4] = code::CANCEL.to_be_bytes();
const PROTOCOL: Allowed = Allowed::Connection(&[code::PROTOCOL]);
const FRAME_SIZE: Allowed = Allowed::Connection(&[code::FRAME_SIZE]);
const FLOW_CONTROL: Allowed = Allowed::Connection(&[code::FLOW_CONTROL]);

fn window(stream: u32, bytes: u32) -> Step {
    frame(kind::WINDOW_UPDATE, 0, stream, bytes.to_be_bytes())
}

#[tokio::test]
async fn rfc_9113_6_1_to_6_4_frames_of_streams() {
    let block = get();
    let padded = flag::END_HEADERS | flag::END_STREAM | flag::PADDED;
    check(vec![
        row("6.1: DATA of no stream", PROTOCOL, [opening(1, post()), frame(kind::DATA, flag::END_STREAM, 0, "test")]),
        row(
            "6.1: DATA of a stream that is not open",
            Allowed::ErrorOrNothing(&[code::STREAM_CLOSED]),
            [headers(1, get()), Step::End(1), frame(kind::DATA, flag::END_STREAM, 1, "test")],
        ),
        row(
            "6.1: DATA with more padding than frame",
            PROTOCOL,
            [opening(1, post()), frame(kind::DATA, flag::END_STREAM | flag::PADDED, 1, b"\x06test")],
        ),
        row(
            "6.2: HEADERS and PRIORITY within a block",
            PROTOCOL,
            [frame(kind::HEADERS, flag::END_STREAM, 1, &block), frame(kind::PRIORITY, 0, 1, [0, 0, 0, 0, 255])],
        ),
        row(
            "6.2: HEADERS of another stream within a block",
            PROTOCOL,
            [frame(kind::HEADERS, flag::END_STREAM, 1, &block), headers(3, get())],
        ),
        row("6.2: HEADERS of no stream", PROTOCOL, [headers(0, get())]),
        row(
            "6.2: HEADERS with more padding than frame",
            PROTOCOL,
            [frame(kind::HEADERS, padded, 1, [&[255][..], &block].concat())],
        ),
        row("6.3: PRIORITY of no stream", PROTOCOL, [frame(kind::PRIORITY, 0, 0, [0, 0, 0, 0, 255])]),
        row(
            "6.3: PRIORITY of four octets",
            Allowed::Stream(1, &[code::FRAME_SIZE]),
            [frame(kind::PRIORITY, 0, 1, [0; 4])],
        ),
        row("6.4: RST_STREAM of no stream", PROTOCOL, [opening(1, post()), frame(kind::RST_STREAM, 0, 0, CANCELLED)]),
        row("6.4: RST_STREAM of an idle stream", PROTOCOL, [frame(kind::RST_STREAM, 0, 1, CANCELLED)]),
        row(
            "6.4: RST_STREAM of three octets",
            FRAME_SIZE,
            [opening(1, post()), frame(kind::RST_STREAM, 0, 1, &CANCELLED[1..])],
        ),
    ])
    .await;
}

#[tokio::test]
async fn rfc_9113_6_5_to_6_8_frames_of_the_connection() {
    check(vec![
        row("6.5: SETTINGS that acknowledge, with entries", FRAME_SIZE, [frame(kind::SETTINGS, flag::ACK, 0, [0; 6])]),
        row("6.5: SETTINGS of a stream", PROTOCOL, [frame(kind::SETTINGS, 0, 1, [0, 3, 0, 0, 0, 100])]),
        row("6.5: SETTINGS of three octets", FRAME_SIZE, [frame(kind::SETTINGS, 0, 0, [0, 3, 0])]),
        row("6.5.2: ENABLE_PUSH of 2", PROTOCOL, [setting(2, 2)]),
        row("6.5.2: INITIAL_WINDOW_SIZE of 2^31", FLOW_CONTROL, [setting(4, 1 << 31)]),
        row("6.5.2: MAX_FRAME_SIZE of 16383", PROTOCOL, [setting(5, 16_383)]),
        row("6.5.2: MAX_FRAME_SIZE of 2^24", PROTOCOL, [setting(5, 1 << 24)]),
        row("6.5.2: an entry that nobody knows", Allowed::Goes, [setting(0xff, 1)]),
        row(
            "6.5.3: the last of two values holds",
            Allowed::Answer(1),
            [frame(kind::SETTINGS, 0, 0, [0, 4, 0, 0, 0, 100, 0, 4, 0, 0, 0, 1]), headers(1, get()), Step::Data(1, 1)],
        ),
        row("6.7: PING that acknowledges", Allowed::Goes, [frame(kind::PING, flag::ACK, 0, b"invalid\0")]),
        row("6.7: PING of a stream", PROTOCOL, [frame(kind::PING, 0, 1, [0; 8])]),
        row("6.7: PING of six octets", FRAME_SIZE, [frame(kind::PING, 0, 0, [0; 6])]),
        row("6.8: GOAWAY of a stream", PROTOCOL, [frame(kind::GOAWAY, 0, 1, [0; 8])]),
        row("6.8: GOAWAY of four octets", FRAME_SIZE, [frame(kind::GOAWAY, 0, 0, [0; 4])]),
        row(
            "7: GOAWAY with an unknown code",
            Allowed::Goes,
            [opening(1, post()), frame(kind::GOAWAY, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0xff])],
        ),
        row(
            "7: RST_STREAM with an unknown code",
            Allowed::Goes,
            [opening(1, post()), frame(kind::RST_STREAM, 0, 1, [0, 0, 0, 0xff])],
        ),
        row(
            "8.4: PUSH_PROMISE of a client",
            PROTOCOL,
            [
                opening(1, post()),
                frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, [&3_u32.to_be_bytes()[..], &get()].concat()),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn rfc_9113_6_9_windows() {
    let most = (1 << 31) - 1;
    check(vec![
        row("6.9: WINDOW_UPDATE by nothing", PROTOCOL, [window(0, 0)]),
        row(
            "6.9: WINDOW_UPDATE of a stream by nothing",
            Allowed::Stream(1, &[code::PROTOCOL]),
            [opening(1, post()), window(1, 0)],
        ),
        row("6.9: WINDOW_UPDATE of three octets", FRAME_SIZE, [frame(kind::WINDOW_UPDATE, 0, 0, [0, 0, 1])]),
        row(
            "6.9.1: a window of one octet",
            Allowed::Answer(1),
            [setting(4, 1), headers(1, get()), Step::Data(1, 1), window(1, 5), Step::Data(1, 6)],
        ),
        row("6.9.1: more than 2^31-1 for the connection", FLOW_CONTROL, [window(0, most), window(0, most)]),
        row(
            "6.9.1: more than 2^31-1 for a stream",
            Allowed::Stream(1, &[code::FLOW_CONTROL]),
            [opening(1, post()), window(1, most), window(1, most)],
        ),
        row(
            "6.9.2: a window that grows after the request",
            Allowed::Answer(1),
            [setting(4, 0), headers(1, get()), Step::Head(1), setting(4, 1), Step::Data(1, 1)],
        ),
        row(
            "6.9.2: a window below zero",
            Allowed::Answer(1),
            [setting(4, 3), headers(1, get()), Step::Data(1, 3), setting(4, 2), window(1, 2), Step::Data(1, 4)],
        ),
        row(
            "6.9.2: a window above 2^31-1 by the settings",
            FLOW_CONTROL,
            [opening(1, post()), window(1, most - 65_535), setting(4, 70_000)],
        ),
    ])
    .await;
}

#[tokio::test]
async fn rfc_9113_6_10_continuations() {
    let block = get();
    let begun = || frame(kind::HEADERS, flag::END_STREAM, 1, &block[..10]);
    let last = || frame(kind::CONTINUATION, flag::END_HEADERS, 1, &block[10..]);
    check(vec![
        row(
            "6.10: CONTINUATION followed by DATA",
            PROTOCOL,
            [
                frame(kind::HEADERS, 0, 1, &block[..10]),
                frame(kind::CONTINUATION, 0, 1, &block[10..20]),
                frame(kind::DATA, flag::END_STREAM, 1, "test"),
            ],
        ),
        row(
            "6.10: CONTINUATION of no stream",
            PROTOCOL,
            [begun(), frame(kind::CONTINUATION, flag::END_HEADERS, 0, &block[10..])],
        ),
        row(
            "6.10: CONTINUATION of another stream",
            PROTOCOL,
            [begun(), frame(kind::CONTINUATION, flag::END_HEADERS, 3, &block[10..])],
        ),
        row("6.10: CONTINUATION after a whole block", PROTOCOL, [headers(1, get()), last()]),
        row("6.10: CONTINUATION after the last of a block", PROTOCOL, [begun(), last(), last()]),
        row("6.10: CONTINUATION after DATA", PROTOCOL, [opening(1, post()), frame(kind::DATA, 0, 1, "test"), last()]),
    ])
    .await;
}
