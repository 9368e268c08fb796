#![no_main]
//! Vary and the normal form of what it names: never a panic, and a normal form is its own normal form.

use http::HeaderValue;
use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, COOKIE, VARY};
use larder::testing::semantics::{normalise, parse_vary};
use larder_fuzz::lines_of;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = parse_vary(&lines_of(&VARY, input));
    for name in [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, COOKIE] {
        let headers = lines_of(&name, input);
        // That there is no line at all has a normal form that no line has.
        if headers.is_empty() {
            continue;
        }
        let normal = normalise(&name, headers.get_all(&name).iter());
        if let Ok(value) = HeaderValue::from_bytes(&normal) {
            let again = normalise(&name, [&value].into_iter());
            assert_eq!(normal, again, "{name}: {value:?}");
        }
    }
});
