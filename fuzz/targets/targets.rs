#![no_main]
//! Request targets: never a panic, and a settled target settles to itself.

use http::header::{HOST, HeaderMap, HeaderValue};
use http::uri::Scheme;
use larder::testing::semantics::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(2, |byte| *byte == b'\n');
    let Ok(uri) = http::Uri::try_from(lines.next().unwrap_or_default()) else { return };
    let Ok(host) = HeaderValue::from_bytes(lines.next().unwrap_or(b"shop.test")) else { return };
    let headers = HeaderMap::from_iter([(HOST, host)]);
    let Ok(target) = Target::settle(&uri, &headers, &Scheme::HTTP) else { return };
    assert!(target.path().starts_with('/') || target.is_asterisk(), "{target:?}");
    if target.ambiguity().is_none() {
        let segments = || target.path().split('/');
        assert!(segments().all(|segment| segment != "." && segment != ".."), "{target:?}");
        if !target.is_asterisk() {
            assert_eq!(Target::parse_absolute(target.url()).as_ref(), Ok(&target));
        }
    }
});
