#![no_main]
//! Conditional requests: never a panic, and a tag that is there always matches itself.

use http::Method;
use http::header::{ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use larder::testing::clock::Timestamp;
use larder::testing::semantics::{EntityTag, Precondition, evaluate};
use larder_fuzz::lines_of;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let now = Timestamp::from_secs(1_800_000_000);
    let selected = HeaderMap::from_iter([(ETAG, HeaderValue::from_static("\"a,b\""))]);
    for name in [IF_NONE_MATCH, IF_MATCH] {
        let _ = evaluate(&Method::GET, &lines_of(&name, input), &selected, now);
    }
    if EntityTag::parse(input).is_some() {
        let Ok(tag) = HeaderValue::from_bytes(input) else { return };
        let selected = HeaderMap::from_iter([(ETAG, tag.clone())]);
        let request = HeaderMap::from_iter([(IF_NONE_MATCH, tag)]);
        assert_eq!(evaluate(&Method::GET, &request, &selected, now), Precondition::NotModified, "{request:?}");
    }
});
