//! A fleet works the same on a cluster, and on the primary that a sentinel names, also after another took its place.

use super::house::{HOST, UNHURRIED, purge, shop, until_written};
use crate::support::deadline::{within, within_time};
use crate::support::redis_server::{RedisServer, free_port};
use crate::support::{Scenario, Setup, reply};
use std::time::Duration;

/// Two instances on the Redis at `url`, with further keys of `[redis]`.
pub(super) async fn fleet_of_two(url: &str, keys: &str) -> [Scenario; 2] {
    let setup = |name: &str| {
        let section = format!("[redis]\nurl = \"{url}\"\ninstance = \"{name}\"\n{UNHURRIED}\n{keys}");
        Setup::route("tags = [\"all\"]").section(&section)
    };
    let one = setup("one").start().await;
    let two = setup("two").before(one.origin.address).start().await;
    [one, two]
}

/// Shares responses under many keys, and purges them.
pub(super) async fn assert_shares_and_purges([one, two]: &[Scenario; 2], round: &str) {
    until_purged(one, two).await;
    let paths: Vec<String> = (0..12).map(|nth| format!("/{round}/{nth}")).collect();
    let before = one.metric("larder_redis_writes_total{result=\"stored\"}").await;
    for path in &paths {
        one.origin.on(path, reply(200).header("Cache-Control", "max-age=60").body("old"));
        one.fetch(&shop(path)).await.status(200).body("old");
        one.origin.on(path, reply(200).header("Cache-Control", "max-age=60").body("new"));
    }
    until_written(one, before + 12.0).await;
    for path in &paths {
        two.fetch(&shop(path)).await.hit().detail("shared-tier").body("old");
    }
    until_purged(one, two).await;
    for path in &paths {
        two.fetch(&shop(path)).await.status(200).body("new");
    }
}

/// Purges everything until both instances have, which they can only where both read the same log.
async fn until_purged(one: &Scenario, two: &Scenario) {
    within(format_args!("both instances behind {HOST} applying a purge"), async {
        for instance in [one, two] {
            while !purge(instance, r#"{"all": true, "wait": "5s"}"#).await.text().contains(r#""applied":["one","two"]"#)
            {
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_fleet_works_on_a_cluster() {
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let bus = free_port().to_string();
        let node = RedisServer::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus]).await;
        nodes.push((node, bus));
    }
    for ((node, _), slots) in nodes.iter().zip([["0", "5000"], ["5001", "11000"], ["11001", "16383"]]) {
        node.command::<String>(&["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]]).await;
        for (other, bus) in &nodes {
            node.command::<String>(&["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string(), bus]).await;
        }
    }
    within("the cluster being whole", async {
        for (node, _) in &nodes {
            while !node.command::<String>(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") {
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    let hosts: Vec<_> = nodes.iter().take(2).map(|(node, _)| format!("127.0.0.1:{}", node.port())).collect();
    let fleet = fleet_of_two(&format!("redis-cluster://{}", hosts.join(",")), "").await;
    assert_shares_and_purges(&fleet, "cluster").await;
}

#[tokio::test]
async fn a_fleet_follows_the_primary_that_a_sentinel_names() {
    let primary = RedisServer::start().await;
    let port = primary.port().to_string();
    let replica =
        RedisServer::start_with(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]).await;
    within("the replica following", async {
        while !replica.command::<String>(&["INFO", "replication"]).await.contains("master_link_status:up") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let config = folder.path().join("sentinel.conf");
    let watched = format!("sentinel monitor shop 127.0.0.1 {port} 1\nsentinel failover-timeout shop 60000\n");
    std::fs::write(&config, watched).expect("a fresh folder takes a file");
    let sentinel = RedisServer::start_with(&[config.to_str().expect("a plain path"), "--sentinel"]).await;
    within("the sentinel knowing the replica", async {
        while !sentinel.command::<String>(&["INFO", "sentinel"]).await.contains("slaves=1") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let fleet = fleet_of_two(&format!("redis+sentinel://127.0.0.1:{}/shop", sentinel.port()), "").await;
    assert_shares_and_purges(&fleet, "before").await;
    sentinel.command::<String>(&["SENTINEL", "FAILOVER", "shop"]).await;
    // A sentinel whose machine is busy begins late, and takes its steps one by one.
    within_time(Duration::from_mins(1), "the replica taking over", async {
        // It drops its connections as it changes roles.
        let took_over = |role: redis::RedisResult<String>| role.is_ok_and(|role| role.contains("role:master"));
        while !took_over(replica.try_command(&["INFO", "replication"]).await) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(primary);
    assert_shares_and_purges(&fleet, "after").await;
}
