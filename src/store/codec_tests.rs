//! What is written is read again; nothing else is.

use super::*;
use crate::entry::samples::{Sample, TWO_BYTES};
use crate::key::{KeyBuilder, KeyPart};
use proptest::prelude::*;
use std::sync::Arc;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const LARGE: u64 = 1 << 20;

fn key(path: &str) -> PrimaryKey {
    let mut builder = KeyBuilder::default();
    builder.part(KeyPart::Path, path.as_bytes());
    builder.finish()
}

fn written(entry: &Entry) -> Vec<u8> {
    encode(&key("/a"), entry).expect("it is a whole response")
}

fn read(value: &[u8]) -> Result<Entry, CodecError> {
    decode(&key("/a"), value, NOW, LARGE)
}

fn assert_same(found: &Entry, expected: &Entry) {
    assert_eq!(found.filed_under(), expected.filed_under());
    assert_eq!((found.status(), found.variant()), (expected.status(), expected.variant()));
    assert_eq!((found.body().to_stored(), found.stamp()), (expected.body().to_stored(), expected.stamp()));
    assert_eq!(found.policy().initial_age, expected.policy().initial_age);
    assert_eq!(found.headers(), expected.headers());
}

fn samples() -> Vec<Arc<Entry>> {
    let text = Bytes::from("a line that repeats\n".repeat(200));
    vec![
        Sample::default().entry(),
        Sample::typical().entry(),
        Sample { tags: vec!["product:1", "catalogue"], ..Sample::sized(0) }.entry(),
        Sample { variant: vec![("accept-language", "de"), ("device", "")], status: 404, ..Sample::default() }.entry(),
        Sample { body: coding::coded(text.clone(), Coding::Gzip), ..Sample::default() }.entry(),
        Sample { body: coding::coded(text.clone(), Coding::Br), ..Sample::default() }.entry(),
        Sample { body: coding::coded(text.clone(), Coding::Zstd), ..Sample::default() }.entry(),
        Sample { body: StoredBody::AsReceived(text), ..Sample::default() }.entry(),
    ]
}

#[test]
fn what_is_written_is_read_again() {
    for entry in samples() {
        assert_same(&read(&written(&entry)).expect("it was just written"), &entry);
    }
}

#[test]
fn a_body_that_shrinks_takes_less_room() {
    let entry = Sample { body: StoredBody::AsReceived(vec![b'x'; 10_000].into()), ..Sample::default() }.entry();
    assert!(written(&entry).len() < 1_500);
}

#[test]
fn only_what_older_versions_cannot_read_has_a_version_that_they_refuse() {
    for entry in samples() {
        let new = matches!(entry.coding(), Some(Coding::Br | Coding::Zstd));
        assert_eq!(written(&entry)[MAGIC.len()], if new { 4 } else { 3 }, "{:?}", entry.coding());
    }
}

#[test]
fn other_codings_beside_are_not_written() {
    let text = Bytes::from("a line that repeats\n".repeat(200));
    let entry = Sample { body: coding::coded(text.clone(), Coding::Zstd), ..Sample::default() }.entry();
    let with_another = entry.with_recoded(coding::coded(text, Coding::Br));
    assert_eq!(written(&with_another), written(&entry));
}

#[test]
fn a_part_is_not_written() {
    let entry = Sample { status: 206, part: Some(TWO_BYTES), ..Sample::default() }.entry();
    assert_eq!(encode(&key("/a"), &entry), None);
}

#[test]
fn each_damage_has_its_name() {
    let value = written(&Sample::typical().entry());
    let with = |at: usize, byte: u8| {
        let mut value = value.clone();
        value[at] = byte;
        value
    };
    for (what, damaged, expected) in [
        ("nothing", Vec::new(), CodecError::Truncated),
        ("something else", b"hello".to_vec(), CodecError::NotOurs),
        ("something else, long", vec![b'x'; 100], CodecError::NotOurs),
        ("an older version", with(4, VERSION - 1), CodecError::UnknownVersion),
        ("a newer version", with(4, VERSION_CODED + 1), CodecError::UnknownVersion),
        ("half a preamble", value[..10].to_vec(), CodecError::Truncated),
        ("half a head", value[..PREAMBLE_BYTES + 10].to_vec(), CodecError::Truncated),
        ("half a body", value[..value.len() - 10].to_vec(), CodecError::Checksum),
        ("a flipped byte of the hash", with(5, !value[5]), CodecError::Checksum),
        ("a flipped byte of the body", with(value.len() - 1, b'y'), CodecError::Checksum),
    ] {
        assert_eq!(read(&damaged).map(drop), Err(expected), "{what}");
    }
    assert_eq!(decode(&key("/b"), &value, NOW, LARGE).map(drop), Err(CodecError::OtherKey));
    let large = written(&samples()[4]);
    assert_eq!(decode(&key("/a"), &large, NOW, 100).map(drop), Err(CodecError::TooLarge));
}

#[test]
fn a_clock_that_runs_ahead_makes_nothing_younger_than_now() {
    let headers = Sample::default().header_map();
    let mut parts = Sample::default().parts();
    parts.policy.received_at = Timestamp::from_millis(2_000_000);
    parts.policy.initial_age = Duration::from_secs(5);
    let entry = Entry::new(parts, &headers);
    let found = read(&written(&entry)).expect("it was just written");
    assert_eq!(found.policy().received_at, NOW);
    assert_eq!(found.policy().current_age(NOW), Duration::from_secs(5));
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&value).is_err());
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut value = written(&Sample::typical().entry());
        let at = at.index(value.len());
        value[at] ^= 1 << bit;
        prop_assert!(read(&value).is_err());
    }
}
