#![no_main]
//! Cache-Control of requests and responses: never a panic, and no line takes a prohibition away.

use http::header::{CACHE_CONTROL, HeaderValue};
use larder::testing::semantics::{Qualified, RequestDirectives, ResponseDirectives};
use larder_fuzz::lines_of;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut headers = lines_of(&CACHE_CONTROL, input);
    let _ = RequestDirectives::parse(&headers);
    let before = ResponseDirectives::parse(&headers);
    headers.append(CACHE_CONTROL, HeaderValue::from_static("no-store, must-revalidate"));
    let after = ResponseDirectives::parse(&headers);
    assert!(after.no_store && after.must_revalidate, "a line of its own is read whatever stands on the others");
    assert!(before.no_cache != Qualified::Whole || after.no_cache == Qualified::Whole);
});
