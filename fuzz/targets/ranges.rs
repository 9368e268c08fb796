#![no_main]
//! Range and If-Range: every range granted lies within the representation, in order, and they are few.

use http::header::{ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use larder::testing::clock::Timestamp;
use larder::testing::semantics::{RangeVerdict, content_range, resolve};
use larder_fuzz::{lines_of, number};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((length, rest)) = number(input) else { return };
    let mut split = rest.splitn(2, |byte| *byte == 0);
    let mut request = lines_of(&RANGE, split.next().unwrap_or_default());
    if let Some(value) = split.next().and_then(|bytes| HeaderValue::from_bytes(bytes).ok()) {
        request.append(IF_RANGE, value);
    }
    let selected = HeaderMap::from_iter([(ETAG, HeaderValue::from_static("\"a\""))]);
    let granted = match resolve(&request, &selected, length, Timestamp::from_secs(1_800_000_000)) {
        RangeVerdict::Single(range) => vec![range],
        RangeVerdict::Multiple(ranges) => ranges,
        RangeVerdict::Whole | RangeVerdict::NotSatisfiable => return,
    };
    assert!(granted.len() <= 16, "{granted:?}");
    for range in granted {
        assert!(range.first <= range.last && range.last < length, "{range:?} of {length}");
        let _ = content_range(range, length);
    }
});
