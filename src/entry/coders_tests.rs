//! Coding loses nothing, and no stream makes a decoder hold more than it may.

use super::*;

fn json() -> Bytes {
    "{\"price\":1299,\"stock\":3}".repeat(300).into()
}

#[test]
fn coding_is_deterministic_and_decoding_undoes_it() {
    let noise: Vec<u8> = (0..100_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for coding in Coding::ALL {
        for body in [Bytes::new(), Bytes::from_static(b"x"), json(), noise.clone().into()] {
            let coded = code(coding, &body);
            assert_eq!(code(coding, &body), coded);
            assert_eq!(decode(coding, coded.into(), body.len() as u64).expect("the stream is whole"), body);
        }
        assert!(code(coding, &json()).len() < 300, "{coding:?} does not shrink it");
    }
}

#[test]
fn a_stream_that_is_damaged_or_of_another_length_is_an_error() {
    let body = json();
    let length = body.len() as u64;
    for coding in Coding::ALL {
        let stream = Bytes::from(code(coding, &body));
        let decoded = |stream: Bytes, bytes: u64| decode(coding, stream, bytes);
        for wrong in [length - 1, length + 1, 0] {
            let Err(DecodeError::Length { expected_bytes }) = decoded(stream.clone(), wrong) else {
                panic!("{coding:?} of {wrong}")
            };
            assert_eq!(expected_bytes, wrong);
        }
        let cut = stream.slice(..stream.len() - 9);
        assert!(decoded(cut, length).is_err(), "{coding:?} cut short");
        let nothing_of_it = Bytes::from_static(b"none of it");
        assert!(matches!(decoded(nothing_of_it, 8), Err(DecodeError::Damaged(_))), "{coding:?}");
    }
}

#[test]
fn a_bomb_is_decoded_no_further_than_its_length_was_said_to_be() {
    let bomb = vec![b' '; 64 << 20];
    for coding in Coding::ALL {
        let stream = Bytes::from(code(coding, &bomb));
        assert!(matches!(decode(coding, stream, 1000), Err(DecodeError::Length { .. })), "{coding:?}");
    }
}

#[test]
fn rfc_9659_a_zstandard_window_larger_than_8_mib_is_refused() {
    // A frame that asks for a window of 64 MiB, with one empty last block.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (26 - 10) << 3, 0x01, 0x00, 0x00];
    assert!(matches!(decode(Coding::Zstd, frame.to_vec().into(), 0), Err(DecodeError::Damaged(_))));
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (23 - 10) << 3, 0x01, 0x00, 0x00];
    assert_eq!(decode(Coding::Zstd, frame.to_vec().into(), 0).expect("8 MiB are allowed"), Bytes::new());
}
