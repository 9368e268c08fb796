//! What each instance of a fleet knows and counts of purges, on a simulated Redis.

use super::*;
use crate::clock::Timestamp;
use crate::fleet::link::Link;
use crate::fleet::simulated_redis::{Cable, SimulatedRedis, Wire};
use crate::scope::{RouteName, Tags};
use std::time::Duration;
use tokio::time::{Instant, advance};

/// How long a message takes, either way.
const WAY: Duration = Duration::from_millis(5);

/// Virtual time. Its time of day is far from Redis's.
struct VirtualClock(Instant, Timestamp);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.1
    }

    fn monotonic(&self) -> Duration {
        Duration::from_hours(1) + self.0.elapsed()
    }
}

/// An instance that reads the log, once it is current.
async fn instance(redis: &Arc<SimulatedRedis>, name: &str) -> Arc<Invalidation> {
    instance_over(redis, name, Arc::new(Cable::of(WAY)), Timestamp::from_secs(7)).await
}

/// As [`instance`], over this wire, at this time of day.
async fn instance_over(
    redis: &Arc<SimulatedRedis>,
    name: &str,
    wire: Arc<dyn Wire>,
    now: Timestamp,
) -> Arc<Invalidation> {
    let link = || -> Arc<dyn Link> { redis.link(Arc::clone(&wire)) };
    let links = FleetLinks { requests: link(), reader: link() };
    let partition_grace = Duration::from_secs(4);
    let fleet = FleetOptions { partition_grace, ..FleetOptions::new(String::new(), name.to_owned()) };
    let options = InvalidationOptions { clock: Arc::new(VirtualClock(Instant::now(), now)), ..Default::default() };
    let (invalidation, reading) = Invalidation::in_fleet(links, fleet, options);
    tokio::spawn(reading);
    while invalidation.currency() == Currency::Unproven {
        advance(Duration::from_millis(1)).await;
    }
    invalidation
}

/// A purge that was asked of an instance, and that every instance has applied.
async fn purge(asked: &Invalidation, source: PurgeSource) -> Receipt {
    let purge = Purge { scopes: vec![Scope::All], depth: Depth::Hard, source };
    let options = PurgeOptions { wait: Some(Duration::from_secs(5)), idempotency_key: None };
    let receipt = asked.purge(purge, options).await.unwrap();
    assert_eq!(receipt.pending, Vec::<String>::new());
    receipt
}

