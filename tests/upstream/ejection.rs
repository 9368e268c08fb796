//! A server that keeps failing is taken out for a while, and what it failed is asked of another.

use crate::busy_origin::{BusyOrigin, Does, Keeps, OK};
use crate::raw_origin::*;
use http::Method;
use larder::testing::semantics::Reason;
use larder::testing::upstream::{EjectOptions, RetryOptions, ServerState, UpstreamOptions, UpstreamPool};
use std::sync::Arc;
use std::time::Duration;

const BAD: Does = Does::Answer("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
const UNWILLING: Does =
    Does::Answer("HTTP/1.1 503 Service Unavailable\r\nretry-after: 9\r\ncontent-length: 3\r\n\r\nnot");
const LATE: Does = Does::Answer("HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n");
const BROKEN: Does = Does::Answer("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n");

async fn origins(ways: &[Does]) -> Vec<BusyOrigin> {
    let mut origins = Vec::new();
    for does in ways {
        origins.push(BusyOrigin::start(*does, Keeps::Open).await);
    }
    origins
}

fn options_of(origins: &[BusyOrigin]) -> UpstreamOptions {
    let urls: Vec<_> = origins.iter().map(BusyOrigin::url).collect();
    options(&urls)
}

async fn status(pool: &Arc<UpstreamPool>, method: &Method) -> Result<u16, Reason> {
    let response = fetch(pool, request(method, &[], empty())).await.map_err(|error| error.reason())?;
    let status = response.status().as_u16();
    body(response).await.unwrap();
    Ok(status)
}

#[tokio::test]
async fn of_three_servers_one_that_fails_costs_no_get_an_answer_and_is_left_out() {
    for bad in [BAD, UNWILLING, LATE, Does::Reset, Does::Hang] {
        let origins = origins(&[OK, bad, OK]).await;
        let pool = running(UpstreamOptions { read_timeout: Duration::from_millis(50), ..options_of(&origins) });
        for method in [Method::GET, Method::HEAD].iter().cycle().take(40) {
            assert_eq!(status(&pool, method).await, Ok(200), "{bad:?}");
        }
        assert_eq!(origins[1].requests(), 5, "{bad:?}: so many failures take it out");
        let states: Vec<_> = pool.stats().iter().map(|server| server.state).collect();
        assert_eq!(states, [ServerState::Up, ServerState::Down, ServerState::Up], "{bad:?}");
    }
}

#[tokio::test]
async fn each_retry_is_counted_once_at_the_server_that_made_it_necessary() {
    let rows = [
        (BAD, Reason::UpstreamErrorStatus),
        (UNWILLING, Reason::UpstreamErrorStatus),
        (Does::Reset, Reason::UpstreamClosed),
        (Does::Hang, Reason::UpstreamTimeout),
    ];
    for (bad, cause) in rows {
        let origins = origins(&[OK, bad]).await;
        let read_timeout = Duration::from_millis(50);
        let pool = running(UpstreamOptions { read_timeout, ..options_of(&origins) });
        for _ in 0..4 {
            assert_eq!(status(&pool, &Method::GET).await, Ok(200));
        }
        let retries = pool.stats().iter().map(|server| server.retries).collect::<Vec<_>>();
        assert!(retries[0].iter().all(|(_, count)| *count == 0), "{bad:?}: {retries:?}");
        for (counted, count) in retries[1] {
            let expected = if counted == cause { origins[1].requests() } else { 0 };
            assert_eq!(usize::try_from(count), Ok(expected), "{bad:?} {counted:?}");
        }
    }
    let (gone, origin) = (RawOrigin::start().await.url().to_owned(), BusyOrigin::start(OK, Keeps::Open).await);
    let pool = running(options(&[&gone, origin.url()]));
    for _ in 0..4 {
        assert_eq!(status(&pool, &Method::POST).await, Ok(200));
    }
    let (cause, count) = stats(&pool).retries[0];
    assert!(cause == Reason::UpstreamConnect && (2..=4).contains(&count), "{count}");
}

#[tokio::test]
async fn what_can_t_be_tried_again_is_no_retry() {
    let origins = origins(&[BAD, BAD]).await;
    let pool = running(options_of(&origins));
    for method in [Method::POST, Method::GET] {
        assert_eq!(status(&pool, &method).await, Ok(502));
    }
    let counts: Vec<u64> = pool.stats().iter().flat_map(|server| server.retries).map(|(_, count)| count).collect();
    assert_eq!(counts.iter().sum::<u64>(), 1, "the one GET, once: {counts:?}");
}

#[tokio::test]
async fn a_500_takes_no_server_out_and_is_not_asked_of_another() {
    let origins = origins(&[BROKEN, OK]).await;
    let pool = running(options_of(&origins));
    let mut broken = 0;
    for _ in 0..20 {
        broken += usize::from(status(&pool, &Method::GET).await == Ok(500));
    }
    assert_eq!((broken, pool.stats()[0].state), (10, ServerState::Up));
}

#[tokio::test]
async fn what_may_have_been_received_is_sent_again_only_where_that_does_no_harm() {
    let rows = [
        (Method::GET, BAD, true),
        (Method::GET, Does::Reset, true),
        (Method::GET, Does::Hang, true),
        (Method::OPTIONS, Does::Hang, true),
        (Method::PUT, BAD, false),
        (Method::PUT, Does::Hang, false),
        (Method::PUT, Does::Reset, true),
        (Method::DELETE, Does::Reset, true),
        (Method::POST, BAD, false),
        (Method::POST, Does::Hang, false),
        (Method::POST, Does::Reset, false),
        (Method::PATCH, Does::Reset, false),
    ];
    for (method, bad, is_tried) in rows {
        let origins = origins(&[bad, OK]).await;
        let read_timeout = Duration::from_millis(50);
        let pool = running(UpstreamOptions { read_timeout, ..options_of(&origins) });
        let mut good = 0;
        for _ in 0..4 {
            good += usize::from(status(&pool, &method).await == Ok(200));
        }
        // Those that are tried again take a turn of the good server's.
        let failed = if is_tried { 0 } else { 2 };
        assert_eq!(good, 4 - failed, "{method} {bad:?}");
    }
}

#[tokio::test]
async fn what_all_servers_answer_is_passed_on_as_it_is() {
    for servers in [&[UNWILLING][..], &[UNWILLING, UNWILLING], &[UNWILLING; 4], &[UNWILLING, Does::Reset]] {
        let origins = origins(servers).await;
        let pool = running(options_of(&origins));
        for _ in 0..8 {
            let response = fetch(&pool, get()).await.unwrap();
            assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"9".parse().unwrap()));
            assert_eq!(body(response).await.unwrap(), "not");
        }
    }
}

