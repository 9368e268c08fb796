//! Bodies stream in both directions, each at the pace of its reader.

use crate::raw_origin::*;
use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn the_first_bytes_arrive_before_the_body_ends_in_both_directions() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let (feed, upload) = fed_body();
    let script = async {
        let mut peer = origin.accept().await;
        peer.read_until("first").await;
        peer.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
        peer.read_until("second").await;
        peer.read_until("0\r\n\r\n").await;
        peer.write("3\r\ntwo\r\n0\r\n\r\n").await;
        peer
    };
    let client = async {
        feed.send(Ok(data("first"))).await.unwrap();
        let response = fetch(&pool, request(&Method::POST, &[], upload)).await.unwrap();
        let mut body = response.into_body();
        assert_eq!(within(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "one");
        feed.send(Ok(data("second"))).await.unwrap();
        drop(feed);
        assert_eq!(within(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "two");
        assert!(within(body.frame()).await.is_none());
    };
    let _open = tokio::join!(script, client);
    idle(&pool).await;
}

#[tokio::test]
async fn trailers_are_kept_in_both_directions() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", "1".parse().unwrap());
    let content = frames(vec![Ok(data("body")), Ok(Frame::trailers(trailers))]);
    let script = async {
        let mut peer = origin.accept().await;
        let sent = peer.read_until("checksum: 1\r\n\r\n").await;
        peer.write("HTTP/1.1 200 OK\r\ntrailer: sum\r\ntransfer-encoding: chunked\r\n\r\n").await;
        peer.write("4\r\nbody\r\n0\r\nsum: 2\r\nsum: 3\r\n\r\n").await;
        (sent, peer)
    };
    let client = async {
        let response = fetch(&pool, request(&Method::POST, &[("trailer", "checksum")], content)).await.unwrap();
        assert_eq!(response.headers()["trailer"], "sum");
        within(response.into_body().collect()).await.unwrap()
    };
    let ((sent, _open), received) = tokio::join!(script, client);
    assert!(sent.ends_with("4\r\nbody\r\n0\r\nchecksum: 1\r\n\r\n"), "{sent}");
    let sums: Vec<_> = received.trailers().unwrap().get_all("sum").iter().cloned().collect();
    assert_eq!(sums, ["2", "3"]);
    idle(&pool).await;
}

/// A body that counts how often it is asked for data.
fn watched(content: &'static str) -> (Arc<AtomicUsize>, larder::testing::engine::Body) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let mut rest = Some(content);
    let stream = futures_util::stream::poll_fn(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(rest.take().map(|content| Ok(data(content))))
    });
    (asked, StreamBody::new(stream).boxed_unsync())
}

const EXPECTING: [(&str, &str); 2] = [("expect", "100-continue"), ("content-length", "4")];

#[tokio::test]
async fn a_body_that_waits_for_100_is_asked_for_when_it_comes() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let (asked, content) = watched("body");
    let script = async {
        let mut peer = origin.accept().await;
        let head = peer.head().await;
        assert!(head.contains("expect: 100-continue\r\n"), "{head}");
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        peer.write("HTTP/1.1 100 Continue\r\n\r\n").await;
        peer.read_until("body").await;
        peer.write("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await;
        peer
    };
    let (_open, response) = tokio::join!(script, fetch(&pool, request(&Method::POST, &EXPECTING, content)));
    assert_eq!(response.unwrap().status(), 201);
    idle(&pool).await;
}

#[tokio::test]
async fn a_body_that_waits_for_100_is_never_asked_for_where_the_final_answer_comes_instead() {
    for (length, content) in [("0", ""), ("3", "why")] {
        let origin = RawOrigin::start().await;
        let pool = pool(&[origin.url()]);
        let (asked, upload) = watched("body");
        let script = async {
            let mut peer = origin.accept().await;
            peer.head().await;
            peer.write(&format!("HTTP/1.1 417 No\r\ncontent-length: {length}\r\n\r\n{content}")).await;
            peer.rest().await
        };
        let client = async {
            let response = fetch(&pool, request(&Method::POST, &EXPECTING, upload)).await.unwrap();
            assert_eq!(response.status(), 417);
            assert_eq!(body(response).await.unwrap(), content);
        };
        let (rest, ()) = tokio::join!(script, client);
        assert_eq!((rest.as_str(), asked.load(Ordering::SeqCst)), ("", 0), "and the connection is closed");
        assert_eq!(stats(&pool).connections_idle, 0);
    }
}

#[tokio::test]
async fn a_body_that_waits_for_100_is_sent_in_the_end_to_an_origin_that_does_not_know_it() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let (_, content) = watched("body");
    let script = async {
        let mut peer = origin.accept().await;
        peer.head().await;
        peer.read_until("body").await;
        peer.write("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await;
    };
    let ((), response) = tokio::join!(script, fetch(&pool, request(&Method::POST, &EXPECTING, content)));
    assert_eq!(response.unwrap().status(), 201);
}

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_response_larger_than_any_buffer_comes_at_the_pace_of_its_reader() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let total = 96 * MIB;
    let written = Arc::new(AtomicUsize::new(0));
    let script = tokio::spawn({
        let written = Arc::clone(&written);
        async move {
            let mut peer = origin.accept().await;
            peer.head().await;
            peer.write(&format!("HTTP/1.1 200 OK\r\ncontent-length: {total}\r\n\r\n")).await;
            let piece = vec![b'x'; 64 * 1024];
            for _ in 0..total / piece.len() {
                within(peer.stream.write_all(&piece)).await.unwrap();
                written.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
    });
    let mut response = fetch(&pool, get()).await.unwrap().into_body();
    let mut read = 0;
    while let Some(frame) = within(response.frame()).await {
        read += frame.unwrap().into_data().unwrap().len();
        let ahead = written.load(Ordering::SeqCst).saturating_sub(read);
        assert!(ahead < 32 * MIB, "{ahead} bytes are held between origin and reader");
        // Far slower than the origin.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(read, total);
    script.await.unwrap();
}

#[tokio::test]
async fn a_request_body_comes_at_the_pace_of_the_origin() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let produced = Arc::new(AtomicUsize::new(0));
    let total = 96 * MIB;
    let upload = {
        let produced = Arc::clone(&produced);
        let piece = Bytes::from(vec![b'x'; 64 * 1024]);
        let mut left = total / piece.len();
        let stream = futures_util::stream::poll_fn(move |_| {
            let Some(after) = left.checked_sub(1) else { return Poll::Ready(None) };
            left = after;
            produced.fetch_add(piece.len(), Ordering::SeqCst);
            Poll::Ready(Some(Ok(Frame::data(piece.clone()))))
        });
        StreamBody::new(stream).boxed_unsync()
    };
    let length = total.to_string();
    let script = async {
        let mut peer = origin.accept().await;
        peer.head().await;
        let mut buffer = vec![0; 64 * 1024];
        let mut read = peer.leftover();
        while read < total {
            read += within(tokio::io::AsyncReadExt::read(&mut peer.stream, &mut buffer)).await.unwrap();
            let ahead = produced.load(Ordering::SeqCst).saturating_sub(read);
            assert!(ahead < 32 * MIB, "{ahead} bytes are held between client and origin");
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
        peer.write("HTTP/1.1 204 No Content\r\n\r\n").await;
        let _ = peer.stream.flush().await;
    };
    let fetching = fetch(&pool, request(&Method::POST, &[("content-length", &length)], upload));
    let ((), response) = tokio::join!(script, fetching);
    assert_eq!(response.unwrap().status(), 204);
}
