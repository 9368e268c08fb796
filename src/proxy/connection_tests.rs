//! Whole connections over a pipe in memory: however bytes are split or damaged, and wherever they end.

use crate::proxy::simulated::{Conversed, Then, check_seen, converse};
use proptest::prelude::*;

/// Streams that end the connection by themselves: with a request to close it, or one that is refused.
const STREAMS: [&str; 8] = [
    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
     5;a=b\r\nhello\r\n4\r\n you\r\n0\r\nDigest: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\nGET /2 HTTP/1.0\r\nHost: a\r\n\r\n",
    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\nHost: a\r\n\r\n",
    "PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPUT /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na",
    "HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n\
     OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc\
     GET /2 HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: x\r\n\r\n",
    "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
     GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nx\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// The stream whose body nobody reads: whether the connection goes on depends on how much of it is there.
const UNREAD_BODY: usize = 6;
/// The stream whose body is wrong: whether anybody sees the request depends on how much of it is there.
const BREAKS_IN_BODY: usize = 7;

/// What was answered, without what differs each time or depends on when bytes came: whether a client had to be asked for
/// its body.
fn shown(conversed: &Conversed) -> String {
    let text = String::from_utf8_lossy(&conversed.answered).replace("HTTP/1.1 100 Continue\r\n\r\n", "");
    let differs = |line: &&str| !line.starts_with("date: ") && !line.starts_with("x-request-id: ");
    let same: Vec<&str> =
        text.split("\r\n").filter(differs).map(|line| line.split("\"request_id\"").next().unwrap()).collect();
    same.join("\r\n")
}

fn in_pieces<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).chain([stream.len()]).collect();
    ends.sort_unstable();
    let starts = std::iter::once(0).chain(ends.clone());
    starts.zip(ends).map(|(start, end)| &stream[start..end]).collect()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(future)
}

#[test]
fn a_connection_that_dies_at_any_byte_ends_and_nothing_is_made_of_what_never_came() {
    for stream in STREAMS {
        let whole = run(converse(&[stream.as_bytes()], 4096, Then::Waits));
        check_seen(stream.as_bytes(), &whole);
        for end in 0..stream.len() {
            let part = &stream.as_bytes()[..end];
            for then in [Then::Leaves, Then::EndsItsSide] {
                let conversed = run(converse(&[part], 4096, then));
                check_seen(part, &conversed);
                for (of_part, of_whole) in conversed.seen.iter().zip(&whole.seen) {
                    assert_eq!(of_part.asked, of_whole.asked, "{part:?}");
                }
            }
        }
    }
}

#[test]
fn a_client_that_ends_its_side_gets_the_answers_that_are_there() {
    let stream = STREAMS[0];
    let whole = run(converse(&[stream.as_bytes()], 4096, Then::Waits));
    let ended = run(converse(&[stream.as_bytes()], 4096, Then::EndsItsSide));
    assert_eq!(shown(&ended), shown(&whole));
}

#[test]
fn answers_are_the_same_whatever_is_read_and_written_at_once() {
    for (number, stream) in STREAMS.iter().enumerate().filter(|(number, _)| *number != UNREAD_BODY) {
        let whole = run(converse(&[stream.as_bytes()], 4096, Then::Waits));
        for pipe_bytes in [1, 2, 3, 7, 64] {
            for piece_bytes in [1, 5, 1000] {
                let pieces: Vec<&[u8]> = stream.as_bytes().chunks(piece_bytes).collect();
                let conversed = run(converse(&pieces, pipe_bytes, Then::Waits));
                assert_eq!(shown(&conversed), shown(&whole), "stream {number}, {pipe_bytes} and {piece_bytes} bytes");
                if number != BREAKS_IN_BODY {
                    assert_eq!(conversed.seen, whole.seen, "stream {number}, {pipe_bytes} and {piece_bytes} bytes");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_bytes_get_the_same_answers_however_they_are_split(
        which in 0_usize..6,
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let stream = STREAMS[which].as_bytes();
        let whole = run(converse(&[stream], 256, Then::Waits));
        let split = run(converse(&in_pieces(stream, &cuts), 256, Then::Waits));
        prop_assert!(shown(&whole).starts_with("HTTP/1.1 200 OK\r\n"), "{}", shown(&whole));
        prop_assert_eq!(shown(&split), shown(&whole));
    }

    #[test]
    fn no_client_input_panics_or_hangs_a_connection_or_is_taken_for_something_else(
        which in 0..STREAMS.len(),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6),
        cuts in proptest::collection::vec(any::<usize>(), 0..4),
    ) {
        let mut stream = STREAMS[which].as_bytes().to_vec();
        for (place, byte) in damage {
            let place = place % stream.len();
            stream[place] = byte;
        }
        let conversed = run(converse(&in_pieces(&stream, &cuts), 256, Then::EndsItsSide));
        check_seen(&stream, &conversed);
    }
}