#[tokio::test]
async fn the_last_server_is_never_taken_out() {
    let origins = origins(&[BAD, BAD]).await;
    let pool = running(options_of(&origins));
    for _ in 0..30 {
        assert_eq!(status(&pool, &Method::POST).await, Ok(502));
    }
    let requests: Vec<_> = origins.iter().map(BusyOrigin::requests).collect();
    assert!(requests.contains(&5) && requests.contains(&25), "{requests:?}");
}

#[tokio::test]
async fn a_server_is_back_once_it_answers_again() {
    let origins = origins(&[OK, Does::Reset]).await;
    let pause = Duration::from_millis(60);
    let eject = EjectOptions { failures: 2, within: Duration::from_secs(10), pause };
    let pool = running(UpstreamOptions { eject, ..options_of(&origins) });
    let is_up = |pool: &UpstreamPool| pool.stats()[1].state == ServerState::Up;
    for _ in 0..10 {
        assert_eq!(status(&pool, &Method::GET).await, Ok(200));
    }
    assert!(!is_up(&pool));
    origins[1].now_does(OK);
    within(async {
        while !is_up(&pool) {
            assert_eq!(status(&pool, &Method::GET).await, Ok(200));
        }
    })
    .await;
    let before = origins[1].requests();
    for _ in 0..10 {
        assert_eq!(status(&pool, &Method::GET).await, Ok(200));
    }
    assert_eq!(origins[1].requests() - before, 5, "it takes its turns again");
}

#[tokio::test]
async fn tries_are_bounded_for_each_request_and_for_all_of_them() {
    // No server is taken out, so that each request finds all of them in.
    let eject = EjectOptions { failures: 1000, within: Duration::from_secs(10), pause: Duration::from_secs(10) };
    for (attempts, budget, requests, asked) in
        [(0, 0.2, 20, 20), (1, 1.0, 5, 10), (2, 1.0, 5, 15), (3, 0.2, 50, 60), (3, 0.2, 200, 240)]
    {
        let origins = origins(&[UNWILLING; 4]).await;
        let retries = RetryOptions { attempts, budget };
        let pool = running(UpstreamOptions { eject, retries, ..options_of(&origins) });
        for _ in 0..requests {
            assert_eq!(status(&pool, &Method::GET).await, Ok(503));
        }
        let total: usize = origins.iter().map(BusyOrigin::requests).sum();
        assert_eq!(total, asked, "{attempts} tries, {budget} of {requests} requests, or ten");
    }
}

#[tokio::test]
async fn a_server_that_breaks_its_answers_off_is_taken_out() {
    let torn = Does::Answer("HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
    let origins = origins(&[OK, torn]).await;
    let pool = running(options_of(&origins));
    let mut torn = 0;
    for _ in 0..40 {
        let response = fetch(&pool, get()).await.unwrap();
        torn += usize::from(body(response).await.is_err());
    }
    assert_eq!((torn, pool.stats()[1].state), (5, ServerState::Down));
}
