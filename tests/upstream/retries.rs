//! Which connections are used, and what is tried again: RFC 9110 section 9.2.2.

use crate::busy_origin::{BusyOrigin, Keeps, OK};
use crate::raw_origin::*;
use http::Method;
use larder::testing::semantics::Reason;
use larder::testing::upstream::ServerState;

#[tokio::test]
async fn a_connection_is_used_again_once_its_response_has_ended() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let script = async {
        let mut peer = origin.accept().await;
        peer.answer().await;
        peer.answer().await;
        peer
    };
    let client = async {
        for _ in 0..2 {
            let response = fetch(&pool, get()).await.unwrap();
            let at_work = (stats(&pool).connections_active, stats(&pool).connections_idle);
            assert_eq!(at_work, (1, 0), "the response has not been read");
            assert_eq!(body(response).await.unwrap(), "ok");
            idle(&pool).await;
            assert_eq!(stats(&pool).connections_active, 0);
        }
    };
    let _open = tokio::join!(script, client);
    assert_eq!((stats(&pool).connections_opened, stats(&pool).connections_reused), (1, 1));
}

#[tokio::test]
async fn a_connection_that_its_origin_closes_while_it_waits_is_forgotten_without_a_request() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    for closed_by_a_message in [false, true] {
        let script = async {
            let mut peer = origin.accept().await;
            peer.answer().await;
            peer
        };
        let (mut peer, response) = tokio::join!(script, fetch(&pool, get()));
        assert_eq!(body(response.unwrap()).await.unwrap(), "ok");
        idle(&pool).await;
        if closed_by_a_message {
            peer.write("HTTP/1.1 408 Request Timeout\r\n\r\n").await;
        } else {
            drop(peer);
        }
        until(|| stats(&pool).connections_idle == 0 && stats(&pool).connections_active == 0).await;
    }
}

#[tokio::test]
async fn a_connection_whose_response_was_not_read_to_its_end_is_closed() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let script = async {
        let mut peer = origin.accept().await;
        peer.head().await;
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nbeginning").await;
        assert_eq!(peer.rest().await, "");
    };
    let client = async {
        drop(fetch(&pool, get()).await.unwrap());
    };
    tokio::join!(script, client);
    assert_eq!(stats(&pool).connections_idle, 0);
    until(|| stats(&pool).connections_active == 0).await;
}

