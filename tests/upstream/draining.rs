//! A server that is drained is sent nothing new, and ends what it has under way.

use crate::busy_origin::{BusyOrigin, Keeps, OK};
use crate::raw_origin::*;
use larder::testing::semantics::Reason;
use larder::testing::upstream::{Drain, NotDrained};

#[tokio::test]
async fn what_is_under_way_ends_and_nothing_new_is_sent() {
    let (raw, busy) = (RawOrigin::start().await, BusyOrigin::start(OK, Keeps::Open).await);
    let pool = pool(&[raw.url(), busy.url()]);
    let name = raw.url().trim_start_matches("http://").to_owned();
    let script = async {
        let mut peer = raw.accept().await;
        peer.head().await;
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbe").await;
        peer
    };
    let begun = async {
        loop {
            let response = fetch(&pool, get()).await.unwrap();
            if response.headers()["content-length"] == "5" {
                return response;
            }
            body(response).await.unwrap();
        }
    };
    let (mut peer, begun) = tokio::join!(script, begun);
    pool.drain(&name, Drain::Out).unwrap();
    let before = busy.requests();
    for _ in 0..10 {
        assert_eq!(body(fetch(&pool, get()).await.unwrap()).await.unwrap(), "ok");
    }
    assert_eq!(busy.requests() - before, 10);
    peer.write("gun").await;
    assert_eq!(body(begun).await.unwrap(), "begun");
    pool.drain(&name, Drain::In).unwrap();
    let script = async {
        peer.head().await;
        peer.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    };
    let client = async { while fetch(&pool, get()).await.unwrap().status() != 204 {} };
    tokio::join!(script, client);
}

#[tokio::test]
async fn nobody_is_asked_where_the_last_one_is_drained_by_force() {
    let origin = BusyOrigin::start(OK, Keeps::Open).await;
    let pool = pool(&[origin.url()]);
    let name = origin.url().trim_start_matches("http://").to_owned();
    assert_eq!(pool.drain(&name, Drain::Out), Err(NotDrained::Last));
    assert_eq!(pool.drain("api:80", Drain::Out), Err(NotDrained::NoServer));
    assert_eq!(body(fetch(&pool, get()).await.unwrap()).await.unwrap(), "ok");
    pool.drain(&name, Drain::OutAnyhow).unwrap();
    assert_eq!(fetch(&pool, get()).await.unwrap_err().reason(), Reason::UpstreamNoServer);
    assert_eq!(origin.requests(), 1);
    pool.drain(&name, Drain::In).unwrap();
    assert_eq!(body(fetch(&pool, get()).await.unwrap()).await.unwrap(), "ok");
}
