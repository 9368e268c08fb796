//! Origins that read from replicas: what a change purges is purged again once every replica has replayed it.

use super::house::{House, instance, stock, stored};
use crate::support::deadline::within;
use crate::support::postgres_server::PostgresServer;

const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { tags = [\"product:{id}\"] }";
const TABLES: &str = "CREATE TABLE product (id bigint PRIMARY KEY); CREATE TABLE tick (n bigint PRIMARY KEY);
    CREATE PUBLICATION larder FOR TABLE product, tick";
const PAGES: &[&str] = &["/p/product:1/shoes", "/p/product:2/hats"];

/// An instance that reads a database's changes, before an origin that reads from its replica.
async fn with_replica() -> (House, PostgresServer) {
    let postgres = PostgresServer::start_logical().await;
    postgres.execute(TABLES).await;
    let replica = postgres.replica().await;
    let larder = instance(&postgres, BLOCK, &section(&replica)).await;
    let house = House { postgres, larder };
    house.until_reading().await;
    (house, replica)
}

fn section(replica: &PostgresServer) -> String {
    format!("replicas = [\"{}\"]", replica.url())
}

/// Waits until the slot is confirmed up to this position.
async fn until_confirmed(postgres: &PostgresServer, position: &str) {
    within("the position confirmed", async {
        while !is_confirmed(postgres, position).await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn is_confirmed(postgres: &PostgresServer, position: &str) -> bool {
    let sql = format!(
        "SELECT (confirmed_flush_lsn >= '{position}')::text FROM pg_replication_slots WHERE slot_name = 'larder'"
    );
    postgres.ask(&sql).await == "true"
}

async fn position(postgres: &PostgresServer) -> String {
    postgres.ask("SELECT pg_current_wal_insert_lsn()::text").await
}

async fn until_gone(house: &House, page: &'static str) {
    within("the page purged again", async {
        while stored(&house.larder, &[page]).await == [page] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn until_up(house: &House, replica: &PostgresServer, up: f64) {
    let metric = format!("larder_change_replica_up{{replica=\"{}\"}}", replica.address());
    within("the replica's state told", async {
        while (house.larder.metric(&metric).await - up).abs() > f64::EPSILON {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_replica_had_not_replayed_is_purged_again_once_it_has() {
    let (house, replica) = with_replica().await;
    house.stock(PAGES).await;
    replica.pause_replay().await;
    house.change("INSERT INTO product VALUES (1)").await;
    let committed = position(&house.postgres).await;
    assert_eq!(house.stored(PAGES).await, &PAGES[1..], "it is purged at once");
    // What an origin answers now comes from the replica, which does not have the row.
    house.stock(PAGES).await;
    for _ in 0..100 {
        assert_eq!(house.stored(PAGES).await, PAGES);
    }
    assert!(!is_confirmed(&house.postgres, &committed).await, "nor is the change done with");
    replica.execute("SELECT pg_wal_replay_resume()").await;
    until_gone(&house, PAGES[0]).await;
    until_confirmed(&house.postgres, &committed).await;
    house.stock(PAGES).await;
    for _ in 0..100 {
        assert_eq!(house.stored(PAGES).await, PAGES, "once is enough");
    }
}

#[tokio::test]
async fn while_a_replica_cannot_be_asked_what_has_changed_is_purged_again_and_again() {
    let (house, mut replica) = with_replica().await;
    house.stock(PAGES).await;
    replica.kill();
    until_up(&house, &replica, 0.0).await;
    house.change("INSERT INTO product VALUES (1)").await;
    let committed = position(&house.postgres).await;
    for _ in 0..3 {
        stock(&house.larder, &PAGES[..1]).await;
        until_gone(&house, PAGES[0]).await;
    }
    assert!(!is_confirmed(&house.postgres, &committed).await);
    replica.restart().await;
    until_up(&house, &replica, 1.0).await;
    until_confirmed(&house.postgres, &committed).await;
    house.stock(PAGES).await;
    for _ in 0..100 {
        assert_eq!(house.stored(PAGES).await, PAGES);
    }
}

#[tokio::test]
async fn what_had_not_settled_when_an_instance_ended_is_purged_by_the_next() {
    let (house, replica) = with_replica().await;
    replica.pause_replay().await;
    house.change("INSERT INTO product VALUES (1)").await;
    let committed = position(&house.postgres).await;
    let House { postgres, larder } = house;
    larder.running.stop().await;
    let larder = instance(&postgres, BLOCK, &section(&replica)).await;
    let house = House { postgres, larder };
    house.until_reading().await;
    house.until_taken().await;
    assert!(house.counted("public.product", "purged").await > 0.0, "it is told of the change again");
    assert!(!is_confirmed(&house.postgres, &committed).await);
    house.stock(PAGES).await;
    replica.execute("SELECT pg_wal_replay_resume()").await;
    until_gone(&house, PAGES[0]).await;
    until_confirmed(&house.postgres, &committed).await;
}

#[tokio::test]
async fn a_server_that_is_no_copy_counts_as_one_that_cannot_be_asked() {
    let (postgres, other) = (PostgresServer::start_logical().await, PostgresServer::start_logical().await);
    postgres.execute(TABLES).await;
    let larder = instance(&postgres, BLOCK, &section(&other)).await;
    let house = House { postgres, larder };
    within("everything purged again and again", async {
        while house.counted("other", "gap").await < 3.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
