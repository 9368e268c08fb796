//! What every server takes: h2spec's generic rows.

use super::rows::{
    Allowed, Step, check, field, fields, frame, get, headers, held, opening, post, request, row, setting,
};
use crate::support::h2_frames::{flag, kind};

fn priority(stream: u32, on: u32, weight: u8) -> Step {
    frame(kind::PRIORITY, 0, stream, [&on.to_be_bytes()[..], &[weight]].concat())
}

fn window(stream: u32, bytes: u32) -> Step {
    frame(kind::WINDOW_UPDATE, 0, stream, bytes.to_be_bytes())
}

/// That a stream depends on the connection alone, and exclusively.
fn exclusive() -> Vec<u8> {
    [&0x8000_0000_u32.to_be_bytes()[..], &[255]].concat()
}

#[tokio::test]
async fn streams_begin_and_carry_what_they_may() {
    check(vec![
        row("generic 1: a preface", Allowed::Goes, []),
        row("generic 2: PRIORITY on an idle stream", Allowed::Answer(1), [priority(1, 0, 255), headers(1, get())]),
        row("generic 2: WINDOW_UPDATE on a half-closed stream", Allowed::Answer(1), [headers(1, get()), window(1, 1)]),
        row("generic 2: PRIORITY on a half-closed stream", Allowed::Goes, [headers(1, held()), priority(1, 0, 255)]),
        row(
            "generic 2: RST_STREAM on a half-closed stream",
            Allowed::Goes,
            [headers(1, held()), frame(kind::RST_STREAM, 0, 1, 8_u32.to_be_bytes())],
        ),
        row(
            "generic 2: PRIORITY on a closed stream",
            Allowed::Goes,
            [headers(1, get()), Step::End(1), priority(1, 0, 255)],
        ),
        row(
            "generic 3.1: DATA",
            Allowed::Answer(1),
            [opening(1, post()), frame(kind::DATA, flag::END_STREAM, 1, "test")],
        ),
        row(
            "generic 3.1: several DATA",
            Allowed::Answer(1),
            [opening(1, post()), frame(kind::DATA, 0, 1, "test"), frame(kind::DATA, flag::END_STREAM, 1, "test")],
        ),
        row(
            "generic 3.1: DATA with padding",
            Allowed::Answer(1),
            [opening(1, post()), frame(kind::DATA, flag::END_STREAM | flag::PADDED, 1, b"\x06test\0\0\0\0\0\0")],
        ),
        row("generic 3.2: HEADERS", Allowed::Answer(1), [headers(1, get())]),
        row(
            "generic 3.2: HEADERS with padding",
            Allowed::Answer(1),
            [frame(
                kind::HEADERS,
                flag::END_HEADERS | flag::END_STREAM | flag::PADDED,
                1,
                [&[6][..], &get(), &[0; 6]].concat(),
            )],
        ),
        row(
            "generic 3.2: HEADERS with priority",
            Allowed::Answer(1),
            [frame(
                kind::HEADERS,
                flag::END_HEADERS | flag::END_STREAM | flag::PRIORITY,
                1,
                [&exclusive()[..], &get()].concat(),
            )],
        ),
    ])
    .await;
}

