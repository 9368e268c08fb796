//! Another history: a replica that was promoted, and a slot for which the server has not kept enough.

use super::house::{House, instance, instance_at, stock};
use crate::support::deadline::within;
use crate::support::postgres_server::PostgresServer;

const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { tags = [\"product:{id}\"] }";
const TABLES: &str = "CREATE TABLE product (id bigint PRIMARY KEY); CREATE TABLE tick (n bigint PRIMARY KEY);
    CREATE PUBLICATION larder FOR TABLE product, tick";
const PAGES: &[&str] = &["/p/product:1/shoes", "/p/product:2/hats"];

/// Writes so much that a server with a bound on it keeps no more for the slot.
const OUTGROW: &str = "SELECT pg_switch_wal(); CHECKPOINT;";

async fn until_gaps(house: &House, count: f64) {
    within("the gap covered", async {
        while house.counted("other", "gap").await < count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn after_a_promotion_everything_is_purged_that_a_change_could_name_and_the_new_primary_is_read() {
    let mut primary = PostgresServer::start_logical().await;
    primary.execute(TABLES).await;
    let replica = primary.replica().await;
    let url = format!("postgres://postgres@{},{}/postgres", primary.address(), replica.address());
    let larder = instance_at(&url, BLOCK, "").await;
    let house = House { postgres: replica, larder };
    until_gaps(&house, 1.0).await;
    stock(&house.larder, PAGES).await;
    // The last that the old primary commits may never have reached the replica, nor Larder.
    primary.kill();
    house.postgres.promote().await;
    until_gaps(&house, 2.0).await;
    house.until_reading().await;
    assert_eq!(house.stored(PAGES).await, [""; 0]);
    house.stock(PAGES).await;
    house.change("INSERT INTO product VALUES (1)").await;
    assert_eq!(house.stored(PAGES).await, &PAGES[1..]);
}

#[tokio::test]
async fn a_slot_that_was_lost_by_its_bound_is_made_anew_and_everything_purged_that_a_change_could_name() {
    let postgres = PostgresServer::start_with(&["wal_level=logical", "max_slot_wal_keep_size=1MB"]).await;
    postgres.execute(TABLES).await;
    let larder = instance(&postgres, BLOCK, "").await;
    let house = House { postgres, larder };
    house.until_reading().await;
    let House { postgres, larder } = house;
    larder.running.stop().await;
    within("the slot lost", async {
        let status = "SELECT coalesce(max(wal_status), 'gone') FROM pg_replication_slots WHERE slot_name = 'larder'";
        while postgres.ask(status).await != "lost" {
            postgres.execute("INSERT INTO product SELECT coalesce(max(id), 0) + 1 FROM product").await;
            for statement in OUTGROW.split_inclusive(';') {
                postgres.execute(statement).await;
            }
        }
    })
    .await;
    let larder = instance(&postgres, BLOCK, "").await;
    let house = House { postgres, larder };
    until_gaps(&house, 1.0).await;
    house.until_reading().await;
    house.stock(PAGES).await;
    house.change("DELETE FROM product WHERE id = 1").await;
    assert_eq!(house.stored(PAGES).await, &PAGES[1..]);
}
