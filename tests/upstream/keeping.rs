//! Origins that close connections: none of that may cost a request its answer.

use crate::busy_origin::{BusyOrigin, Does, Keeps, OK};
use crate::raw_origin::*;
use futures_util::future::join_all;
use http::Method;
use larder::testing::upstream::UpstreamOptions;
use std::time::Duration;

#[tokio::test]
async fn an_origin_that_closes_after_its_answers_costs_no_request_its_answer() {
    let said = Does::Answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
    let lied = Does::Answer("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok");
    let old = Does::Answer("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let after = |millis| Keeps::OpenFor(Duration::from_millis(millis));
    let keeps = [Keeps::Closes, after(1), after(2), after(5), after(20)];
    for (does, keeps) in [OK, said, lied, old].into_iter().flat_map(|does| keeps.map(|keeps| (does, keeps))) {
        let origin = BusyOrigin::start(does, keeps).await;
        let pool = pool(&[origin.url()]);
        let methods = [Method::POST, Method::GET, Method::PUT, Method::PATCH, Method::POST, Method::DELETE];
        for (number, method) in methods.iter().cycle().take(120).enumerate() {
            let content = if *method == Method::GET { empty() } else { text("body") };
            let response = fetch(&pool, request(method, &[], content)).await;
            let response = response.unwrap_or_else(|error| panic!("{method} {number} {does:?} {keeps:?}: {error:?}"));
            assert_eq!(body(response).await.unwrap(), "ok");
        }
    }
}

#[tokio::test]
async fn requests_at_once_to_an_origin_that_closes_all_get_their_answers() {
    let origin = BusyOrigin::start(OK, Keeps::Closes).await;
    let pool = pool(&[origin.url()]);
    let clients = (0..16).map(|client| {
        let pool = pool.clone();
        tokio::spawn(async move {
            for number in 0..40 {
                let method = if (client + number) % 3 == 0 { Method::GET } else { Method::POST };
                let content = if method == Method::GET { empty() } else { text("body") };
                let response = fetch(&pool, request(&method, &[], content)).await.unwrap();
                assert_eq!(body(response).await.unwrap(), "ok");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_crowd_that_comes_again_finds_the_connections_that_it_opened() {
    const CROWD: usize = 400;
    let origin = BusyOrigin::start(OK, Keeps::Open).await;
    let usual = UpstreamOptions::of(Vec::new()).idle_connections_max;
    let pool = running(UpstreamOptions { idle_connections_max: usual, ..options(&[origin.url()]) });
    for came in 1..=2 {
        // Nobody takes the body, and so gives the connection back, before everyone has a head.
        let answers = join_all((0..CROWD).map(|_| fetch(&pool, get()))).await;
        let bodies = join_all(answers.into_iter().map(|answer| body(answer.unwrap()))).await;
        assert!(bodies.into_iter().all(|body| body.unwrap() == "ok"));
        let stats = stats(&pool);
        let counted = (stats.connections_opened, stats.connections_reused, stats.connections_idle);
        assert_eq!(counted, (CROWD as u64, (came - 1) * CROWD as u64, CROWD));
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_repeated_uses_the_connections_of_an_origin_that_says_that_it_keeps_them() {
    let says = Does::Answer("HTTP/1.1 200 OK\r\nkeep-alive: timeout=300\r\ncontent-length: 2\r\n\r\nok");
    for (does, opened) in [(OK, 3), (says, 1)] {
        let origin = BusyOrigin::start(does, Keeps::Open).await;
        let pool = pool(&[origin.url()]);
        for number in 0..3 {
            let response = fetch(&pool, request(&Method::POST, &[], text("body"))).await.unwrap();
            assert_eq!(body(response).await.unwrap(), "ok");
            let open = if opened == 1 { 1 } else { number + 1 };
            until(|| stats(&pool).connections_idle == open).await;
        }
        assert_eq!(stats(&pool).connections_opened, opened, "{does:?}");
    }
}

#[tokio::test]
async fn a_connection_is_not_used_for_longer_than_the_origin_says_that_it_keeps_it() {
    let says = Does::Answer("HTTP/1.1 200 OK\r\nkeep-alive: timeout=0\r\ncontent-length: 2\r\n\r\nok");
    let origin = BusyOrigin::start(says, Keeps::Open).await;
    let pool = pool(&[origin.url()]);
    for _ in 0..3 {
        assert_eq!(body(fetch(&pool, get()).await.unwrap()).await.unwrap(), "ok");
    }
    assert_eq!((stats(&pool).connections_opened, stats(&pool).connections_reused), (3, 0));
}
