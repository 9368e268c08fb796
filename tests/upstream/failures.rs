//! What goes wrong, and what it is called.

use crate::raw_origin::*;
use http::Method;
use http_body_util::BodyExt;
use larder::testing::semantics::Reason;
use larder::testing::upstream::{ResponseBodyError, UpstreamOptions, UpstreamPool};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn what_is_no_http_response_is_invalid() {
    let rows = [
        ("no status line", "nonsense\r\n\r\n"),
        ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n"),
        ("no status", "HTTP/1.1 OK\r\n\r\n"),
        ("a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"),
        ("a field without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"),
        ("a folded line without a field", "HTTP/1.1 200 OK\r\n z\r\nx: y\r\n\r\n"),
        ("space in a name", "HTTP/1.1 200 OK\r\nx y: z\r\n\r\n"),
        ("no name", "HTTP/1.1 200 OK\r\n: z\r\n\r\n"),
        ("a bare CR in a value", "HTTP/1.1 200 OK\r\nx: y\rz\r\n\r\n"),
        ("a NUL in a value", "HTTP/1.1 200 OK\r\nx: y\0z\r\n\r\n"),
        ("a NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"),
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12"),
        ("two lengths in one line", "HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\n12"),
        ("a length and nothing", "HTTP/1.1 200 OK\r\ncontent-length: 2,\r\n\r\n12"),
        ("a signed length", "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n12"),
        ("a coding before chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n12\r\n0\r\n\r\n"),
        ("a coding of its own", "HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n2\r\n12\r\n0\r\n\r\n"),
        ("chunked twice", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        (
            "chunked on two lines",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("a coding and a length", "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\ncontent-length: 2\r\n\r\n12"),
        ("chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n12\r\n0\r\n\r\n"),
        ("a length that is no number", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n12"),
        ("protocols switched unasked", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    ];
    for (name, answer) in rows {
        let origin = RawOrigin::start().await;
        let pool = pool(&[origin.url()]);
        let script = async {
            let mut peer = origin.accept().await;
            peer.head().await;
            peer.write(answer).await;
            peer.rest().await;
        };
        let ((), failed) = tokio::join!(script, async { fetch(&pool, get()).await.map(drop) });
        assert_eq!(failed.unwrap_err().reason(), Reason::UpstreamInvalid, "{name}");
    }
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_and_its_connection_is_not_kept() {
    let rows = [
        ("shorter than its length", "content-length: 10\r\n\r\n12345"),
        ("without its last chunk", "transfer-encoding: chunked\r\n\r\n5\r\n12345\r\n"),
        ("within a chunk", "transfer-encoding: chunked\r\n\r\n5\r\n123"),
        ("a chunk size that is no number", "transfer-encoding: chunked\r\n\r\nxyz\r\n12345\r\n0\r\n\r\n"),
        ("a chunk longer than its size", "transfer-encoding: chunked\r\n\r\n3\r\n12345\r\n0\r\n\r\n"),
    ];
    for (name, answer) in rows {
        let origin = RawOrigin::start().await;
        let pool = pool(&[origin.url()]);
        let script = async {
            let mut peer = origin.accept().await;
            peer.head().await;
            peer.write("HTTP/1.1 200 OK\r\n").await;
            peer.write(answer).await;
        };
        let client = async {
            let response = fetch(&pool, get()).await.unwrap();
            body(response).await.unwrap_err().downcast::<ResponseBodyError>().unwrap()
        };
        let ((), error) = tokio::join!(script, client);
        assert!(matches!(*error, ResponseBodyError::Broken(_)), "{name}: {error:?}");
        assert_eq!(stats(&pool).connections_idle, 0, "{name}");
    }
}

#[tokio::test]
async fn a_head_beyond_the_limits_is_refused_by_a_reason_of_its_own() {
    let fields = |count: usize| "x: y\r\n".repeat(count);
    let long = |bytes: usize| format!("x: {}\r\n", "y".repeat(bytes));
    let rows = [
        (fields(256), Ok(())),
        (fields(257), Err(Reason::UpstreamHeadTooLarge)),
        (long(200 * 1024), Ok(())),
        (long(300 * 1024), Err(Reason::UpstreamHeadTooLarge)),
        (long(3000 * 1024), Err(Reason::UpstreamHeadTooLarge)),
    ];
    for (lines, expected) in rows {
        let origin = RawOrigin::start().await;
        let pool = pool(&[origin.url()]);
        let script = async {
            let mut peer = origin.accept().await;
            peer.head().await;
            // It may be cut off before it has written all of that.
            let head = format!("HTTP/1.1 204 No Content\r\n{lines}\r\n");
            let _ = within(peer.stream.write_all(head.as_bytes())).await;
            peer
        };
        let (_open, answer) = tokio::join!(script, async { fetch(&pool, get()).await.map(drop) });
        assert_eq!(answer.map_err(|error| error.reason()), expected, "{} bytes", lines.len());
    }
}

#[tokio::test]
async fn the_limits_of_a_head_are_the_operators() {
    let origin = RawOrigin::start().await;
    let options = UpstreamOptions { response_fields_max: 2000, ..options(&[origin.url()]) };
    let pool = running(options);
    let script = async {
        let mut peer = origin.accept().await;
        peer.head().await;
        peer.write(&format!("HTTP/1.1 204 No Content\r\n{}\r\n", "x: y\r\n".repeat(2000))).await;
    };
    let ((), answer) = tokio::join!(script, fetch(&pool, get()));
    assert_eq!(answer.unwrap().headers().len(), 2000);
}

#[tokio::test]
async fn a_flood_of_interim_responses_ends_with_an_error() {
    for method in [Method::GET, Method::POST] {
        let origin = RawOrigin::start().await;
        let pool = impatient(&origin);
        let script = async {
            let mut peer = origin.accept().await;
            peer.head().await;
            let processing = "HTTP/1.1 102 Processing\r\n\r\n".repeat(100);
            while within(peer.stream.write_all(processing.as_bytes())).await.is_ok() {}
        };
        let content = if method == Method::GET { empty() } else { text("body") };
        let ((), failed) = tokio::join!(script, fetch(&pool, request(&method, &[], content)));
        let reason = failed.unwrap_err().reason();
        // Where nobody listens for them, they are no sign of life either.
        assert!(matches!(reason, Reason::UpstreamInvalid | Reason::UpstreamTimeout), "{method}: {reason}");
    }
}

fn impatient(origin: &RawOrigin) -> Arc<UpstreamPool> {
    let mut options = options(&[origin.url()]);
    options.read_timeout = Duration::from_millis(50);
    running(options)
}

#[tokio::test]
async fn a_server_that_never_answers_times_out() {
    for method in [Method::GET, Method::POST] {
        let origin = RawOrigin::start().await;
        let pool = impatient(&origin);
        let script = async {
            let mut peer = origin.accept().await;
            peer.head().await;
            peer.rest().await;
        };
        let ((), failed) = tokio::join!(script, fetch(&pool, request(&method, &[], text("body"))));
        assert_eq!(failed.unwrap_err().reason(), Reason::UpstreamTimeout, "{method}");
        assert_eq!(stats(&pool).connections_opened, 1, "{method}: a timeout is not tried again");
    }
}

#[tokio::test]
async fn a_client_that_stops_sending_its_body_is_to_blame_itself() {
    let origin = RawOrigin::start().await;
    let pool = impatient(&origin);
    let (feed, upload) = fed_body();
    let script = async {
        let mut peer = origin.accept().await;
        peer.read_until("beginning").await;
        peer.rest().await;
    };
    let client = async {
        feed.send(Ok(data("beginning"))).await.unwrap();
        fetch(&pool, request(&Method::POST, &[], upload)).await
    };
    let ((), failed) = tokio::join!(script, client);
    assert_eq!(failed.unwrap_err().reason(), Reason::ClientBody);
}

#[tokio::test]
async fn a_body_that_stops_is_an_error() {
    let origin = RawOrigin::start().await;
    let pool = impatient(&origin);
    let script = async {
        let mut peer = origin.accept().await;
        peer.head().await;
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345").await;
        peer.rest().await;
    };
    let client = async {
        let mut body = fetch(&pool, get()).await.unwrap().into_body();
        let first = within(body.frame()).await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "12345");
        let error = within(body.frame()).await.unwrap().unwrap_err();
        assert!(within(body.frame()).await.is_none(), "nothing comes after an error");
        error.downcast::<ResponseBodyError>().unwrap()
    };
    let ((), error) = tokio::join!(script, client);
    assert!(matches!(*error, ResponseBodyError::Silent(_)), "{error:?}");
}

#[tokio::test]
async fn a_client_body_that_fails_is_cut_short_at_the_origin_too() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let (feed, upload) = fed_body();
    let script = async {
        let mut peer = origin.accept().await;
        peer.read_until("half").await;
        feed.send(Err("reset".into())).await.unwrap();
        peer.rest().await
    };
    let client = async {
        feed.send(Ok(data("half"))).await.unwrap();
        fetch(&pool, request(&Method::POST, &[], upload)).await
    };
    let (seen, failed) = tokio::join!(script, client);
    assert_eq!(failed.unwrap_err().reason(), Reason::ClientBody);
    assert!(!seen.contains("0\r\n\r\n"), "the origin must not take {seen:?} for the whole");
}

#[tokio::test]
async fn a_fetch_that_is_given_up_closes_its_connection() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let fetching = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { fetch(&pool, get()).await.map(drop) }
    });
    let mut peer = origin.accept().await;
    peer.head().await;
    fetching.abort();
    assert_eq!(peer.rest().await, "");
}
