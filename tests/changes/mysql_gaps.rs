//! What the binary log can't tell of is purged: everything that a change could have named.

use super::house::{stock, stored};
use super::mysql_house::{MysqlHouse, database, instance};
use crate::support::deadline::within;
use crate::support::redis_server::RedisServer;
use crate::support::{get, reply};
use mysql_async::prelude::Queryable as _;

const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { tags = [\"product:{id}\"] }";
const PAGES: &[&str] = &["/p/product:1/shoes", "/p/product:2/hats"];
const INSERT_1: &str = "INSERT INTO product VALUES (1, NULL, NULL, NULL)";
const INSERT_2: &str = "INSERT INTO product VALUES (2, NULL, NULL, NULL)";

/// Whether a commit waits for a replica, and whether all of the log was sent.
const WAITS: &str =
    "SELECT CAST(count(*) > 0 AS char) FROM information_schema.processlist WHERE state LIKE 'Waiting for semi-sync%'";
const SENT: &str = "SELECT CAST(count(*) > 0 AS char) FROM information_schema.processlist \
    WHERE command = 'Binlog Dump' AND state LIKE '%has sent all binlog%'";

fn redis(redis: &RedisServer, name: &str) -> String {
    format!("[redis]\nurl = \"{}\"\ninstance = \"{name}\"\ntimeout = \"2s\"", redis.url())
}

#[tokio::test]
async fn changes_made_while_the_database_was_killed_and_came_back_are_read_from_its_log() {
    let mut house = MysqlHouse::with(BLOCK).await;
    house.stock(PAGES).await;
    house.mariadb.kill();
    house.mariadb.restart().await;
    house.mariadb.execute(INSERT_1).await;
    house.until_taken().await;
    assert_eq!(house.stored(PAGES).await, &PAGES[1..]);
    assert!(house.counted("other", "gap").await < 2.0, "the first, of the start, is the only one");
}

#[tokio::test]
async fn a_log_that_was_begun_anew_is_a_gap() {
    let house = MysqlHouse::with(BLOCK).await;
    house.change(&[INSERT_1]).await;
    house.stock(PAGES).await;
    house.mariadb.execute("RESET MASTER").await;
    house.mariadb.execute(INSERT_2).await;
    house.until_gaps(2.0).await;
    house.until_reading().await;
    assert_eq!(house.stored(PAGES).await, [""; 0]);
    house.stock(PAGES).await;
    house.change(&["DELETE FROM product WHERE id = 2"]).await;
    assert_eq!(house.stored(PAGES).await, &PAGES[..1]);
}

#[tokio::test]
async fn a_log_that_was_thrown_away_while_no_instance_ran_is_a_gap() {
    let redis_server = RedisServer::start().await;
    let mariadb = database(&[]).await;
    let larder = instance(&mariadb, BLOCK, &redis(&redis_server, "one")).await;
    let house = MysqlHouse { mariadb, larder };
    house.until_reading().await;
    house.change(&[INSERT_1]).await;
    let MysqlHouse { mariadb, larder } = house;
    larder.running.stop().await;
    mariadb.client("USE shop; INSERT INTO product (id) VALUES (2); FLUSH BINARY LOGS; FLUSH BINARY LOGS;").await;
    // As long as the server believes that it is read, it throws nothing away.
    within("the log thrown away", async {
        loop {
            let mut conn = mariadb.connect(None).await.expect("the server answers");
            let files: Vec<(String, u64)> = conn.query("SHOW BINARY LOGS").await.expect("root may ask");
            let Some((last, _)) = files.last().filter(|_| files.len() > 1) else { break };
            mariadb.execute(&format!("PURGE BINARY LOGS TO '{last}'")).await;
        }
    })
    .await;
    let larder = instance(&mariadb, BLOCK, &redis(&redis_server, "two")).await;
    let house = MysqlHouse { mariadb, larder };
    house.until_gaps(1.0).await;
    house.until_reading().await;
    house.until_taken().await;
}

#[tokio::test]
async fn one_instance_reads_for_all_and_another_goes_on_where_it_stopped() {
    let redis_server = RedisServer::start().await;
    let mariadb = database(&[]).await;
    let larder = instance(&mariadb, BLOCK, &redis(&redis_server, "one")).await;
    let one = MysqlHouse { mariadb, larder };
    one.until_reading().await;
    one.until_taken().await;
    let two = instance(&one.mariadb, BLOCK, &redis(&redis_server, "two")).await;
    for larder in [&one.larder, &two] {
        stock(larder, &PAGES[..1]).await;
        larder.origin.on(PAGES[0], reply(200).body("another page"));
    }
    one.change(&[INSERT_1]).await;
    for larder in [&one.larder, &two] {
        larder.until("the changed page", &get(PAGES[0]), |response| response.text() == "another page").await;
    }
    let MysqlHouse { mariadb, larder } = one;
    larder.running.stop().await;
    mariadb.execute("DELETE FROM product").await;
    let two = MysqlHouse { mariadb, larder: two };
    two.until_taken().await;
    assert!((two.counted("public.product", "purged").await - 1.0).abs() < f64::EPSILON, "two took over");
    assert!(two.counted("other", "gap").await < 1.0, "and missed nothing");
}

#[tokio::test]
async fn a_change_is_not_purged_before_others_can_see_it() {
    let house = MysqlHouse::with(BLOCK).await;
    // A semi-synchronous replica that never answers: commits are in the log, but nobody sees them.
    house
        .mariadb
        .client(
            "SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC; SET GLOBAL rpl_semi_sync_master_timeout = 600000;
             SET GLOBAL rpl_semi_sync_master_wait_no_slave = ON; SET GLOBAL rpl_semi_sync_master_enabled = ON;",
        )
        .await;
    house.stock(PAGES).await;
    let mut conn = house.mariadb.connect(Some("shop")).await.expect("the server answers");
    let writing = tokio::spawn(async move { conn.query_drop(INSERT_1).await });
    for condition in [WAITS, SENT] {
        within("the commit written and sent", async {
            while house.mariadb.ask(condition).await != "1" {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    for _ in 0..100 {
        assert_eq!(house.stored(PAGES).await, PAGES, "purged although the origin still says what was before");
    }
    house.mariadb.execute("SET GLOBAL rpl_semi_sync_master_enabled = OFF").await;
    writing.await.expect("it does not panic").expect("it is written");
    within("the purge", async {
        while stored(&house.larder, &PAGES[..1]).await != [""; 0] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
