//! What the account must hold to: every charge given back, on every way out.

use super::*;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

fn piece(bytes: usize) -> Bytes {
    Bytes::from(vec![b'x'; bytes])
}

#[test]
fn a_piece_is_charged_once_until_its_last_clone_is_gone() {
    let in_flight = InFlight::new(1 << 20);
    for bytes in [1, 100, COPIED_BYTES_MAX, COPIED_BYTES_MAX + 1, 300_000] {
        let held = in_flight.hold(piece(bytes));
        assert_eq!(held, piece(bytes));
        let expected = (bytes + PIECE_OVERHEAD_BYTES) as u64;
        let (clone, view) = (held.clone(), held.slice(bytes / 2..));
        assert_eq!(in_flight.held_bytes(), expected, "{bytes}");
        drop((held, clone));
        assert_eq!(in_flight.held_bytes(), expected, "{bytes}: a view keeps the whole alive");
        drop(view);
        assert_eq!(in_flight.held_bytes(), 0, "{bytes}");
    }
    assert_eq!(in_flight.hold(Bytes::new()), Bytes::new());
    assert_eq!(in_flight.held_bytes(), 0, "nothing holds nothing");
}

#[test]
fn a_short_piece_does_not_keep_the_buffer_alive_that_it_was_read_into() {
    let in_flight = InFlight::new(1 << 20);
    let buffer = piece(64 * 1024);
    let held = in_flight.hold(buffer.slice(..100));
    assert!(buffer.is_unique(), "the piece is a copy");
    drop(held);
}

#[test]
fn what_left_the_cache_is_charged_as_long_as_somebody_reads_it() {
    let in_flight = InFlight::new(1 << 20);
    let unread = piece(1000);
    in_flight.linger(&unread);
    assert_eq!(in_flight.held_bytes(), 0, "nobody reads it");
    let stored: Vec<Bytes> = (0..100).map(|_| piece(1000)).collect();
    let readers = stored.clone();
    for body in &stored {
        in_flight.linger(body);
        in_flight.linger(body);
    }
    drop(stored);
    assert_eq!(in_flight.held_bytes(), 100_000, "each is charged once");
    drop(readers);
    assert_eq!(in_flight.held_bytes(), 0);
}

#[test]
fn clients_that_take_nothing_are_let_go_the_longest_first_and_only_where_there_is_no_room() {
    let in_flight = InFlight::new(1000);
    let context = Context::from_waker(Waker::noop());
    let stalls: Vec<Stall> = (0..20).map(|_| in_flight.stalled()).collect();
    let gone = || stalls.iter().map(|stall| stall.poll_let_go(&context).is_ready()).collect::<Vec<_>>();
    assert_eq!(in_flight.room(), Room::Free);
    assert_eq!(gone(), [false; 20]);
    let _ballast = in_flight.charge(2000);
    assert_eq!(in_flight.room(), Room::Taken);
    assert_eq!(gone(), [[true; 8].as_slice(), &[false; 12]].concat());
    assert_eq!(in_flight.cut_off_total(), 8);
    assert_eq!(in_flight.room(), Room::Taken);
    assert_eq!(in_flight.cut_off_total(), 8, "what those held is waited for before others go");
    let mut stalls = stalls;
    drop(stalls.drain(..7));
    assert_eq!(in_flight.cut_off_total(), 8, "one of them still holds something");
    drop(stalls.remove(0));
    assert_eq!(in_flight.cut_off_total(), 16, "they are gone, and that did not make room enough");
    drop(stalls);
    let _other = in_flight.stalled();
    assert_eq!(in_flight.cut_off_total(), 21, "who newly stalls goes too");
}

#[test]
fn what_is_not_kept_goes_on_through_one_small_buffer_once_half_the_room_is_taken() {
    let in_flight = InFlight::new(64 << 20);
    assert_eq!(in_flight.window_bytes(), 1 << 20);
    let taken = in_flight.charge((32 << 20) + 1);
    assert_eq!(in_flight.window_bytes(), 64 << 10);
    drop(taken);
    assert_eq!(in_flight.window_bytes(), 1 << 20);
}

/// A body that never ends, and how much was taken of it.
fn endless(in_flight: &Arc<InFlight>, direction: Direction) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
    let pieces = futures_util::stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(piece(10_000))));
    Metered::new(StreamBody::new(pieces), Arc::clone(in_flight), direction)
}

#[tokio::test]
async fn an_upload_goes_on_a_piece_at_a_time_where_there_is_no_room() {
    for (direction, expected) in [(Direction::Up, 1), (Direction::Down, 50)] {
        let in_flight = InFlight::new(100_000);
        let ballast = in_flight.charge(100_000);
        let mut body = endless(&in_flight, direction);
        let mut taken = Vec::new();
        for _ in 0..50 {
            let mut context = Context::from_waker(Waker::noop());
            let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(&mut context) else { break };
            taken.push(frame.unwrap().unwrap().into_data().unwrap());
        }
        assert_eq!(taken.len(), expected, "{direction:?}");
        taken.clear();
        assert!(body.frame().await.is_some(), "{direction:?}: the next one may be taken once that one is gone");
        drop(ballast);
        let mut next = pin!(body.frame());
        assert!(next.as_mut().await.is_some(), "{direction:?}: there is room again");
        drop(body);
        assert_eq!(in_flight.held_bytes(), 0, "{direction:?}");
    }
}