#[tokio::test]
async fn frames_about_streams_and_the_connection_are_taken() {
    check(vec![
        row("generic 3.3: PRIORITY of weight 1", Allowed::Answer(1), [priority(1, 0, 0), headers(1, get())]),
        row(
            "generic 3.3: PRIORITY that depends on another stream",
            Allowed::Answer(1),
            [priority(1, 3, 255), headers(1, get())],
        ),
        row(
            "generic 3.3: PRIORITY that depends exclusively",
            Allowed::Answer(1),
            [frame(kind::PRIORITY, 0, 1, exclusive()), headers(1, get())],
        ),
        row(
            "generic 3.3: PRIORITY on an idle stream, then HEADERS on a lower one",
            Allowed::Answer(1),
            [priority(5, 0, 255), headers(1, get())],
        ),
        row(
            "generic 3.4: RST_STREAM",
            Allowed::Goes,
            [opening(1, post()), frame(kind::RST_STREAM, 0, 1, 8_u32.to_be_bytes())],
        ),
        row("generic 3.5: SETTINGS", Allowed::Goes, [setting(3, 100)]),
        row("generic 3.7: PING", Allowed::Goes, [frame(kind::PING, 0, 0, b"h2spec\0\0")]),
        row("generic 3.8: GOAWAY", Allowed::Goes, [opening(1, post()), frame(kind::GOAWAY, 0, 0, [0; 8])]),
        row("generic 3.9: WINDOW_UPDATE of the connection", Allowed::Answer(1), [window(0, 1), headers(1, get())]),
        row(
            "generic 3.9: WINDOW_UPDATE of a stream",
            Allowed::Answer(1),
            [setting(4, 0), headers(1, get()), window(1, 1_000)],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_block_may_come_in_any_number_of_frames() {
    let block = get();
    let (first, second, rest) = (&block[..10], &block[10..20], &block[20..]);
    check(vec![
        row(
            "generic 3.10: CONTINUATION",
            Allowed::Answer(1),
            [
                frame(kind::HEADERS, flag::END_STREAM, 1, first),
                frame(kind::CONTINUATION, flag::END_HEADERS, 1, [second, rest].concat()),
            ],
        ),
        row(
            "generic 3.10: several CONTINUATION",
            Allowed::Answer(1),
            [
                frame(kind::HEADERS, flag::END_STREAM, 1, first),
                frame(kind::CONTINUATION, 0, 1, second),
                frame(kind::CONTINUATION, flag::END_HEADERS, 1, rest),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn every_message_and_every_form_of_a_field_is_taken() {
    let with = |more: &[u8]| [&get()[..], more].concat();
    check(vec![
        row("generic 4: HEAD", Allowed::Answer(1), [headers(1, request("HEAD", "/p"))]),
        row(
            "generic 4: POST with trailers",
            Allowed::Answer(1),
            [opening(1, post()), frame(kind::DATA, 0, 1, "test"), headers(1, field("x-test", "ok"))],
        ),
        row("generic 4: OPTIONS of the server", Allowed::Goes, [headers(1, request("OPTIONS", "*")), Step::Head(1)]),
        row(
            "generic 5: an indexed field",
            Allowed::Answer(1),
            [headers(1, [&[0x82, 0x86][..], &fields(&[(":path", "/p"), (":authority", "shop.test")])].concat())],
        ),
        row(
            "generic 5: a literal with indexing, by the index of its name",
            Allowed::Answer(1),
            [headers(1, with(b"\x7a\x03abc"))],
        ),
        row(
            "generic 5: a literal with indexing, with a new name",
            Allowed::Answer(1),
            [headers(1, with(b"\x40\x01x\x01y")), headers(3, with(b"\xbe")), Step::Head(3)],
        ),
        row(
            "generic 5: a literal without indexing, by the index of its name",
            Allowed::Answer(1),
            [headers(1, with(b"\x0f\x2b\x03abc"))],
        ),
        row(
            "generic 5: a literal without indexing, with a new name",
            Allowed::Answer(1),
            [headers(1, with(b"\0\x01x\x01y"))],
        ),
        row(
            "generic 5: a literal never indexed, by the index of its name",
            Allowed::Answer(1),
            [headers(1, with(b"\x1f\x2b\x03abc"))],
        ),
        row(
            "generic 5: a literal never indexed, with a new name",
            Allowed::Answer(1),
            [headers(1, with(b"\x10\x01x\x01y"))],
        ),
        row(
            "generic 5: Huffman's code",
            Allowed::Answer(1),
            [headers(1, with(b"\0\x01x\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"))],
        ),
        row("generic 5: a table of another size", Allowed::Answer(1), [headers(1, [&[0x20][..], &get()].concat())]),
        row(
            "generic 5: a table of several sizes",
            Allowed::Answer(1),
            [headers(1, [&[0x20, 0x3f, 0xe1, 0x1f][..], &get()].concat())],
        ),
    ])
    .await;
}
