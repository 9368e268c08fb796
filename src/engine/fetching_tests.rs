//! A fetch is driven by who asks for it, and goes on without.

use crate::clock::SystemClock;
use crate::engine::exchange::Terms;
use crate::engine::origin::{Body, BodyError, Origin, OriginError, empty_body};
use crate::engine::outcome::Outcome;
use crate::engine::refresh::RefreshOptions;
use crate::engine::{Engine, EngineParts, Handler, RequestContext};
use crate::invalidation::Invalidation;
use crate::rules::pattern::PathPattern;
use crate::rules::{Route, RuleSet};
use crate::scope::RouteName;
use crate::store::memory::{MemoryOptions, MemoryTier};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, HOST};
use http::uri::Scheme;
use http::{HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use tokio::runtime::Handle;
use tokio::task::yield_now;

/// How often the origin waits before its head, and before each piece of its body.
const WAITS: usize = 3;
const PIECES: usize = 4;

/// An origin that waits all the time, by yielding.
#[derive(Default)]
struct Waiting {
    piece: &'static str,
    panics: bool,
    fetches: AtomicUsize,
    /// The most tasks that there were when it was asked.
    tasks: AtomicUsize,
}

#[async_trait::async_trait]
impl Origin for Waiting {
    async fn fetch(&self, _: http::Request<Body>, _: Terms) -> Result<http::Response<Body>, OriginError> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        self.tasks.fetch_max(Handle::current().metrics().num_alive_tasks(), Ordering::Relaxed);
        for _ in 0..WAITS {
            yield_now().await;
        }
        assert!(!self.panics, "this origin panics");
        let piece = Bytes::from_static(self.piece.as_bytes());
        let pieces = stream::unfold(0, move |sent| {
            let piece = piece.clone();
            async move {
                yield_now().await;
                (sent < PIECES).then(|| (Ok::<_, BodyError>(Frame::data(piece)), sent + 1))
            }
        });
        let mut response = http::Response::new(StreamBody::new(pieces).boxed_unsync());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        Ok(response)
    }
}

fn engine(origin: &Arc<Waiting>) -> Arc<Engine> {
    let path = PathPattern::parse("/**").expect("it is a pattern");
    Engine::new(EngineParts {
        clock: Arc::new(SystemClock::default()),
        origin: Arc::clone(origin) as Arc<dyn Origin>,
        memory: Arc::new(MemoryTier::new(MemoryOptions { size_bytes: 64 << 20, variants_per_key_max: 4 })),
        shared: None,
        invalidation: Arc::new(Invalidation::default()),
        rules: RuleSet::new(vec![Route::plain(RouteName::new("all"), path)]).expect("one route makes a rule set"),
        refresh: RefreshOptions::default(),
        front: crate::engine::arrival::Front::default(),
    })
}

/// What one client gets: the status or 502 where there is none, the outcome, the body if it is whole.
async fn ask(engine: Arc<Engine>) -> (StatusCode, Outcome, Option<Bytes>) {
    let answer = engine.handle(request(), RequestContext::direct(Scheme::HTTP, None)).await;
    let outcome = answer.decision.outcome;
    match answer.reply {
        Ok(response) => {
            let status = response.status();
            let body = response.into_body().collect().await.ok();
            (status, outcome, body.map(http_body_util::Collected::to_bytes))
        }
        Err(failure) => (failure.status, outcome, None),
    }
}

fn request() -> http::Request<Body> {
    let mut request = http::Request::new(empty_body());
    *request.uri_mut() = http::Uri::from_static("/product/1");
    request.headers_mut().insert(HOST, HeaderValue::from_static("shop.example.com"));
    request
}

/// Polls `future` so often at most, and leaves it then.
async fn leave_after(polls: usize, future: impl Future) {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        if poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await {
            return;
        }
        yield_now().await;
    }
}

#[tokio::test]
async fn a_short_answer_takes_no_task_but_that_of_its_requester() {
    let origin = Arc::new(Waiting { piece: "shoe", ..Waiting::default() });
    let whole = Bytes::from("shoe".repeat(PIECES));
    assert_eq!(ask(engine(&origin)).await, (StatusCode::OK, Outcome::Miss, Some(whole)));
    assert_eq!(origin.tasks.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_leader_that_leaves_at_any_await_strands_nobody_and_costs_no_second_fetch() {
    for polls in 1..4 * (WAITS + PIECES) {
        let origin = Arc::new(Waiting { piece: "shoe", ..Waiting::default() });
        let engine = engine(&origin);
        let mut leading = Box::pin(ask(Arc::clone(&engine)));
        leave_after(1, &mut leading).await;
        let follower = tokio::spawn(ask(Arc::clone(&engine)));
        leave_after(polls, leading).await;
        let whole = Some(Bytes::from("shoe".repeat(PIECES)));
        let (status, _, body) = follower.await.expect("a follower does not panic");
        assert_eq!((status, body), (StatusCode::OK, whole.clone()), "the leader left after {polls} polls");
        assert_eq!(ask(engine).await, (StatusCode::OK, Outcome::Hit, whole), "the leader left after {polls} polls");
        assert_eq!(origin.fetches.load(Ordering::Relaxed), 1, "the leader left after {polls} polls");
    }
}

#[tokio::test]
async fn a_leader_that_leaves_alone_has_its_answer_stored_all_the_same() {
    let origin = Arc::new(Waiting { piece: "shoe", ..Waiting::default() });
    let engine = engine(&origin);
    leave_after(2, ask(Arc::clone(&engine))).await;
    while Handle::current().metrics().num_alive_tasks() > 0 {
        yield_now().await;
    }
    assert_eq!(ask(engine).await.1, Outcome::Hit);
    assert_eq!(origin.fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_leader_that_does_not_read_holds_up_nobody() {
    const LONG: &str = const {
        match str::from_utf8(&[b'x'; 100_000]) {
            Ok(text) => text,
            Err(_) => "",
        }
    };
    let origin = Arc::new(Waiting { piece: LONG, ..Waiting::default() });
    let engine = engine(&origin);
    let unread = engine.handle(request(), RequestContext::direct(Scheme::HTTP, None)).await;
    assert_eq!(unread.decision.outcome, Outcome::Miss);
    let (status, _, body) = ask(Arc::clone(&engine)).await;
    assert_eq!((status, body.map(|body| body.len())), (StatusCode::OK, Some(LONG.len() * PIECES)));
    drop(unread);
}

#[tokio::test]
async fn a_panic_in_a_fetch_is_a_failed_origin_to_all_who_wait_for_it() {
    let origin = Arc::new(Waiting { panics: true, ..Waiting::default() });
    let engine = engine(&origin);
    let follower = tokio::spawn(ask(Arc::clone(&engine)));
    assert_eq!(ask(engine).await.0, StatusCode::BAD_GATEWAY);
    assert_eq!(follower.await.expect("a follower does not panic").0, StatusCode::BAD_GATEWAY);
}
