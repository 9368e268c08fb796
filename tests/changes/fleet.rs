//! One instance of a fleet reads the changes; each applies what they purge, and another takes over.

use super::house::{House, instance, stock};
use crate::support::postgres_server::PostgresServer;
use crate::support::redis_server::RedisServer;
use crate::support::{get, reply};

const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { tags = [\"product:{id}\"] }";
const TABLES: &str = "CREATE TABLE product (id bigint PRIMARY KEY); CREATE TABLE tick (n bigint PRIMARY KEY);
    CREATE PUBLICATION larder FOR TABLE product, tick";

fn redis(redis: &RedisServer, name: &str) -> String {
    format!("[redis]\nurl = \"{}\"\ninstance = \"{name}\"\ntimeout = \"2s\"", redis.url())
}

#[tokio::test]
async fn one_instance_reads_for_all_and_another_goes_on_where_it_stopped() {
    let (redis_server, postgres) = (RedisServer::start().await, PostgresServer::start_logical().await);
    postgres.execute(TABLES).await;
    let larder = instance(&postgres, BLOCK, &redis(&redis_server, "one")).await;
    let one = House { postgres, larder };
    one.until_reading().await;
    // The slot may be held by who has only made it so far: what was taken shows who reads.
    one.until_taken().await;
    let two = instance(&one.postgres, BLOCK, &redis(&redis_server, "two")).await;
    let page = "/p/product:1/shoes";
    for larder in [&one.larder, &two] {
        stock(larder, &[page]).await;
    }
    for larder in [&one.larder, &two] {
        larder.origin.on(page, reply(200).body("another page"));
    }
    one.change("INSERT INTO product VALUES (1)").await;
    for larder in [&one.larder, &two] {
        larder.until("the changed page", &get(page), |response| response.text() == "another page").await;
    }
    let House { postgres, larder } = one;
    larder.running.stop().await;
    postgres.execute("DELETE FROM product").await;
    let two = House { postgres, larder: two };
    two.until_reading().await;
    two.until_taken().await;
    assert!((two.counted("public.product", "purged").await - 1.0).abs() < f64::EPSILON, "two took over");
    assert!(two.counted("other", "gap").await < 1.0, "and missed nothing");
}
