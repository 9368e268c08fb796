#![no_main]
//! What servers send over HTTP/1: never a panic, always an end, and how the bytes are cut into reads changes nothing.

use larder::testing::upstream::answers_are_read_alike;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((cut, stream)) = input.split_first() else { return };
    answers_are_read_alike(stream, usize::from(*cut));
});
