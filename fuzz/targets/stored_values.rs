#![no_main]
//! Values of the shared tier: never a panic, and what is read can be written again.

use larder::testing::clock::Timestamp;
use larder::testing::key::{KeyBuilder, KeyPart};
use larder::testing::store::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut key = KeyBuilder::default();
    key.part(KeyPart::Path, b"/a");
    let key = key.finish();
    if let Ok(entry) = decode(&key, input, Timestamp::from_secs(1_000), 1 << 16) {
        assert!(encode(&key, &entry).is_some(), "a whole response");
    }
});
