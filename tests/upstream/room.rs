//! `max_requests`: how many requests are under way at once, and what becomes of those that come meanwhile.

use crate::busy_origin::{BusyOrigin, Does, Keeps, OK};
use crate::raw_origin::*;
use http::Method;
use larder::testing::engine::{Deadline, Terms, WhenFull};
use larder::testing::semantics::Reason;
use larder::testing::upstream::{UpstreamOptions, UpstreamPool};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// A response of which the end does not come.
const ENDLESS: Does = Does::Answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok");

fn pool_of(origin: &BusyOrigin, max: usize) -> Arc<UpstreamPool> {
    running(UpstreamOptions { max_requests: NonZeroUsize::new(max), ..options(&[origin.url()]) })
}

fn on(terms: Terms) -> http::Request<larder::testing::engine::Body> {
    let mut request = get();
    request.extensions_mut().insert(terms);
    request
}

fn now_or_never() -> Terms {
    Terms { when_full: WhenFull::Fail, ..Terms::default() }
}

#[tokio::test]
async fn an_answer_counts_until_its_end_and_who_may_not_wait_fails_at_once() {
    let origin = BusyOrigin::start(ENDLESS, Keeps::Open).await;
    let pool = pool_of(&origin, 2);
    let (first, _second) = (fetch(&pool, get()).await.unwrap(), fetch(&pool, get()).await.unwrap());
    let refused = fetch(&pool, on(now_or_never())).await.unwrap_err();
    assert_eq!((refused.reason(), origin.requests()), (Reason::MaxRequests, 2));
    drop(first);
    origin.now_does(OK);
    for _ in 0..3 {
        let answer = fetch(&pool, on(now_or_never())).await.unwrap();
        assert_eq!(body(answer).await.unwrap(), "ok");
    }
}

#[tokio::test]
async fn those_that_wait_have_their_turns_in_the_order_in_which_they_came() {
    let origin = BusyOrigin::start(ENDLESS, Keeps::Open).await;
    let pool = pool_of(&origin, 1);
    let held = fetch(&pool, get()).await.unwrap();
    origin.now_does(OK);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for n in 0..5 {
        let (asked, order) = (Arc::clone(&pool), Arc::clone(&order));
        waiting.push(tokio::spawn(async move {
            let answer = fetch(&asked, get()).await.unwrap();
            order.lock().unwrap().push(n);
            body(answer).await.unwrap()
        }));
        until(|| pool.waiting() == n + 1).await;
    }
    // One that leaves takes nobody's turn.
    waiting.remove(2).abort();
    until(|| pool.waiting() == 4).await;
    assert_eq!(origin.requests(), 1);
    drop(held);
    for task in waiting {
        assert_eq!(within(task).await.unwrap(), "ok");
    }
    assert_eq!((&*order.lock().unwrap(), pool.waiting()), (&vec![0, 1, 3, 4], 0));
}

#[tokio::test]
async fn nobody_waits_past_the_deadline_an_upload_that_has_not_begun_included() {
    let origin = BusyOrigin::start(ENDLESS, Keeps::Open).await;
    let pool = pool_of(&origin, 1);
    let _held = fetch(&pool, get()).await.unwrap();
    let soon = Duration::from_millis(50);
    for deadline in [Deadline::At(Instant::now() + soon), Deadline::AfterUpload(soon)] {
        let mut request = request(&Method::POST, &[], text("body"));
        request.extensions_mut().insert(Terms { deadline: Some(deadline), ..Terms::default() });
        assert_eq!(fetch(&pool, request).await.unwrap_err().reason(), Reason::MaxRequests, "{deadline:?}");
    }
    assert_eq!(origin.requests(), 1);
}

#[tokio::test]
async fn failures_give_their_place_back() {
    let origin = BusyOrigin::start(Does::Reset, Keeps::Open).await;
    let pool = pool_of(&origin, 1);
    for _ in 0..3 {
        let failed = fetch(&pool, on(now_or_never())).await.unwrap_err();
        assert_eq!(failed.reason(), Reason::UpstreamClosed);
    }
}
