#![no_main]
//! HTTP dates: never a panic, and what is read and written is read again as the same.

use larder::testing::clock::Timestamp;
use larder::testing::semantics::{format_http_date, parse_http_date};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let now = Timestamp::from_secs(1_800_000_000);
    if let Some(read) = parse_http_date(input, now) {
        let written = format_http_date(read);
        assert_eq!(parse_http_date(written.as_bytes(), now), Some(read), "{written:?}");
    }
});
