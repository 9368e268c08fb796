//! A snapshot of an instance of a fleet: the process that reads it is as an instance that was away.

use super::shop::{ask, logged, purge, setup};
use crate::support::origin::Origin;
use crate::support::redis_server::RedisServer;
use crate::support::served::Served;
use crate::support::{Setup, reply};

fn in_fleet(redis: &RedisServer) -> Setup {
    // Nothing is in Redis but the log: what is served comes from the snapshot.
    let section = format!("[redis]\nurl = \"{}\"\ntimeout = \"2s\"\nmax_value = \"1KiB\"", redis.url());
    setup("").section(&section)
}

async fn origin() -> Origin {
    let origin = Origin::start().await;
    for path in ["/a", "/b"] {
        origin.on_request(path, move |seen| match seen.value("If-None-Match") {
            Some(_) => reply(304).header("ETag", "\"1\""),
            None => reply(200).header("ETag", "\"1\"").body(path.repeat(2_000)),
        });
    }
    origin
}

/// A process that has stored both and has stopped.
async fn stopped(redis: &RedisServer, origin: &Origin) -> Served {
    let mut first = in_fleet(redis).before(origin.address).serve().await;
    for path in ["/a", "/b"] {
        ask(&first, path).await.status(200);
        ask(&first, path).await.hit();
    }
    first.stop().await;
    first
}

#[tokio::test]
async fn what_nobody_purged_meanwhile_is_served_and_what_somebody_did_is_not() {
    let (redis, origin) = (RedisServer::start().await, origin().await);
    let first = stopped(&redis, &origin).await;
    let other = in_fleet(&redis).before(origin.address).serve().await;
    purge(&other, r#"{"urls": ["/a"]}"#).await;
    let second = first.again(&[]).await;
    logged(&second, "the snapshot is in memory").await;
    ask(&second, "/a").await.not_a_hit();
    ask(&second, "/b").await.hit();
}

#[tokio::test]
async fn where_the_log_was_lost_or_trimmed_everything_is_validated() {
    for is_lost in [true, false] {
        let (mut redis, origin) = (RedisServer::start().await, origin().await);
        let first = stopped(&redis, &origin).await;
        let other = in_fleet(&redis).before(origin.address).serve().await;
        purge(&other, r#"{"urls": ["/c"]}"#).await;
        drop(other);
        if is_lost {
            redis.kill();
            redis.restart_empty().await;
        } else {
            let _: u64 = redis.command(&["XTRIM", "larder:purges", "MAXLEN", "0"]).await;
        }
        let second = first.again(&[]).await;
        logged(&second, "the snapshot is in memory").await;
        for path in ["/a", "/b"] {
            ask(&second, path).await.forwarded("stale").detail("unproven").status(200);
            ask(&second, path).await.hit();
        }
    }
}

#[tokio::test]
async fn a_snapshot_of_another_log_is_not_used() {
    let (redis, origin) = (RedisServer::start().await, origin().await);
    let first = stopped(&redis, &origin).await;
    let file = first.folder().join("proxy.toml");
    let text = std::fs::read_to_string(&file).expect("it is there");
    std::fs::write(&file, text.replace("max_value", "namespace = \"other\"\nmax_value")).expect("it is ours");
    let second = first.again(&[]).await;
    logged(&second, "belongs to another log of purges").await;
    ask(&second, "/a").await.not_a_hit();
}
