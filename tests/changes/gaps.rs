//! What the slot can't tell of is purged: everything that a change could have named.

use super::house::{House, instance, stock, stored};
use crate::support::deadline::within;
use crate::support::postgres_server::PostgresServer;

const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { tags = [\"product:{id}\"] }";
const PAGES: &[&str] = &["/p/product:1/shoes", "/p/product:2/hats"];

const WAITS: &str = "SELECT (count(*) > 0)::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
const SENT: &str = "SELECT (count(*) > 0)::text FROM pg_stat_replication r, pg_replication_slots s \
    WHERE s.active_pid = r.pid AND r.sent_lsn >= pg_current_wal_flush_lsn()";

#[tokio::test]
async fn changes_made_while_the_database_was_killed_and_came_back_are_read_from_the_slot() {
    let mut house = House::with(BLOCK).await;
    house.stock(PAGES).await;
    house.postgres.kill();
    house.postgres.restart().await;
    house.postgres.execute("INSERT INTO product (id) VALUES (1)").await;
    house.until_taken().await;
    assert_eq!(house.stored(PAGES).await, &PAGES[1..]);
    assert!(house.counted("other", "gap").await < 2.0, "the first, of the slot that was made, is the only one");
}

#[tokio::test]
async fn a_slot_that_is_gone_is_made_anew_and_everything_purged_that_a_change_could_name() {
    let house = House::with(BLOCK).await;
    house.stock(PAGES).await;
    house
        .postgres
        .execute(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active;
             DO $$ BEGIN
               LOOP
                 BEGIN
                   PERFORM pg_drop_replication_slot('larder');
                   RETURN;
                 EXCEPTION WHEN object_in_use THEN
                   PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active;
                 END;
               END LOOP;
             END $$;
             INSERT INTO product (id) VALUES (2)",
        )
        .await;
    within("the gap covered", async {
        while house.counted("other", "gap").await < 2.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    house.until_reading().await;
    assert_eq!(house.stored(PAGES).await, [""; 0]);
    house.stock(PAGES).await;
    house.change("DELETE FROM product WHERE id = 2").await;
    assert_eq!(house.stored(PAGES).await, &PAGES[..1]);
}

#[tokio::test]
async fn changes_made_while_no_instance_ran_are_purged_by_the_next() {
    let house = House::with(BLOCK).await;
    let House { postgres, larder } = house;
    larder.running.stop().await;
    postgres.execute("INSERT INTO product (id) VALUES (1)").await;
    let larder = instance(&postgres, BLOCK, "").await;
    let house = House { postgres, larder };
    house.until_reading().await;
    house.until_taken().await;
    assert!((house.counted("public.product", "purged").await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_change_is_not_purged_before_others_can_see_it() {
    let house = House::with(BLOCK).await;
    // A synchronous replica that never answers: commits are written, and sent to the slot, but nobody sees them.
    house.postgres.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await;
    house.postgres.execute("SELECT pg_reload_conf()").await;
    within("the setting in force", async {
        while house.postgres.ask("SHOW synchronous_standby_names").await != "nobody" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    house.stock(PAGES).await;
    let client = house.postgres.client().await.expect("the server answers");
    let writing = tokio::spawn(async move { client.batch_execute("INSERT INTO product (id) VALUES (1)").await });
    for condition in [WAITS, SENT] {
        within("the commit written and sent", async {
            while house.postgres.ask(condition).await != "true" {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    for _ in 0..100 {
        assert_eq!(house.stored(PAGES).await, PAGES, "purged although the origin still says what was before");
    }
    house.postgres.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").await;
    drop(writing.await.expect("it does not panic"));
    within("the purge", async {
        while stored(&house.larder, &PAGES[..1]).await != [""; 0] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_publication_that_is_made_later_is_waited_for() {
    let postgres = PostgresServer::start_logical().await;
    postgres.execute("CREATE TABLE product (id bigint PRIMARY KEY); CREATE TABLE tick (n bigint PRIMARY KEY)").await;
    let larder = instance(&postgres, BLOCK, "").await;
    stock(&larder, PAGES).await;
    postgres.execute("CREATE PUBLICATION larder FOR TABLE product, tick").await;
    let house = House { postgres, larder };
    house.until_reading().await;
    house.stock(PAGES).await;
    house.change("INSERT INTO product VALUES (1)").await;
    assert_eq!(house.stored(PAGES).await, &PAGES[1..]);
}
