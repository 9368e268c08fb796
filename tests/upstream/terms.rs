//! What goes with a request: its deadline, its own read timeout, and the note of who answered.

use crate::busy_origin::{BusyOrigin, Does, Keeps, OK};
use crate::raw_origin::*;
use http::Method;
use larder::testing::engine::{Deadline, ExchangeNote, Terms};
use larder::testing::semantics::Reason;
use larder::testing::upstream::UpstreamOptions;
use std::time::Duration;
use tokio::time::Instant;

const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn all_tries_of_a_request_together_end_at_its_deadline() {
    let first = BusyOrigin::start(Does::Hang, Keeps::Open).await;
    let second = BusyOrigin::start(Does::Hang, Keeps::Open).await;
    for (read_timeout, asked) in [(Duration::from_secs(20), 1), (SOON * 2 / 3, 2)] {
        let before = first.requests() + second.requests();
        let options = UpstreamOptions { read_timeout, ..options(&[first.url(), second.url()]) };
        let pool = running(options);
        let mut request = get();
        request
            .extensions_mut()
            .insert(Terms { deadline: Some(Deadline::At(Instant::now() + SOON)), ..Terms::default() });
        assert_eq!(fetch(&pool, request).await.unwrap_err().reason(), Reason::UpstreamTimeout);
        until(|| first.requests() + second.requests() - before == asked).await;
    }
}

#[tokio::test]
async fn a_deadline_that_is_over_asks_nobody_again() {
    let origins = [BusyOrigin::start(Does::Reset, Keeps::Open).await, BusyOrigin::start(OK, Keeps::Open).await];
    let pool = pool(&[origins[0].url(), origins[1].url()]);
    for _ in 0..4 {
        let mut request = get();
        request.extensions_mut().insert(Terms { deadline: Some(Deadline::At(Instant::now())), ..Terms::default() });
        assert_eq!(fetch(&pool, request).await.map(drop).unwrap_err().reason(), Reason::UpstreamTimeout);
    }
    assert_eq!(origins.iter().map(BusyOrigin::requests).sum::<usize>(), 0);
}

#[tokio::test]
async fn a_deadline_may_begin_at_the_end_of_the_requests_body() {
    let origin = RawOrigin::start().await;
    let pool = pool(&[origin.url()]);
    let (feed, upload) = fed_body();
    let mut request = request(&Method::POST, &[], upload);
    request.extensions_mut().insert(Terms { deadline: Some(Deadline::AfterUpload(SOON)), ..Terms::default() });
    let (began, first) = (Instant::now(), feed.clone());
    let script = async {
        let mut peer = origin.accept().await;
        peer.read_until("begun").await;
        // The body takes longer than the deadline, which has not begun.
        until(|| began.elapsed() > SOON * 2).await;
        feed.send(Ok(data("done"))).await.unwrap();
        drop(feed);
        peer.read_until("0\r\n\r\n").await;
        peer
    };
    let client = async {
        first.send(Ok(data("begun"))).await.unwrap();
        drop(first);
        fetch(&pool, request).await.map(drop)
    };
    let (_open, answer) = tokio::join!(script, client);
    assert_eq!(answer.unwrap_err().reason(), Reason::UpstreamTimeout);
}

#[tokio::test]
async fn a_request_may_be_less_patient_than_the_pool() {
    let origin = BusyOrigin::start(Does::Hang, Keeps::Open).await;
    let pool = pool(&[origin.url()]);
    let mut request = get();
    request.extensions_mut().insert(Terms { read_timeout: Some(SOON), ..Terms::default() });
    assert_eq!(fetch(&pool, request).await.unwrap_err().reason(), Reason::UpstreamTimeout);
}

#[tokio::test]
async fn it_is_noted_who_answered_or_failed_last_and_after_how_many_tries() {
    // Servers are asked in the order of their addresses.
    let mut origins = [BusyOrigin::start(OK, Keeps::Open).await, BusyOrigin::start(OK, Keeps::Open).await];
    origins.sort_by(|one, other| one.url().cmp(other.url()));
    let [bad, good] = origins;
    bad.now_does(Does::Reset);
    let host = |origin: &BusyOrigin| origin.url().trim_start_matches("http://").to_owned();
    for (servers, tries, last) in [
        (vec![good.url()], 1, host(&good)),
        (vec![bad.url()], 1, host(&bad)),
        (vec![bad.url(), good.url()], 2, host(&good)),
    ] {
        let pool = pool(&servers);
        let note = ExchangeNote::default();
        let mut request = get();
        request.extensions_mut().insert(Terms { note: Some(note.clone()), ..Terms::default() });
        let _ = fetch(&pool, request).await;
        let exchanged = note.read().unwrap();
        assert_eq!((&*exchanged.server, exchanged.tries), (&*last, tries));
        assert!(exchanged.took > Duration::ZERO);
    }
}
