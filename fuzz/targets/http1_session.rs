#![no_main]
//! A client's whole connection over HTTP/1, any bytes, cut anywhere: it ends, and the handler gets what the bytes say.

use larder::testing::proxy::connections_end_and_say_what_was_said;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [cut, pipe_bytes, stream @ ..] = input else { return };
    connections_end_and_say_what_was_said(stream, usize::from(*cut), usize::from(*pipe_bytes));
});
