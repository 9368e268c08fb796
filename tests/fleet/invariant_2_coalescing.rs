//! Invariant 2 in a fleet: one cold key, clients at several instances, one fetch; and nobody is stranded by whoever has it.

use super::house::{House, purge, shop, until_written};
use crate::support::{Barrier, deadline, reply};

/// Waits until so many look-ups have come to Redis: who has looked in vain claims the fetch next.
async fn until_looked_up(house: &House, count: u64) {
    deadline::within("look-ups in Redis", async {
        loop {
            let stats: String = house.redis.command(&["INFO", "commandstats"]).await;
            let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_hgetall:calls=")).unwrap_or("0");
            let calls: u64 = calls.split(',').next().unwrap_or_default().parse().expect("a number of calls");
            if calls >= count {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn invariant_2_a_cold_key_is_fetched_once_in_the_whole_fleet() {
    let house = House::build().await;
    let gate = Barrier::new();
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").hold(&gate).body("once"));
    let mut first = house.one.begin(&shop("/p")).await;
    gate.reached_by(1).await;
    let mut others = Vec::new();
    for _ in 0..10 {
        others.push(house.two.begin(&shop("/p")).await);
        others.push(house.one.begin(&shop("/p")).await);
    }
    // The first look-up, its second after the claim, and that of the leader at the other instance.
    until_looked_up(&house, 3).await;
    gate.open();
    first.response().await.status(200).body("once").forwarded("uri-miss");
    for client in &mut others {
        client.response().await.status(200).body("once");
    }
    house.one.origin.saw("/p", 1);
}

#[tokio::test]
async fn invariant_2_the_lease_that_a_dead_instance_left_strands_no_one() {
    let house = House::routed("coalesce_wait = \"1h\"").await;
    let gate = Barrier::new();
    let fresh = || reply(200).header("Cache-Control", "max-age=60");
    house.one.origin.on_each("/p", [fresh().hold(&gate).body("first"), fresh().body("second")]);
    let mut first = house.one.begin(&shop("/p")).await;
    gate.reached_by(1).await;
    let leases: Vec<String> = house.redis.command(&["KEYS", "larder:fetch:*"]).await;
    let [lease] = leases.as_slice() else { panic!("one lease, not {leases:?}") };
    gate.open();
    first.response().await.status(200).body("first");
    until_written(&house.one, 1.0).await;
    purge(&house.one, r#"{"tags": ["all"], "wait": "5s"}"#).await.status(200);
    // As a holder leaves it that neither renews nor releases it.
    house.redis.command::<()>(&["SET", lease, "9999999999999-0 gone-00000000-0", "PX", "1000"]).await;
    house.two.fetch(&shop("/p")).await.status(200).body("second");
}

#[tokio::test]
async fn invariant_2_a_slow_instance_holds_no_one_longer_than_coalesce_wait() {
    let house = House::routed("coalesce_wait = \"50ms\"").await;
    let never = Barrier::new();
    let fresh = || reply(200).header("Cache-Control", "max-age=60");
    house.one.origin.on_each("/p", [fresh().hold(&never).body("late"), fresh().body("prompt")]);
    let _client = house.one.begin(&shop("/p")).await;
    never.reached_by(1).await;
    house.two.fetch(&shop("/p")).await.status(200).body("prompt");
}

#[tokio::test]
async fn invariant_2_what_is_uncacheable_is_neither_shared_nor_serialised_between_instances() {
    let house = House::build().await;
    let gate = Barrier::new();
    let private = |body: &str| reply(200).header("Cache-Control", "private").body(body);
    house.one.origin.on_each("/p", [private("mine").hold(&gate), private("yours")]);
    let mut first = house.one.begin(&shop("/p")).await;
    gate.reached_by(1).await;
    let mut second = house.two.begin(&shop("/p")).await;
    until_looked_up(&house, 3).await;
    gate.open();
    first.response().await.status(200).body("mine");
    second.response().await.status(200).body("yours");
}

#[tokio::test]
async fn invariant_2_nobody_waits_for_a_fetch_that_a_purge_has_overtaken() {
    let house = House::build().await;
    let gate = Barrier::new();
    let fresh = || reply(200).header("Cache-Control", "max-age=60");
    house.one.origin.on_each("/p", [fresh().hold(&gate).body("old"), fresh().body("new")]);
    let mut first = house.one.begin(&shop("/p")).await;
    gate.reached_by(1).await;
    purge(&house.one, r#"{"tags": ["all"], "wait": "5s"}"#).await.status(200);
    house.two.fetch(&shop("/p")).await.status(200).body("new");
    gate.open();
    first.response().await.status(200).body("old");
    house.two.fetch(&shop("/p")).await.hit().body("new");
    house.one.fetch(&shop("/p")).await.body("new");
}

#[tokio::test]
async fn invariant_2_without_redis_each_instance_fetches_once() {
    let house = House::build().await;
    house.redis.pause();
    let gate = Barrier::new();
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").hold(&gate).body("each"));
    let mut clients = Vec::new();
    for instance in [&house.one, &house.two, &house.one, &house.two] {
        clients.push(instance.begin(&shop("/p")).await);
    }
    gate.reached_by(2).await;
    gate.open();
    for client in &mut clients {
        client.response().await.status(200).body("each");
    }
    house.one.origin.saw("/p", 2);
    house.redis.resume();
}

#[tokio::test]
async fn invariant_2_validations_while_redis_is_away_do_not_wait_for_one_another() {
    let mut house = House::with("partition_grace = \"1s\"").await;
    let answer = reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"1\"");
    house.one.origin.on("/p", answer.clone().body("hot"));
    house.one.fetch(&shop("/p")).await.body("hot");
    house.redis.kill();
    let validated = |answer: &crate::support::expect::Response| answer.cache_status().contains("detail=unproven");
    house.one.until("hits being validated", &shop("/p"), validated).await;
    let before = house.one.origin.requests("/p").len();
    let gate = Barrier::new();
    house.one.origin.on("/p", reply(304).header("ETag", "\"1\"").hold(&gate));
    let mut waiting = vec![house.one.begin(&shop("/p")).await];
    gate.reached_by(1).await;
    // The next begins at once, for all who come together.
    for _ in 0..19 {
        waiting.push(house.one.begin(&shop("/p")).await);
    }
    gate.reached_by(2).await;
    gate.open();
    for client in &mut waiting {
        client.response().await.status(200).body("hot");
    }
    let fetches = house.one.origin.requests("/p").len() - before;
    assert!(fetches < 20, "{fetches} validations for 20 clients");
}
