#![no_main]
//! What clients send over HTTP/1: never a panic, and how the bytes are cut into reads changes nothing.

use larder::testing::proxy::cuts_make_no_difference;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((cut, stream)) = input.split_first() else { return };
    cuts_make_no_difference(stream, usize::from(*cut));
});
