//! What is written is read again, whatever is damaged is not, and nothing panics.

use super::*;
use crate::entry::samples::Sample;
use crate::key::{KeyBuilder, KeyPart};
use proptest::prelude::*;
use std::io::Cursor;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const LARGE: u64 = 1 << 20;
const NOTE: &[u8] = b"a note";

fn key(path: &str) -> PrimaryKey {
    let mut builder = KeyBuilder::default();
    builder.part(KeyPart::Path, path.as_bytes());
    builder.finish()
}

/// A snapshot of `/0` to `/3`, without those.
fn written(gone: &[u64]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = SnapshotWriter::begin(&mut file).unwrap();
    for number in 0..4_u64 {
        let entry = Sample::sized(100 * usize::try_from(number).unwrap()).entry();
        let put = writer.put(&key(&format!("/{number}")), &entry, Stamp::local(7)).unwrap();
        assert_eq!(put, Some(number));
    }
    writer.finish(gone, NOTE).unwrap();
    file.into_inner()
}

/// The keys and the lengths of the bodies of what can be read, why others can't be, and the note.
type Contents = (Vec<(PrimaryKey, usize)>, Vec<CodecError>, Vec<u8>);

fn read(file: Vec<u8>) -> Result<Contents, SnapshotError> {
    let (mut reader, note) = SnapshotReader::open(Cursor::new(file))?;
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
    while let Some(next) = reader.next(NOW, LARGE)? {
        match next {
            Ok((key, entry)) => {
                assert_eq!(entry.stamp(), Stamp::local(7));
                entries.push((key, entry.body().at_rest().len()));
            }
            Err(why) => bad.push(why),
        }
    }
    Ok((entries, bad, note))
}

#[test]
fn what_is_written_is_read_again_but_for_what_is_gone() {
    for gone in [&[][..], &[0], &[1, 3], &[0, 1, 2, 3]] {
        let (entries, bad, note) = read(written(gone)).unwrap();
        let expected = (0..4_u64).filter(|number| !gone.contains(number));
        let expected: Vec<_> =
            expected.map(|number| (key(&format!("/{number}")), 100 * usize::try_from(number).unwrap())).collect();
        assert_eq!((entries, bad, note), (expected, vec![], NOTE.to_vec()));
    }
}

#[test]
fn a_damaged_record_is_left_out_and_those_beside_it_are_read() {
    let mut file = written(&[]);
    let at = file.windows(300).position(|window| window == [b'x'; 300]).unwrap();
    file[at] = b'y';
    let (entries, bad, _) = read(file).unwrap();
    assert_eq!((entries.len(), bad), (3, vec![CodecError::Checksum]));
}

#[test]
fn a_file_without_its_end_or_with_a_damaged_one_is_none() {
    let whole = written(&[2]);
    for (cut, is) in [(whole.len() - 1, "damaged"), (60, "damaged"), (HEADER_BYTES - 1, "not ours"), (0, "not ours")] {
        let error = read(whole[..cut].to_vec()).unwrap_err();
        match is {
            "damaged" => assert!(matches!(error, SnapshotError::Damaged), "{cut}: {error:?}"),
            _ => assert!(matches!(error, SnapshotError::NotOurs), "{cut}: {error:?}"),
        }
    }
    let mut unfinished = Cursor::new(Vec::new());
    let mut writer = SnapshotWriter::begin(&mut unfinished).unwrap();
    writer.put(&key("/"), &Sample::default().entry(), Stamp::ZERO).unwrap();
    assert!(matches!(read(unfinished.into_inner()), Err(SnapshotError::NotOurs)));
    let mut newer = whole;
    newer[MAGIC.len()] += 1;
    assert!(matches!(read(newer), Err(SnapshotError::UnknownVersion)));
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(at in 0_usize..2_000, byte: u8, cut in 0_usize..3_000) {
        let mut file = written(&[1]);
        let at = at % file.len();
        file[at] = byte;
        file.truncate(cut.max(1));
        let _ = read(file);
    }

    #[test]
    fn whatever_the_lengths_of_a_header_are_nothing_panics(numbers: [u64; 4], rest: Vec<u8>) {
        let mut file = [&MAGIC[..], &[VERSION, 0, 0, 0]].concat();
        file.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        file.extend_from_slice(&checksum(&file, &rest));
        file.extend_from_slice(&rest);
        let _ = read(file);
    }
}