/// Of everything, by who asked, as an instance has counted it.
fn counted(invalidation: &Invalidation) -> Vec<(PurgeSource, u64)> {
    let counts = invalidation.purge_counts().into_iter().filter(|count| count.count > 0);
    counts.map(|count| (count.source, count.count)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_receipt_says_who_asked_whom_at_every_instance() {
    let redis = SimulatedRedis::new();
    let (one, two) = (instance(&redis, "one").await, instance(&redis, "two").await);
    for (number, source) in (1..).zip([PurgeSource::Admin, PurgeSource::UnsafeRequest, PurgeSource::Event]) {
        let id = purge(&one, source).await.id;
        for known in [one.receipt(&id).unwrap(), two.receipt(&id).unwrap()] {
            assert_eq!((known.source, known.by.as_str()), (source, "one"));
        }
        // Each purge counts once under its own source in the whole fleet.
        assert_eq!(counted(&one).last(), Some(&(source, 1)));
        assert_eq!(counted(&two), [(PurgeSource::Fleet, number)]);
    }
}

#[tokio::test(start_paused = true)]
async fn each_instance_counts_how_long_a_purge_took_to_reach_it() {
    let redis = SimulatedRedis::new();
    let (one, two) = (instance(&redis, "one").await, instance(&redis, "two").await);
    assert_eq!(one.purge_lags().count() + two.purge_lags().count(), 0, "the log's beginning is no purge");
    purge(&one, PurgeSource::Admin).await;
    // Both have woken for this one. After some commands they wait again, for the better part of a second.
    for _ in 0..200 {
        advance(Duration::from_millis(1)).await;
    }
    let before = [one.purge_lags(), two.purge_lags()];
    purge(&one, PurgeSource::Admin).await;
    for (name, before, after) in [("one", before[0], one.purge_lags()), ("two", before[1], two.purge_lags())] {
        assert_eq!((before.count(), after.count()), (1, 2), "{name}");
        let lag = Duration::from_nanos(after.sum_nanos - before.sum_nanos);
        // The entry's way from Redis, and no more besides than the way there of the question what time it is, and the
        // millisecond below which ids and timers tell nothing.
        let longest = WAY * 2 + Duration::from_millis(3);
        assert!((WAY..=longest).contains(&lag), "{name}: {lag:?}");
    }
    let late = instance(&redis, "late").await;
    assert_eq!(late.applied(), one.applied());
    assert_eq!(late.purge_lags().count(), 0, "a purge from before it was there");
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_comes_when_redis_is_back_counts_with_all_the_time_it_took() {
    let redis = SimulatedRedis::new();
    let one = instance(&redis, "one").await;
    let scopes = r#"["all"]"#;
    let mut entry = redis::cmd("XADD");
    entry.arg("larder:purges").arg("*").arg(&["kind", "purge", "depth", "hard", "source", "later", "scopes", scopes]);
    // Redis is started anew just after the entry: whoever waited for it has to come again.
    redis.execute(&entry).unwrap();
    redis.restart_keeping();
    while one.purge_lags().count() == 0 {
        advance(Duration::from_millis(1)).await;
    }
    assert!(one.purge_lags().mean() > WAY * 4, "{:?}", one.purge_lags().mean());
    let receipt = &one.receipts()[0];
    assert_eq!(
        (receipt.source, receipt.by.as_str()),
        (PurgeSource::Fleet, ""),
        "a source that this version does not know"
    );
}

/// What the purges that an instance knows make of a response to this path that was fetched at `stamp`.
fn standing(invalidation: &Invalidation, stamp: Stamp, path: &str) -> Standing {
    let url = format!("http://shop{path}");
    let route = RouteName::new("shop");
    let membership = Membership { url: &url, path_start: "http://shop".len(), route: &route, tags: Tags::Listed(&[]) };
    invalidation.standing(stamp, &membership)
}

/// An instance that is cut off and passes on writes to so many paths, and what another makes of `/0` and `/other` of before
/// once both are back.
async fn writes_while_the_log_is_away(count: usize) -> [Standing; 2] {
    let redis = SimulatedRedis::new();
    let wire = Arc::new(Cable::of(WAY));
    let one = instance_over(&redis, "one", Arc::clone(&wire) as _, Timestamp::from_secs(7)).await;
    let two = instance(&redis, "two").await;
    purge(&two, PurgeSource::Admin).await;
    let before = two.applied();
    wire.cut();
    for number in 0..count {
        let scopes = vec![Scope::Url(format!("/{number}").into())];
        let purge = Purge { scopes, depth: Depth::Hard, source: PurgeSource::UnsafeRequest };
        one.purge(purge, PurgeOptions::default()).await.unwrap_err();
    }
    wire.mend();
    for _ in 0..10_000 {
        if two.applied() > before {
            break;
        }
        advance(Duration::from_millis(1)).await;
    }
    assert!(two.applied() > before, "the log has heard of nothing");
    [standing(&two, before, "/0"), standing(&two, before, "/other")]
}

#[tokio::test(start_paused = true)]
async fn a_start_has_proved_itself_as_soon_as_it_has_read_the_log_to_its_end() {
    let redis = SimulatedRedis::new();
    let one = instance(&redis, "one").await;
    purge(&one, PurgeSource::Admin).await;
    let began = Instant::now();
    let late = instance(&redis, "late").await;
    assert_eq!(late.applied(), one.applied());
    // A dozen questions and answers. Had it waited for news first, it would have been most of a second.
    assert!(began.elapsed() < WAY * 2 * 20, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_written_while_the_log_was_away_is_purged_everywhere_once_it_is_back() {
    assert_eq!(writes_while_the_log_is_away(2).await, [Standing::Purged, Standing::Clear]);
}

#[tokio::test(start_paused = true)]
async fn where_too_much_was_written_while_the_log_was_away_everything_is_validated() {
    let count = crate::invalidation::purge::SCOPES_MAX + 1;
    assert_eq!(writes_while_the_log_is_away(count).await, [Standing::Unproven; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_hard_purge_that_was_trimmed_is_hard_for_an_instance_that_starts_later() {
    for (depth, expected) in [(Depth::Hard, Standing::Purged), (Depth::Soft, Standing::Unproven)] {
        let redis = SimulatedRedis::new();
        // By its own clock all that Redis has written is old.
        let long_after = Timestamp::from_secs(4_000_000_000);
        let one = instance_over(&redis, "one", Arc::new(Cable::of(WAY)), long_after).await;
        let before = one.applied();
        let asked = Purge { scopes: vec![Scope::Url("/changed".into())], depth, source: PurgeSource::Admin };
        one.purge(asked, PurgeOptions::default()).await.unwrap();
        let mut entries = redis::cmd("XRANGE");
        entries.arg("larder:purges").arg("-").arg("+");
        for _ in 0..5_000 {
            advance(Duration::from_millis(100)).await;
            if redis.execute(&entries).unwrap() == redis::Value::Array(Vec::new()) {
                break;
            }
        }
        assert_eq!(redis.execute(&entries).unwrap(), redis::Value::Array(Vec::new()), "nothing was trimmed");
        let late = instance(&redis, "late").await;
        assert_eq!(standing(&late, before, "/changed"), expected, "{depth:?}");
        assert_eq!(standing(&late, late.applied(), "/changed"), Standing::Clear, "{depth:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_the_log_refuses_holds_here_all_the_same() {
    let redis = SimulatedRedis::new();
    let wire = Arc::new(Cable::of(WAY));
    let one = instance_over(&redis, "one", Arc::clone(&wire) as _, Timestamp::from_secs(7)).await;
    let before = one.applied();
    let asked = || Purge { scopes: vec![Scope::Url("/p".into())], depth: Depth::Hard, source: PurgeSource::Admin };
    wire.cut();
    one.purge(asked(), PurgeOptions::default()).await.unwrap_err();
    let meanwhile = one.applied();
    assert_eq!(standing(&one, before, "/p"), Standing::Purged);
    assert_eq!(standing(&one, meanwhile, "/p"), Standing::Clear);
    assert!(one.receipts().is_empty());

    wire.mend();
    one.purge(asked(), PurgeOptions::default()).await.unwrap();
    assert_eq!(standing(&one, meanwhile, "/p"), Standing::Purged);
}
