//! Who is asked: weights, the fewest requests under way, keys.

use crate::busy_origin::{BusyOrigin, Does, Keeps, OK};
use crate::raw_origin::*;
use larder::testing::engine::Terms;
use larder::testing::key::{KeyBuilder, KeyPart, PrimaryKey};
use larder::testing::upstream::{Balancing, UpstreamOptions, UpstreamPool};
use std::sync::Arc;

async fn origins(does: &[Does]) -> Vec<BusyOrigin> {
    let mut origins = Vec::new();
    for does in does {
        origins.push(BusyOrigin::start(*does, Keeps::Open).await);
    }
    origins
}

/// A pool of these, with these weights.
fn pool_of(origins: &[BusyOrigin], weights: &[u16], balancing: Balancing) -> Arc<UpstreamPool> {
    let urls: Vec<_> = origins.iter().map(BusyOrigin::url).collect();
    let mut options = UpstreamOptions { balancing, ..options(&urls) };
    for (server, weight) in options.servers.iter_mut().zip(weights) {
        server.weight = *weight;
    }
    running(options)
}

fn requests(origins: &[BusyOrigin]) -> Vec<usize> {
    origins.iter().map(BusyOrigin::requests).collect()
}

fn keyed(path: &str) -> http::Request<larder::testing::engine::Body> {
    let mut request = get();
    let key: PrimaryKey = {
        let mut key = KeyBuilder::default();
        key.part(KeyPart::Path, path.as_bytes());
        key.finish()
    };
    request.extensions_mut().insert(Terms { key: Some(key), ..Terms::default() });
    request
}

#[tokio::test]
async fn requests_are_spread_by_weight_whoever_counts_them() {
    for balancing in [Balancing::RoundRobin, Balancing::LeastRequests] {
        let origins = origins(&[OK, OK, OK]).await;
        let pool = pool_of(&origins, &[3, 2, 1], balancing);
        for _ in 0..60 {
            assert_eq!(body(fetch(&pool, get()).await.unwrap()).await.unwrap(), "ok");
        }
        assert_eq!(requests(&origins), [30, 20, 10], "{balancing:?}");
    }
}

#[tokio::test]
async fn the_turns_of_a_server_that_is_out_are_shared_by_weight() {
    let bad = Does::Answer("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
    let origins = origins(&[bad, OK, OK]).await;
    let pool = pool_of(&origins, &[5, 3, 1], Balancing::RoundRobin);
    for _ in 0..80 {
        assert_eq!(fetch(&pool, get()).await.unwrap().status(), 200);
    }
    let found = requests(&origins);
    assert_eq!(found[0], 5, "so many failures take it out");
    assert!(found[1] + found[2] == 80 && (18..=22).contains(&found[2]), "{found:?}");
}

/// A response of which the end does not come.
const ENDLESS: Does = Does::Answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok");

/// Which of two has been asked, and which has not.
fn first_asked(origins: &[BusyOrigin]) -> (&BusyOrigin, &BusyOrigin) {
    if origins[0].requests() > 0 { (&origins[0], &origins[1]) } else { (&origins[1], &origins[0]) }
}

#[tokio::test]
async fn a_slow_server_keeps_others_away_where_the_fewest_count() {
    let origins = origins(&[Does::Hang, Does::Hang]).await;
    let pool = pool_of(&origins, &[1, 1], Balancing::LeastRequests);
    let waiting = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { fetch(&pool, get()).await.map(drop).is_ok() }
    });
    until(|| origins[0].requests() + origins[1].requests() == 1).await;
    let (slow, other) = first_asked(&origins);
    other.now_does(OK);
    for _ in 0..20 {
        assert_eq!(body(fetch(&pool, get()).await.unwrap()).await.unwrap(), "ok");
    }
    waiting.abort();
    assert_eq!((slow.requests(), other.requests()), (1, 20));
}

#[tokio::test]
async fn an_answer_that_is_still_read_counts_and_one_that_was_given_up_does_not() {
    let origins = origins(&[ENDLESS, ENDLESS]).await;
    let pool = pool_of(&origins, &[1, 1], Balancing::LeastRequests);
    let unread = fetch(&pool, get()).await.unwrap();
    let (busy, other) = first_asked(&origins);
    other.now_does(OK);
    for _ in 0..6 {
        assert_eq!(body(fetch(&pool, get()).await.unwrap()).await.unwrap(), "ok");
    }
    assert_eq!((busy.requests(), other.requests()), (1, 6));
    drop(unread);
    busy.now_does(OK);
    for _ in 0..8 {
        assert_eq!(body(fetch(&pool, get()).await.unwrap()).await.unwrap(), "ok");
    }
    assert_eq!((busy.requests(), other.requests()), (5, 10), "both take turns again");
}

#[tokio::test]
async fn a_key_is_asked_of_one_server_and_goes_to_another_only_while_that_is_out() {
    let origins = origins(&[OK, OK, OK]).await;
    let pool = pool_of(&origins, &[1, 1, 1], Balancing::Consistent);
    for path in 0..30 {
        let before = requests(&origins);
        for _ in 0..4 {
            let answer = fetch(&pool, keyed(&format!("/{path}"))).await.unwrap();
            assert_eq!(body(answer).await.unwrap(), "ok");
        }
        let after = requests(&origins);
        let moved: Vec<_> = before.iter().zip(&after).map(|(before, after)| after - before).collect();
        assert!(moved.contains(&4), "/{path}: {moved:?}");
    }
    assert!(requests(&origins).iter().all(|count| *count >= 12), "{:?}", requests(&origins));
}

#[tokio::test]
async fn a_request_without_a_key_is_spread_by_its_url() {
    let origins = origins(&[OK, OK, OK]).await;
    let pool = pool_of(&origins, &[1, 1, 1], Balancing::Consistent);
    for path in 0..30 {
        for _ in 0..3 {
            let mut request = get();
            *request.uri_mut() = format!("/p?page={path}").parse().unwrap();
            assert_eq!(body(fetch(&pool, request).await.unwrap()).await.unwrap(), "ok");
        }
    }
    let found = requests(&origins);
    assert!(found.iter().all(|count| *count % 3 == 0 && *count >= 9), "{found:?}");
}

#[tokio::test]
async fn one_hot_key_drowns_no_server() {
    let origins = origins(&[ENDLESS, ENDLESS, ENDLESS]).await;
    let pool = pool_of(&origins, &[1, 1, 1], Balancing::Consistent);
    let mut unread = Vec::new();
    for _ in 0..60 {
        unread.push(fetch(&pool, keyed("/hot")).await.unwrap());
    }
    let mut found = requests(&origins);
    found.sort_unstable();
    assert!(found[2] == 25 && found[1] == 25 && found[0] == 10, "at most 1.25 times a third each: {found:?}");
}
