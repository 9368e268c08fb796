//! A start: the instance knows every purge before it serves, so that it can serve at once what Redis has.

use super::house::{HOST, House, UNHURRIED, purge, shop, until_written};
use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::redis_server::{RedisServer, free_port};
use crate::support::{Barrier, Scenario, Setup, get, reply};
use larder::testing::config::{self, Environment, Overrides};
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// Another instance of the fleet, just started, with this route.
async fn newcomer(house: &House, route: &str) -> Scenario {
    let section = format!("[redis]\nurl = \"{}\"\ninstance = \"three\"\n{UNHURRIED}", house.redis.url());
    Setup::rules(route).section(&section).before(house.one.origin.address).start().await
}

const ROUTE: &str = "[[route]]\nname = \"all\"\npath = \"/**\"\ntags = [\"all\"]\n";

#[tokio::test]
async fn a_start_serves_at_once_what_redis_has() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"1\"").body("one"));
    house.one.fetch(&shop("/p")).await.body("one");
    until_written(&house.one, 1.0).await;
    let three = newcomer(&house, ROUTE).await;
    three.fetch(&shop("/p")).await.hit().detail("shared-tier").body("one");
    three.fetch(&shop("/p")).await.hit();
    three.admin(get("/readyz")).await.status(200);
    house.one.origin.saw("/p", 1);
}

#[tokio::test]
async fn who_comes_right_after_a_start_shares_one_fetch() {
    let house = House::build().await;
    let gate = Barrier::new();
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").hold(&gate).body("one"));
    let three = newcomer(&house, ROUTE).await;
    let mut waiting = Vec::new();
    for _ in 0..60 {
        waiting.push(three.begin(&get("/p").header("Host", HOST)).await);
    }
    gate.reached_by(1).await;
    gate.open();
    for client in &mut waiting {
        client.response().await.status(200).body("one");
    }
    house.one.origin.saw("/p", 1);
}

#[tokio::test]
async fn a_start_goes_on_without_redis_once_its_wait_is_over() {
    let section = format!("[redis]\nurl = \"redis://127.0.0.1:{}\"\njoin_wait = \"50ms\"", free_port());
    let scenario = Setup::route("ttl = \"1m\"").section(&section).start().await;
    scenario.origin.on("/p", reply(200).body("one"));
    scenario.admin(get("/readyz")).await.status(200);
    scenario.get("/p").await.status(200).body("one");
}

#[tokio::test]
async fn an_instance_is_not_ready_and_answers_nobody_before_it_has_read_the_log() {
    let redis = RedisServer::start().await;
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("one"));
    let section = format!("[redis]\nurl = \"{}\"\ntimeout = \"5s\"\njoin_wait = \"1m\"", redis.url());
    let folder = Setup::route("ttl = \"1m\"").section(&section).before(origin.address).folder();
    let (data, admin) = (free_port(), free_port());
    let [listen, admin_listen] = [data, admin].map(|port| Some(format!("127.0.0.1:{port}")));
    let overrides = Overrides { listen, admin: admin_listen, ..Overrides::default() };
    let path = folder.path().join("proxy.toml");
    let config = config::load(&path, &overrides, &Environment::default()).expect("it is valid");
    redis.pause();
    let starting = tokio::spawn(larder::testing::cli::start(config));
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let ask = async |path: &str| {
        let mut client = Client::connect(address(admin)).await;
        client.send(&get(path).header("Host", &address(admin).to_string())).await;
        client.response().await
    };
    within("the admin port", async {
        while TcpStream::connect(address(admin)).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    ask("/readyz").await.status(503);
    ask("/healthz").await.status(200);
    let mut early = Client::connect(address(data)).await;
    early.send(&get("/p")).await;
    ask("/readyz").await.status(503);
    origin.saw("/p", 0);
    redis.resume();
    early.response().await.status(200).body("one");
    let running = starting.await.expect("no panic").expect("it starts");
    ask("/readyz").await.status(200);
    drop(running);
}

#[tokio::test]
async fn what_comes_from_redis_is_judged_by_the_rules_in_force_here() {
    for purged in [r#"{"tags": ["renamed"]}"#, r#"{"routes": ["renamed"]}"#, r#"{"tags": ["all"]}"#] {
        let house = House::build().await;
        house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("one"));
        house.one.fetch(&shop("/p")).await.body("one");
        until_written(&house.one, 1.0).await;
        let three = newcomer(&house, "[[route]]\nname = \"renamed\"\npath = \"/**\"\ntags = [\"renamed\"]\n").await;
        purge(&three, purged).await.status(200);
        three.fetch(&shop("/p")).await.status(200).not_a_hit();
        house.one.origin.saw("/p", 2);
    }
}
