//! What a link to the simulated Redis makes its caller wait for, and loses.

use super::{Passage, SimulatedLink, SimulatedRedis, Wire};
use crate::fleet::link::{Link, LinkError, LinkFailure};
use crate::fleet::streams::{self, EntryId};
use redis::{Value, cmd, from_redis_value};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, advance};

const NOW: Duration = Duration::ZERO;
const DEADLINE: Duration = Duration::from_secs(1);
const THROUGH: Passage = Passage::Through { there: NOW, back: NOW };

/// Does to each exchange what is written down for it, and lets all others through at once.
#[derive(Debug)]
struct Scripted(Mutex<VecDeque<Passage>>);

impl Wire for Scripted {
    fn next(&self) -> Passage {
        self.0.lock().unwrap().pop_front().unwrap_or(THROUGH)
    }
}

fn link(redis: &Arc<SimulatedRedis>, passages: impl IntoIterator<Item = Passage>) -> Arc<SimulatedLink> {
    redis.link(Arc::new(Scripted(Mutex::new(passages.into_iter().collect()))))
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

async fn append(link: &SimulatedLink) -> Result<EntryId, LinkError> {
    let reply = link.call(&streams::append("s", None, None, &[("a", "1".to_owned())]), DEADLINE).await;
    reply.and_then(streams::appended)
}

async fn set(link: &SimulatedLink, text: &str) -> Result<Value, LinkFailure> {
    link.call(cmd("SET").arg("k").arg(text), DEADLINE).await.map_err(|error| error.failure)
}

/// What is kept under `k`, whatever the network does.
fn kept(redis: &SimulatedRedis) -> Option<String> {
    from_redis_value(redis.execute(cmd("GET").arg("k")).unwrap()).unwrap()
}

/// Reads in a task of its own, which has begun to wait; how long it waited and the ids that it read.
async fn reading(
    link: &Arc<SimulatedLink>,
    last: &str,
    block: Duration,
) -> JoinHandle<(Duration, Result<Vec<EntryId>, LinkFailure>)> {
    let (link, command) = (Arc::clone(link), streams::read_after("s", last, 10, block));
    let task = tokio::spawn(async move {
        let began = Instant::now();
        let entries = link.call(&command, block + DEADLINE).await.and_then(streams::read);
        let ids = entries.map(|entries| entries.into_iter().map(|entry| entry.id).collect());
        (began.elapsed(), ids.map_err(|error| error.failure))
    });
    // Its turn, and that of the exchange that it starts.
    for _ in 0..10 {
        yield_now().await;
    }
    task
}

#[tokio::test(start_paused = true)]
async fn an_exchange_takes_as_long_as_its_way_there_and_back() {
    let redis = SimulatedRedis::new();
    let link = link(&redis, [Passage::Through { there: millis(30), back: millis(40) }]);
    let began = Instant::now();
    assert_eq!(set(&link, "one").await, Ok(Value::Okay));
    assert_eq!(began.elapsed(), millis(70));
    assert_eq!(link.generation(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_on_the_way_there_is_never_executed() {
    let redis = SimulatedRedis::new();
    let link = link(&redis, [Passage::LostThere]);
    let began = Instant::now();
    assert_eq!(set(&link, "one").await, Err(LinkFailure::TimedOut));
    assert_eq!(began.elapsed(), DEADLINE);
    advance(Duration::from_mins(1)).await;
    assert_eq!(kept(&redis), None);
    assert_eq!(link.generation(), 1);
    set(&link, "two").await.unwrap();
    assert_eq!(link.generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_on_the_way_back_was_executed() {
    let redis = SimulatedRedis::new();
    let link = link(&redis, [Passage::LostBack { there: millis(10) }]);
    let began = Instant::now();
    assert_eq!(set(&link, "one").await, Err(LinkFailure::TimedOut));
    assert_eq!(began.elapsed(), DEADLINE);
    assert_eq!(kept(&redis), Some("one".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_deadline_is_executed_all_the_same() {
    let redis = SimulatedRedis::new();
    let link = link(&redis, [Passage::Through { there: DEADLINE * 3, back: NOW }]);
    let began = Instant::now();
    assert_eq!(set(&link, "late").await, Err(LinkFailure::TimedOut));
    assert_eq!(began.elapsed(), DEADLINE);
    assert_eq!(set(&link, "soon").await, Ok(Value::Okay));
    assert_eq!(kept(&redis), Some("soon".to_owned()));
    advance(DEADLINE * 2).await;
    yield_now().await;
    assert_eq!(kept(&redis), Some("late".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn commands_on_one_connection_are_executed_and_answered_in_order() {
    let redis = SimulatedRedis::new();
    let slow = Passage::Through { there: millis(50), back: millis(30) };
    let link = link(&redis, [slow, THROUGH]);
    let began = Instant::now();
    let (first, second) = tokio::join!(set(&link, "one"), async {
        let reply = set(&link, "two").await;
        assert_eq!(began.elapsed(), millis(80));
        reply
    });
    assert_eq!((first, second), (Ok(Value::Okay), Ok(Value::Okay)));
    assert_eq!(kept(&redis), Some("two".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_blocked_reader_wakes_with_the_entry() {
    let redis = SimulatedRedis::new();
    let reader = link(&redis, [Passage::Through { there: millis(5), back: millis(7) }]);
    let writer = link(&redis, []);
    let old = append(&writer).await.unwrap();
    let task = reading(&reader, &old.to_string(), DEADLINE).await;
    advance(millis(100)).await;
    assert!(!task.is_finished());
    let new = append(&writer).await.unwrap();
    assert_eq!(task.await.unwrap(), (millis(107), Ok(vec![new])));
    let task = reading(&reader, "0-0", DEADLINE).await;
    assert_eq!(task.await.unwrap(), (NOW, Ok(vec![old, new])));
}

#[tokio::test(start_paused = true)]
async fn a_reader_from_the_end_on_sees_only_what_comes_after_it_asked() {
    let redis = SimulatedRedis::new();
    let (reader, writer) = (link(&redis, []), link(&redis, []));
    for _ in 0..2 {
        append(&writer).await.unwrap();
        let task = reading(&reader, "$", DEADLINE).await;
        advance(millis(10)).await;
        let new = append(&writer).await.unwrap();
        assert_eq!(task.await.unwrap(), (millis(10), Ok(vec![new])));
    }
}

#[tokio::test(start_paused = true)]
async fn a_blocked_reader_gives_up_in_time_and_holds_up_who_is_behind_it() {
    let redis = SimulatedRedis::new();
    let reader = link(&redis, []);
    let task = reading(&reader, "0-0", millis(300)).await;
    let began = Instant::now();
    assert_eq!(set(&reader, "one").await, Ok(Value::Okay));
    assert_eq!(began.elapsed(), millis(300));
    assert_eq!(task.await.unwrap(), (millis(300), Ok(vec![])));
}

#[tokio::test(start_paused = true)]
async fn an_empty_restart_forgets_all_and_a_keeping_one_nothing() {
    let redis = SimulatedRedis::new();
    let link = link(&redis, []);
    assert_eq!(link.generation(), 0);
    assert_eq!(link.keeper("s", DEADLINE).await.unwrap().run, "run-1");
    let first = append(&link).await.unwrap();
    redis.restart_keeping();
    assert_eq!(link.generation(), 1);
    assert_eq!(link.keeper("s", DEADLINE).await.unwrap().run, "run-2");
    assert_eq!(link.generation(), 2);
    let info = link.call(&streams::info("s"), DEADLINE).await.unwrap();
    assert_eq!(streams::last_generated(info).unwrap(), first);
    redis.restart_empty();
    let error = link.call(&streams::info("s"), DEADLINE).await.unwrap_err();
    assert_eq!(error.failure, LinkFailure::Refused);
    assert_eq!(link.keeper("s", DEADLINE).await.unwrap().run, "run-3");
    assert_eq!(link.generation(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_restart_during_an_exchange_breaks_it() {
    let redis = SimulatedRedis::new();
    let way = |there, back| Passage::Through { there: millis(there), back: millis(back) };
    let link = link(&redis, [way(100, 0), way(0, 100)]);
    for (text, outcome) in [("unsent", None), ("executed", Some("executed".to_owned()))] {
        let (reply, ()) = tokio::join!(set(&link, text), async {
            advance(millis(50)).await;
            redis.restart_keeping();
        });
        assert_eq!((reply, kept(&redis)), (Err(LinkFailure::Away), outcome));
    }
    let task = reading(&link, "0-0", DEADLINE).await;
    advance(millis(50)).await;
    redis.restart_empty();
    assert_eq!(task.await.unwrap(), (millis(50), Err(LinkFailure::Away)));
    assert_eq!((set(&link, "new").await, link.generation()), (Ok(Value::Okay), 4));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "not simulated: FLUSHALL")]
async fn a_panic_on_the_way_reaches_the_caller() {
    drop(link(&SimulatedRedis::new(), []).call(&cmd("FLUSHALL"), DEADLINE).await);
}
