//! What goes wrong, and what it is called.

use crate::raw_origin::*;
use http::Method;
use http_body_util::BodyExt;
use larder::semantics::reason::Reason;
use larder::upstream::UpstreamPool;
use larder::upstream::response_body::ResponseBodyError;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn what_is_no_http_response_is_invalid() {
    let rows = [
        ("no status line", "nonsense\r\n\r\n"),
        ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n"),
        ("no status", "HTTP/1.1 OK\r\n\r\n"),
        ("a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"),
        ("a field without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"),
        ("space before the colon", "HTTP/1.1 200 OK\r\nx : y\r\n\r\n"),
        ("a folded line", "HTTP/1.1 200 OK\r\nx: y\r\n z\r\n\r\n"),
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12"),
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
        assert_eq!(failed.unwrap_err().reason, Reason::UpstreamInvalid, "{name}");
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

fn impatient(origin: &RawOrigin) -> Arc<UpstreamPool> {
    let mut options = options(&[origin.url()]);
    options.read_timeout = Duration::from_millis(50);
    UpstreamPool::new(options).unwrap()
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
        assert_eq!(failed.unwrap_err().reason, Reason::UpstreamTimeout, "{method}");
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
    assert_eq!(failed.unwrap_err().reason, Reason::ClientBody);
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
    assert_eq!(failed.unwrap_err().reason, Reason::ClientBody);
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
