//! Streams of messages, whole, split and damaged.

use super::*;
use proptest::prelude::*;

const LIMITS: HeadLimits = HeadLimits { head_bytes: 512, fields: 8, target_bytes: 64 };

/// Reads `stream` in pieces that end at `cuts`.
fn follow(stream: &[u8], cuts: &[usize]) -> Messages {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).chain([stream.len()]).collect();
    ends.sort_unstable();
    read(stream, &ends, &LIMITS)
}

impl Messages {
    fn refused(&self) -> Option<Refusal> {
        if let End::Refused(refusal) = self.end { Some(refusal) } else { None }
    }

    fn data(&self) -> String {
        String::from_utf8(self.bodies.concat()).unwrap()
    }
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

fn chunked(body: &str) -> String {
    format!("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

#[test]
fn messages_follow_one_another() {
    let stream = format!("{GET}{}\r\n{GET}", chunked("3\r\nabc\r\n0\r\n\r\n"));
    let read = follow(stream.as_bytes(), &[]);
    assert_eq!((read.heads.len(), read.data().as_str(), &read.end), (3, "abc", &End::InHead));
}

#[test]
fn what_follows_a_body_is_read_as_a_head_and_never_as_body() {
    let stream = format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc{GET}");
    let read = follow(stream.as_bytes(), &[]);
    assert_eq!((read.heads.len(), read.data().as_str()), (2, "abc"));
}

#[test]
fn a_chunked_body_is_followed_strictly() {
    let long_extension = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(5000));
    let many_extensions = format!("{}0\r\n\r\n", format!("1;{}\r\na\r\n", "x".repeat(200)).repeat(30));
    let many_trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(20));
    let long_trailers = format!("0\r\nA: {}\r\n\r\n", "b".repeat(600));
    for (body, expected) in [
        ("0\r\n\r\n", None),
        ("a\r\n0123456789\r\nA;name=\"value\"\r\n0123456789\r\n0;last\r\nDigest: x\r\n\r\n", None),
        ("000000000000001\r\na\r\n0\r\n\r\n", None),
        ("+1\r\na\r\n0\r\n\r\n", Some(Refusal::ChunkSize)),
        ("-1\r\na\r\n0\r\n\r\n", Some(Refusal::ChunkSize)),
        ("0x1\r\na\r\n0\r\n\r\n", Some(Refusal::ChunkSize)),
        (" 1\r\na\r\n0\r\n\r\n", Some(Refusal::ChunkSize)),
        ("1 \r\na\r\n0\r\n\r\n", Some(Refusal::ChunkSize)),
        ("1\t;a\r\na\r\n0\r\n\r\n", Some(Refusal::ChunkSize)),
        ("\r\n", Some(Refusal::ChunkSize)),
        ("\n", Some(Refusal::ChunkSize)),
        (";a\r\n", Some(Refusal::ChunkSize)),
        ("1\na\r\n0\r\n\r\n", Some(Refusal::ChunkSize)),
        ("1\r\r\na\r\n0\r\n\r\n", Some(Refusal::ChunkSize)),
        ("ffffffffffffffff\r\n", Some(Refusal::ChunkSize)),
        ("10000000000000000000000000000000", Some(Refusal::ChunkSize)),
        ("g\r\n", Some(Refusal::ChunkSize)),
        ("1;a\u{1}\r\na\r\n0\r\n\r\n", Some(Refusal::ChunkExtension)),
        ("1;a\r\r\na\r\n0\r\n\r\n", Some(Refusal::ChunkSize)),
        ("1;a\nb\r\na\r\n0\r\n\r\n", Some(Refusal::ChunkExtension)),
        (&long_extension, Some(Refusal::ChunkExtension)),
        (&many_extensions, Some(Refusal::ChunkExtension)),
        ("1\r\nab\r\n0\r\n\r\n", Some(Refusal::ChunkEnd)),
        ("1\r\na\n0\r\n\r\n", Some(Refusal::ChunkEnd)),
        ("0\r\nA: b\n\r\n", Some(Refusal::Trailer)),
        ("0\r\nA : b\r\n\r\n", Some(Refusal::Trailer)),
        ("0\r\n A: b\r\n\r\n", Some(Refusal::Trailer)),
        ("0\r\nA: b\r\n c\r\n\r\n", Some(Refusal::Trailer)),
        ("0\r\nContent-Length: 5\r\n\r\n", Some(Refusal::Trailer)),
        ("0\r\nHost: b\r\n\r\n", Some(Refusal::Trailer)),
        (&many_trailers, Some(Refusal::Trailer)),
        (&long_trailers, Some(Refusal::Trailer)),
    ] {
        let read = follow(chunked(body).as_bytes(), &[]);
        assert_eq!(read.refused(), expected, "{body:?}");
        if expected.is_none() {
            assert_eq!(read.end, End::InHead, "{body:?}");
        }
    }
}

#[test]
fn data_and_trailers_are_taken_out_of_the_chunks() {
    let body = "5;a=b\r\nhello\r\n4\r\n you\r\n0\r\nDigest: x\r\nDigest: y\r\n\r\n";
    for cuts in [vec![], (0..200).collect()] {
        let read = follow(chunked(body).as_bytes(), &cuts);
        assert_eq!((read.data().as_str(), read.trailers.get_all("digest").iter().count()), ("hello you", 2));
    }
}

#[test]
fn a_head_without_end_is_refused_at_the_limit_however_it_arrives() {
    let long_target = format!("GET /{}", "a".repeat(600));
    let long_field = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(600));
    for (stream, expected) in [(long_target, Refusal::TargetTooLong), (long_field, Refusal::HeadTooLarge)] {
        let byte_by_byte: Vec<usize> = (0..stream.len()).collect();
        assert_eq!(follow(stream.as_bytes(), &[]).refused(), Some(expected));
        assert_eq!(follow(stream.as_bytes(), &byte_by_byte).refused(), Some(expected));
    }
}

/// Streams that exercise every position, valid and not.
fn streams() -> Vec<String> {
    let upload = chunked("5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nDigest: x\r\n\r\n");
    vec![
        format!("{GET}{upload}\r\n{GET}"),
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello{GET}"),
        format!("{GET}GET /b HTTP/1.1\nHost: a\n\n"),
        format!("{GET}{}", chunked("5\r\nhello!\r\n")),
        format!("{GET}{}", chunked("5\r\nhello\r\n0\r\nHost: b\r\n\r\n")),
        format!("{GET}GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"),
        format!("{GET}GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        format!("{GET}\r\n\r\n{GET}"),
    ]
}

proptest! {
    #[test]
    fn the_same_bytes_are_passed_however_they_are_split(
        which in 0_usize..8,
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let stream = &streams()[which];
        let whole = follow(stream.as_bytes(), &[]);
        let split = follow(stream.as_bytes(), &cuts);
        prop_assert_eq!(&split.heads, &whole.heads);
        prop_assert_eq!(split.refused().is_some(), whole.refused().is_some());
        if whole.refused().is_none() {
            prop_assert_eq!((split.bodies, split.trailers, split.end), (whole.bodies, whole.trailers, whole.end));
        }
    }

    #[test]
    fn no_client_input_panics_the_parser(
        stream in proptest::collection::vec(any::<u8>(), 0..600),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        follow(&stream, &cuts);
    }

    #[test]
    fn no_damaged_request_panics_the_parser(
        which in 0_usize..8,
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let mut stream = streams()[which].clone().into_bytes();
        for (place, byte) in damage {
            let place = place % stream.len();
            stream[place] = byte;
        }
        follow(&stream, &cuts);
    }
}