#[tokio::test]
async fn a_used_connection_that_closes_unanswered_is_replaced_where_the_method_allows() {
    let rows = [
        (Method::GET, ""),
        (Method::HEAD, ""),
        (Method::OPTIONS, ""),
        (Method::PUT, ""),
        (Method::DELETE, ""),
        (Method::PUT, "body"),
        (Method::DELETE, "body"),
        (Method::GET, "body"),
    ];
    for (method, content) in rows {
        let origin = RawOrigin::start().await;
        let pool = pool(&[origin.url()]);
        let script = async {
            let mut peer = origin.accept().await;
            peer.answer().await;
            peer.head().await;
            peer.read_until(content).await;
            drop(peer);
            let mut peer = origin.accept().await;
            peer.head().await;
            peer.read_until(content).await;
            peer.write("HTTP/1.1 204 No Content\r\n\r\n").await;
        };
        let client = async {
            body(fetch(&pool, get()).await.unwrap()).await.unwrap();
            idle(&pool).await;
            fetch(&pool, request(&method, &[], text(content))).await.unwrap().status().as_u16()
        };
        let ((), status) = tokio::join!(script, client);
        assert_eq!(status, 204, "{method} with {content:?}");
        assert_eq!(stats(&pool).connections_opened, 2, "{method} with {content:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_repeated_does_not_use_a_connection_that_may_be_closing() {
    let large: &'static str = "x".repeat(100_000).leak();
    let rows = [
        (Method::POST, ""),
        (Method::POST, "body"),
        (Method::PATCH, ""),
        (Method::PUT, large),
        (Method::from_bytes(b"BREW").unwrap(), ""),
    ];
    for (method, content) in rows {
        let origin = RawOrigin::start().await;
        let pool = pool(&[origin.url()]);
        let script = async {
            let mut first = origin.accept().await;
            first.answer().await;
            let mut second = origin.accept().await;
            second.head().await;
            second.read_until(content).await;
            second.write("HTTP/1.1 204 No Content\r\n\r\n").await;
        };
        let client = async {
            body(fetch(&pool, get()).await.unwrap()).await.unwrap();
            idle(&pool).await;
            fetch(&pool, request(&method, &[], text(content))).await.unwrap().status().as_u16()
        };
        let ((), status) = tokio::join!(script, client);
        assert_eq!(status, 204, "{method} with {} bytes", content.len());
    }
}

#[tokio::test]
async fn a_new_connection_that_closes_unanswered_is_an_error() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let script = async {
        let mut peer = origin.accept().await;
        peer.head().await;
    };
    let ((), answer) = tokio::join!(script, fetch(&pool, get()));
    assert_eq!(answer.unwrap_err().reason(), Reason::UpstreamClosed);
    assert_eq!(stats(&pool).connections_opened, 1);
}

#[tokio::test]
async fn where_a_server_refuses_the_next_one_is_asked_whatever_the_method() {
    let (_bound, refusing) = refusing_port();
    let origin = BusyOrigin::start(OK, Keeps::Open).await;
    let pool = pool(&[&refusing, origin.url()]);
    for _ in 0..20 {
        let response = fetch(&pool, request(&Method::POST, &[], text("body"))).await.unwrap();
        assert_eq!(body(response).await.unwrap(), "ok");
    }
    let stats = pool.stats();
    assert_eq!((stats[0].state, stats[1].state), (ServerState::Down, ServerState::Up));
    let refused = stats[0].results.iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!(refused, 5, "a server that takes no connections is left out");
}

#[tokio::test]
async fn a_server_may_be_given_by_a_name_of_which_one_address_takes_connections() {
    let (origin, other) = (BusyOrigin::start(OK, Keeps::Open).await, BusyOrigin::start(OK, Keeps::Open).await);
    let named = origin.url().replace("127.0.0.1", "localhost");
    let pool = pool(&[&named, other.url()]);
    for _ in 0..20 {
        assert_eq!(body(fetch(&pool, get()).await.unwrap()).await.unwrap(), "ok");
    }
    assert!(origin.requests() > 5 && other.requests() > 5, "both take their turns");
    let stats = pool.stats();
    assert_eq!(format!("http://{}", stats[0].server), named, "it is called as it is configured");
    assert_eq!((stats[0].state, stats[1].state), (ServerState::Up, ServerState::Up));
}

#[tokio::test]
async fn a_name_that_has_no_address_is_a_server_that_takes_no_connection() {
    let origin = BusyOrigin::start(OK, Keeps::Open).await;
    let nowhere = "http://nowhere.invalid:80";
    let alone = pool(&[nowhere]);
    assert_eq!(fetch(&alone, get()).await.unwrap_err().reason(), Reason::UpstreamConnect);
    assert_eq!(stats(&alone).state, ServerState::Down);
    let pool = pool(&[nowhere, origin.url()]);
    for _ in 0..4 {
        let response = fetch(&pool, request(&Method::POST, &[], text("body"))).await.unwrap();
        assert_eq!(body(response).await.unwrap(), "ok");
    }
    assert_eq!(
        pool.stats().iter().map(|server| server.state).collect::<Vec<_>>(),
        [ServerState::Down, ServerState::Up]
    );
}

#[tokio::test]
async fn where_every_server_refuses_the_request_fails() {
    let (_first, first) = refusing_port();
    let (_second, second) = refusing_port();
    for servers in [&[first.as_str()][..], &[&first, &second]] {
        let pool = pool(servers);
        for _ in 0..5 {
            let error = fetch(&pool, get()).await.unwrap_err();
            assert_eq!(error.reason(), Reason::UpstreamConnect);
            let cause = error.cause.unwrap();
            let beneath = cause.source().unwrap().downcast_ref::<std::io::Error>().unwrap();
            assert_eq!(beneath.kind(), std::io::ErrorKind::ConnectionRefused);
        }
    }
}

#[tokio::test]
async fn no_more_unused_connections_are_kept_than_allowed() {
    let origin = RawOrigin::start().await;
    let mut options = options(&[origin.url()]);
    options.idle_connections_max = 1;
    let pool = running(options);
    let script = async {
        let (mut first, mut second) = (origin.accept().await, origin.accept().await);
        tokio::join!(first.answer(), second.answer());
        // One of both is closed, and nothing else is ever sent on the other.
        tokio::select! {
            rest = first.rest() => assert_eq!(rest, ""),
            rest = second.rest() => assert_eq!(rest, ""),
        }
    };
    let client = async {
        let (first, second) = tokio::join!(fetch(&pool, get()), fetch(&pool, get()));
        let (first, second) = tokio::join!(body(first.unwrap()), body(second.unwrap()));
        assert_eq!((first.unwrap().as_str(), second.unwrap().as_str()), ("ok", "ok"));
    };
    tokio::join!(script, client);
    assert_eq!(stats(&pool).connections_idle, 1);
}
