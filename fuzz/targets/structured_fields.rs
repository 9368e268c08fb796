#![no_main]
//! Targeted cache control, a structured field: never a panic, and a valid no-store is never lost.

use http::HeaderName;
use http::header::HeaderValue;
use larder::testing::semantics::targeted_directives;
use larder_fuzz::lines_of;
use libfuzzer_sys::fuzz_target;

const TARGETED: HeaderName = HeaderName::from_static("cdn-cache-control");

fuzz_target!(|input: &[u8]| {
    let mut headers = lines_of(&TARGETED, input);
    let before = targeted_directives(&headers);
    headers.append(TARGETED, HeaderValue::from_static("no-store"));
    if before.is_some() {
        let after = targeted_directives(&headers).expect("a valid field stays valid with one more member");
        assert!(after.no_store);
    }
});
