//! HPACK: RFC 7541.

use super::rows::{Allowed, Row, check, code, get, headers, row};

const COMPRESSION: Allowed = Allowed::Connection(&[code::COMPRESSION]);

fn after_a_request(name: &'static str, more: &[u8]) -> Row {
    row(name, COMPRESSION, [headers(1, [&get()[..], more].concat())])
}

#[tokio::test]
async fn rfc_7541_blocks_that_cannot_be_decoded_end_the_connection() {
    check(vec![
        after_a_request("2.3.3: an index beyond the tables", &[0xff, 0x00]),
        after_a_request("2.3.3: a name's index beyond the tables", &[0x7f, 0x00, 0x01, b'x']),
        after_a_request("2.3.3: an index beyond what a number holds", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        after_a_request("4.2: the table's size after the fields", &[0x20]),
        after_a_request("5.2: padding of more than seven bits", b"\0\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"),
        after_a_request("5.2: padding of zeros", b"\0\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"),
        after_a_request(
            "5.2: the end of a string within it",
            b"\0\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f",
        ),
        after_a_request("5.2: a string that is longer than its block", b"\0\x05x-a"),
        after_a_request("6.1: index zero", &[0x80]),
        row("6.3: a table larger than allowed", COMPRESSION, [headers(1, [&[0x3f, 0xe2, 0x1f][..], &get()].concat())]),
    ])
    .await;
}
