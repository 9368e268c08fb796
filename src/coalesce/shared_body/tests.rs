//! What must hold of a shared body, its writer and its readers.

use super::*;
use http_body::Body as _;
use http_body_util::BodyExt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake};

fn body(retained_bytes_max: u64) -> (SharedBodyWriter, SharedBody) {
    SharedBody::new(retained_bytes_max, &InFlight::new(1 << 30))
}

fn windowed(retained_bytes_max: u64, window_bytes: usize) -> (SharedBodyWriter, SharedBody) {
    SharedBody::with_window(retained_bytes_max, &InFlight::new(1 << 30), window_bytes)
}

impl SharedBody {
    fn held_bytes(&self) -> usize {
        self.shared.state().held
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Woken {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

async fn text(reader: &mut SharedBodyReader) -> String {
    let data = reader.frame().await.unwrap().unwrap().into_data().unwrap();
    String::from_utf8(data.to_vec()).unwrap()
}

/// All that a reader gets, and how it ends.
async fn all(mut reader: SharedBodyReader) -> (Vec<u8>, Result<Option<HeaderMap>, Truncated>) {
    let (mut bytes, mut trailers) = (Vec::new(), None);
    while let Some(frame) = reader.frame().await {
        match frame {
            Ok(frame) => match frame.into_data() {
                Ok(data) => bytes.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().ok(),
            },
            Err(error) => {
                assert!(reader.frame().await.is_none(), "nothing comes after an error");
                return (bytes, Err(*error.downcast::<Truncated>().unwrap()));
            }
        }
    }
    (bytes, Ok(trailers))
}

#[tokio::test]
async fn a_reader_gets_the_first_piece_before_the_body_ends() {
    let (mut writer, shared) = body(100);
    let mut early = shared.reader().unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Arc::clone(&woken).into();
    let mut context = Context::from_waker(&waker);
    assert!(pin!(early.frame()).poll(&mut context).is_pending());
    writer.push(Bytes::from_static(b"first")).await.unwrap();
    assert_eq!(woken.count(), 1);
    assert_eq!(text(&mut early).await, "first");
    let mut late = shared.reader().unwrap();
    assert_eq!(text(&mut late).await, "first");
    writer.finish(None);
    assert!(early.frame().await.is_none());
    assert!(late.frame().await.is_none());
}

#[tokio::test]
async fn readers_share_the_writers_bytes() {
    let (mut writer, shared) = body(100_000);
    let piece = Bytes::from(vec![7; 50_000]);
    writer.push(piece.clone()).await.unwrap();
    let read = shared.reader().unwrap().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(read.as_ptr(), piece.as_ptr());
    writer.finish(None);
    assert_eq!(shared.completed().unwrap()[0].as_ptr(), piece.as_ptr());
}

#[tokio::test]
async fn trailers_come_last() {
    let (mut writer, shared) = body(100);
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", "1".parse().unwrap());
    writer.push(Bytes::from_static(b"ab")).await.unwrap();
    let reader = shared.reader().unwrap();
    writer.finish(Some(trailers.clone()));
    assert_eq!(reader.size_hint().exact(), None, "an exact length would drop the trailers");
    let (bytes, end) = all(reader).await;
    assert_eq!((bytes.as_slice(), end.unwrap()), (b"ab".as_slice(), Some(trailers)));
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_to_every_reader_and_never_complete() {
    type Cut = fn(SharedBodyWriter);
    let cuts: [(&str, Cut, Option<&str>); 2] =
        [("dropped", drop, None), ("failed", |writer| writer.fail(io::Error::other("reset")), Some("reset"))];
    for (name, cut, expected) in cuts {
        let (mut writer, shared) = body(100);
        let readers: Vec<_> = (0..3).map(|_| tokio::spawn(all(shared.reader().unwrap()))).collect();
        writer.push(Bytes::from_static(b"piece")).await.unwrap();
        cut(writer);
        for reader in readers {
            let (bytes, end) = reader.await.unwrap();
            assert_eq!(bytes, b"piece", "{name}");
            let cause = end.unwrap_err().cause.map(|cause| cause.to_string());
            assert_eq!(cause.as_deref(), expected, "{name}");
        }
        assert!(shared.completed().is_none(), "{name}");
        assert!(shared.reader().is_none(), "{name}: a new reader would get a truncated body for certain");
    }
}

#[tokio::test]
async fn the_length_is_exact_where_it_is_known() {
    let (mut writer, shared) = body(100);
    let mut reader = shared.reader().unwrap();
    writer.push(Bytes::from_static(b"0123")).await.unwrap();
    assert_eq!((reader.size_hint().lower(), reader.size_hint().exact()), (4, None));
    writer.finish(None);
    assert_eq!((reader.size_hint().exact(), reader.is_end_stream()), (Some(4), false));
    assert_eq!(text(&mut reader).await, "0123");
    assert!(reader.is_end_stream());
    let (writer, empty) = body(100);
    writer.finish(None);
    assert!(empty.reader().unwrap().is_end_stream());
}

#[tokio::test]
async fn up_to_the_retained_size_the_writer_neither_waits_nor_needs_a_reader() {
    let (mut writer, shared) = windowed(1000, 10);
    let idle = shared.reader().unwrap();
    for _ in 0..10 {
        writer.push(Bytes::from(vec![1; 100])).await.unwrap();
    }
    drop(idle);
    assert_eq!(writer.retained(), Retention::Retained);
    writer.finish(None);
    assert_eq!(shared.completed().unwrap().concat().len(), 1000);
}

#[tokio::test]
async fn past_the_retained_size_the_writer_waits_for_the_slowest_reader() {
    let (mut writer, shared) = windowed(1000, 500);
    let (mut fast, mut slow) = (shared.reader().unwrap(), shared.reader().unwrap());
    let piece = || Bytes::from(vec![1; 400]);
    writer.push(piece()).await.unwrap();
    writer.push(piece()).await.unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Arc::clone(&woken).into();
    let mut context = Context::from_waker(&waker);
    {
        let mut third = pin!(writer.push(piece()));
        assert!(third.as_mut().poll(&mut context).is_pending());
        for _ in 0..3 {
            fast.frame().await.unwrap().unwrap();
        }
        assert_eq!(woken.count(), 0, "the slow reader has taken nothing");
        slow.frame().await.unwrap().unwrap();
        assert_eq!((shared.held_bytes(), woken.count()), (800, 0));
        slow.frame().await.unwrap().unwrap();
        assert_eq!((shared.held_bytes(), woken.count()), (400, 1));
        assert!(third.as_mut().poll(&mut context).is_ready());
    }
    assert_eq!(writer.retained(), Retention::Overrun);
    assert!(shared.reader().is_none(), "the beginning is gone");
    writer.finish(None);
    assert!(shared.completed().is_none());
    let (bytes, end) = all(slow).await;
    assert_eq!((bytes.len(), end.unwrap()), (400, None));
}

#[tokio::test]
async fn past_the_retained_size_a_slow_reader_that_leaves_frees_the_others() {
    let (mut writer, shared) = windowed(100, 100);
    let (fast, slow) = (shared.reader().unwrap(), shared.reader().unwrap());
    let reading = tokio::spawn(all(fast));
    let writing = tokio::spawn(async move {
        for _ in 0..50 {
            writer.push(Bytes::from(vec![1; 100])).await?;
        }
        writer.finish(None);
        Ok::<(), AllReadersGone>(())
    });
    drop(slow);
    writing.await.unwrap().unwrap();
    assert_eq!(reading.await.unwrap().0.len(), 5000);
}

#[tokio::test]
async fn past_the_retained_size_a_writer_without_readers_is_told_to_stop() {
    let (mut writer, shared) = windowed(100, 100);
    let reader = shared.reader().unwrap();
    {
        let waker = Arc::new(Woken::default());
        let std_waker = Arc::clone(&waker).into();
        let mut waiting = pin!(writer.push(Bytes::from(vec![1; 200])));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&std_waker)).is_pending());
        drop(reader);
        assert_eq!(waker.count(), 1);
        assert_eq!(waiting.await, Err(AllReadersGone));
    }
    assert_eq!(writer.push(Bytes::from_static(b"more")).await, Err(AllReadersGone));
    assert_eq!(shared.held_bytes(), 0);
}

#[tokio::test]
async fn tiny_pieces_are_joined_without_a_reader_noticing() {
    let (mut writer, shared) = body(100_000);
    let (mut halfway, late) = (shared.reader().unwrap(), shared.reader().unwrap());
    let sent: Vec<u8> = (0..50_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    let mut read = Vec::new();
    for (i, byte) in sent.iter().enumerate() {
        writer.push(Bytes::copy_from_slice(&[*byte])).await.unwrap();
        if i % 100 == 0 {
            read.extend_from_slice(&halfway.frame().await.unwrap().unwrap().into_data().unwrap());
        }
    }
    writer.finish(None);
    read.extend(all(halfway).await.0);
    assert!(read == sent);
    assert!(all(late).await.0 == sent);
    let complete = shared.completed().unwrap();
    assert!(complete.len() < 200, "{} pieces", complete.len());
    assert!(complete.concat() == sent);
}

/// Many small runs on several threads: a lost wake-up would leave a reader or the writer waiting for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_up_is_lost_between_threads() {
    for round in 0..200_usize {
        let retained_bytes_max = if round % 2 == 0 { 1_000_000 } else { 64 };
        let (mut writer, shared) = windowed(retained_bytes_max, 256);
        let readers: Vec<_> = (0..8)
            .map(|i| {
                let reader = shared.reader().unwrap();
                tokio::spawn(async move {
                    if i == 7 {
                        // One leaves early.
                        let mut reader = reader;
                        reader.frame().await.unwrap().unwrap();
                        return None;
                    }
                    Some(all(reader).await.0.len())
                })
            })
            .collect();
        for i in 0..100 {
            writer.push(Bytes::from(vec![1; 1 + (i * 7 + round) % 60])).await.unwrap();
        }
        let expected: usize = (0..100).map(|i| 1 + (i * 7 + round) % 60).sum();
        writer.finish(None);
        for reader in readers {
            assert!(reader.await.unwrap().is_none_or(|read| read == expected));
        }
        assert_eq!(shared.completed().is_some(), round % 2 == 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_readers_of_a_large_body_hold_no_more_than_the_window() {
    let (mut writer, shared) = windowed(10_000, 20_000);
    let readers: Vec<_> = (0..1000).map(|_| tokio::spawn(all(shared.reader().unwrap()))).collect();
    for _ in 0..100 {
        writer.push(Bytes::from(vec![1; 5000])).await.unwrap();
        assert!(shared.held_bytes() <= 20_000);
    }
    writer.finish(None);
    for reader in readers {
        assert_eq!(reader.await.unwrap().0.len(), 500_000);
    }
    assert_eq!(shared.held_bytes(), 0);
}

/// A body whose pieces are charged, as they are on their way from the origin.
fn charged(in_flight: &Arc<InFlight>) -> (SharedBodyWriter, SharedBody) {
    SharedBody::new(in_flight.retained_bytes_max(), in_flight)
}

async fn fill(writer: &mut SharedBodyWriter, in_flight: &Arc<InFlight>, pieces: usize) -> Result<(), AllReadersGone> {
    for _ in 0..pieces {
        writer.push(in_flight.hold(Bytes::from(vec![1; 10_000]))).await?;
    }
    Ok(())
}

fn is_cut_off(end: &Result<Option<HeaderMap>, Truncated>) -> bool {
    matches!(end, Err(Truncated { cause: Some(cause) }) if cause.is::<crate::in_flight::CutOff>())
}

#[tokio::test]
async fn over_the_bound_the_reader_furthest_behind_is_cut_off_and_the_body_under_way_is_kept() {
    let in_flight = InFlight::new(1_000_000);
    let mut done = Vec::new();
    for _ in 0..3 {
        let (mut writer, shared) = charged(&in_flight);
        let reader = shared.reader().unwrap();
        fill(&mut writer, &in_flight, 30).await.unwrap();
        writer.finish(None);
        drop(shared);
        done.push(reader);
    }
    let (mut writer, shared) = charged(&in_flight);
    fill(&mut writer, &in_flight, 30).await.unwrap();
    assert_eq!(writer.retained(), Retention::Retained, "who is slow elsewhere harms no body under way");
    assert!(in_flight.held_bytes() <= 1_000_000);
    let mut ends = Vec::new();
    for reader in done {
        ends.push(is_cut_off(&all(reader).await.1));
    }
    assert_eq!(ends, [true, false, false], "the one that has waited longest");
    writer.finish(None);
    drop(shared);
    assert_eq!(in_flight.held_bytes(), 0);
}

#[tokio::test]
async fn over_the_bound_with_nobody_behind_a_body_is_no_longer_kept_and_goes_on() {
    let in_flight = InFlight::new(1_000_000);
    let ballast = in_flight.charge(900_000);
    let (mut writer, shared) = charged(&in_flight);
    let reader = shared.reader().unwrap();
    let reading = tokio::spawn(all(reader));
    fill(&mut writer, &in_flight, 40).await.unwrap();
    assert_eq!(writer.retained(), Retention::NoRoom);
    assert!(shared.reader().is_none(), "its beginning is gone");
    writer.finish(None);
    let (bytes, end) = reading.await.unwrap();
    assert_eq!((bytes.len(), end.is_ok()), (400_000, true), "who keeps up gets all of it");
    drop((ballast, shared));
    assert_eq!(in_flight.held_bytes(), 0);
}

#[tokio::test]
async fn a_body_that_nobody_hands_on_keeps_what_is_yet_to_be_read_or_is_read_where_it_is_stored() {
    for stored in [false, true] {
        let in_flight = InFlight::new(1_000_000);
        let (mut writer, shared) = charged(&in_flight);
        let mut slow = shared.reader().unwrap();
        fill(&mut writer, &in_flight, 10).await.unwrap();
        writer.finish(None);
        let complete = shared.completed().unwrap().concat();
        assert_eq!(slow.frame().await.unwrap().unwrap().into_data().unwrap().len(), 10_000);
        let held = in_flight.held_bytes();
        shared.is_stored_as(stored.then(|| Bytes::from(complete)).as_ref());
        let late = shared.reader().expect("whoever was notified of it may still read it");
        assert_eq!(all(late).await.0.len(), 100_000);
        drop(shared);
        let left = in_flight.held_bytes();
        assert!(if stored { left == 0 } else { left == held / 10 * 9 }, "{left} of {held} bytes are left");
        let (bytes, end) = all(slow).await;
        assert_eq!((bytes.len(), end.is_ok()), (90_000, true));
        assert_eq!(in_flight.held_bytes(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_does_not_hold_the_others_of_a_large_body_for_long() {
    let (mut writer, shared) = windowed(100, 1000);
    let (stuck, alone) = (shared.reader().unwrap(), shared.reader().unwrap());
    let reading = tokio::spawn(all(alone));
    for _ in 0..50 {
        writer.push(Bytes::from(vec![1; 100])).await.unwrap();
    }
    writer.finish(None);
    assert_eq!(reading.await.unwrap().0.len(), 5000);
    assert!(is_cut_off(&all(stuck).await.1));
}

#[tokio::test]
async fn a_reader_that_has_a_small_buffer_to_take_is_not_cut_off_for_want_of_room() {
    let in_flight = InFlight::new(1_000_000);
    let (mut writer, shared) = charged(&in_flight);
    let reader = shared.reader().unwrap();
    fill(&mut writer, &in_flight, 3).await.unwrap();
    writer.finish(None);
    drop(shared);
    let _ballast = in_flight.charge(2_000_000);
    assert_eq!(in_flight.room(), Room::Taken);
    let (bytes, end) = all(reader).await;
    assert_eq!((bytes.len(), end.is_ok()), (30_000, true));
}
