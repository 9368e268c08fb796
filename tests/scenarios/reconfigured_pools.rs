//! Pools of upstream servers whose options are replaced while requests are under way.

use super::reconfigured::{reload, write};
use crate::support::client::Client;
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{Barrier, Setup, get, post, reply};
use futures_util::future::join_all;
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeSet;

const RULES: &str = "[[route]]\npath = \"/kept/**\"\nttl = \"1h\"\n";

fn toml(servers: &[(&Origin, u16)], more: &str) -> String {
    let tables =
        servers.iter().map(|(origin, weight)| format!("{{ url = \"http://{}\", weight = {weight} }}", origin.address));
    let servers = tables.collect::<Vec<_>>().join(", ");
    format!(
        "rules = \"rules.toml\"\n[listen]\nhttp = \"127.0.0.1:0\"\n[upstream]\nservers = [{servers}]\n{more}\n\
         [memory]\nsize = \"64MiB\"\n[admin]\nlisten = \"127.0.0.1:0\"\n"
    )
}

async fn put(served: &Served, servers: &[(&Origin, u16)], more: &str) {
    write(served, "proxy.toml", &toml(servers, more));
    let said = reload(served).await;
    assert_eq!(said["waits_for_restart"], Value::Array(Vec::new()), "{said}");
}

async fn shown(served: &Served) -> Value {
    serde_json::from_str(&served.admin(get("/upstreams")).await.text()).expect("it is JSON")
}

async fn named(name: &'static str) -> Origin {
    let origin = Origin::start().await;
    origin.on("/who", reply(200).body(name));
    origin
}

/// Who answers so many requests, one after another.
async fn answering(served: &Served, requests: usize) -> Vec<String> {
    let mut client = Client::connect(served.data_address).await;
    let mut names = Vec::new();
    for _ in 0..requests {
        client.send(&get("/who")).await;
        names.push(client.response().await.text());
    }
    names
}

fn count(names: &[String], name: &str) -> usize {
    names.iter().filter(|other| *other == name).count()
}

#[tokio::test]
async fn servers_come_and_go_and_change_their_weight_and_those_that_stay_keep_their_connections() {
    let (a, b, c) = (named("a").await, named("b").await, named("c").await);
    let served = Setup::rules(RULES).before(a.address).serve().await;
    let kept = "idle_timeout = \"1h\"";
    put(&served, &[(&a, 1), (&b, 1)], kept).await;
    let names = answering(&served, 8).await;
    assert_eq!((count(&names, "a"), count(&names, "b")), (4, 4));
    put(&served, &[(&a, 3), (&b, 1)], kept).await;
    let names = answering(&served, 8).await;
    assert_eq!((count(&names, "a"), count(&names, "b")), (6, 2));
    put(&served, &[(&c, 1), (&a, 1)], &format!("{kept}\nretries = {{ attempts = 0 }}")).await;
    let names = answering(&served, 8).await;
    assert_eq!((count(&names, "a"), count(&names, "b"), count(&names, "c")), (4, 0, 4));
    let connections: BTreeSet<_> = a.requests("/who").iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 1, "one connection after all that");
    assert_eq!(shown(&served).await["pools"][0]["servers"].as_array().map(Vec::len), Some(2));
    // What is spoken to a server is part of how its connections were opened.
    put(&served, &[(&a, 1)], "idle_timeout = \"3s\"").await;
    answering(&served, 2).await;
    let connections: BTreeSet<_> = a.requests("/who").iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 2, "opened anew");
}

#[tokio::test]
async fn a_server_that_is_drained_stays_so_whatever_else_of_its_pool_changes() {
    let (a, b) = (named("a").await, named("b").await);
    let served = Setup::rules(RULES).before(a.address).serve().await;
    put(&served, &[(&a, 1), (&b, 1)], "").await;
    let drain = format!("/upstreams/default/{}/drain", b.address);
    served.admin(post(&drain, "{\"drain\": true}")).await.status(200);
    for (weight, more) in
        [(1, "read_timeout = \"7s\""), (9, ""), (9, "health = { path = \"/who\" }"), (9, "balance = \"consistent\"")]
    {
        put(&served, &[(&a, 1), (&b, weight)], more).await;
        assert_eq!(count(&answering(&served, 6).await, "b"), 0, "{more}");
        let shown = shown(&served).await;
        assert_eq!(shown["pools"][0]["servers"][1]["state"], "draining", "{shown}");
        assert_eq!(shown["pools"][0]["servers"][1]["weight"], weight, "{shown}");
    }
    // One that goes and comes back is a new one.
    put(&served, &[(&a, 1)], "").await;
    put(&served, &[(&a, 1), (&b, 1)], "").await;
    assert_eq!(count(&answering(&served, 6).await, "b"), 3);
}

#[tokio::test]
async fn what_a_server_has_under_way_ends_there_when_the_pool_loses_it() {
    let (a, b) = (named("a").await, named("b").await);
    let held = Barrier::new();
    a.on("/slow", reply(200).hold(&held).body("from a"));
    a.on("/tail", reply(200).chunked().body("from").wait(&held).body(" a"));
    let served = Setup::rules(RULES).before(a.address).serve().await;
    put(&served, &[(&a, 1)], "").await;
    let mut slow = Client::connect(served.data_address).await;
    slow.send(&get("/slow")).await;
    let mut tail = Client::connect(served.data_address).await;
    tail.send(&get("/tail")).await;
    held.reached_by(2).await;
    put(&served, &[(&b, 1)], "").await;
    assert_eq!(answering(&served, 3).await, ["b", "b", "b"]);
    held.open();
    slow.response().await.status(200).body("from a");
    tail.response().await.status(200).body("from a");
    // What fails there by then is tried at the servers that there are.
    let cut = Barrier::new();
    b.on("/gone", reply(200).hold(&cut).reset());
    a.on("/gone", reply(200).body("a"));
    put(&served, &[(&b, 1), (&a, 1)], "").await;
    let mut gone = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(served.data_address).await;
        client.send(&get("/gone")).await;
        gone.push(client);
    }
    cut.reached_by(1).await;
    put(&served, &[(&a, 1)], "").await;
    cut.open();
    for mut client in gone {
        client.response().await.status(200).body("a");
    }
}

#[tokio::test]
async fn what_waits_for_its_turn_gets_it_when_there_is_more_room_or_no_limit_any_more() {
    let a = named("a").await;
    for more in ["max_requests = 3", "max_requests = 0"] {
        let held = Barrier::new();
        a.on("/slow", reply(200).hold(&held));
        let served = Setup::rules(RULES).before(a.address).serve().await;
        put(&served, &[(&a, 1)], "max_requests = 1").await;
        let mut first = Client::connect(served.data_address).await;
        first.send(&get("/slow")).await;
        held.reached_by(1).await;
        let mut second = Client::connect(served.data_address).await;
        second.send(&get("/who")).await;
        put(&served, &[(&a, 1)], more).await;
        second.response().await.status(200);
        // Less room than is taken: the next waits until enough has ended.
        put(&served, &[(&a, 1)], "max_requests = 1").await;
        held.open();
        first.response().await.status(200);
        assert_eq!(answering(&served, 2).await, ["a", "a"]);
    }
}

#[tokio::test]
async fn no_request_fails_while_reloads_storm() {
    let (a, b, c) = (named("a").await, named("b").await, named("c").await);
    let served = Setup::rules(RULES).before(a.address).serve().await;
    for origin in [&a, &b, &c] {
        origin.on("/kept/p", reply(200).body("kept"));
    }
    let (over, answered) = (Cell::new(false), Cell::new(0));
    let (served, over, answered) = (&served, &over, &answered);
    let asking = (0..6).map(async |number| {
        let mut client = Client::connect(served.data_address).await;
        let mut count = 0;
        while !over.get() {
            if count % 16 == 15 {
                client = Client::connect(served.data_address).await;
            }
            let target = if number == 0 { "/kept/p" } else { "/who" };
            client.send(&get(target)).await;
            client.response().await.status(200);
            count += 1;
            answered.set(answered.get() + 1);
        }
    });
    let rows: [(&[(&Origin, u16)], &str); 6] = [
        (&[(&a, 1)], ""),
        (&[(&b, 2), (&c, 1)], "balance = \"least-requests\""),
        (&[(&c, 1)], "max_requests = 4\nidle_connections = 1"),
        (&[(&a, 1), (&b, 1), (&c, 1)], "balance = \"consistent\"\nmax_requests = 2"),
        (&[(&b, 1)], "health = { path = \"/who\", interval = \"100ms\", timeout = \"20s\" }\neject = { failures = 1 }"),
        (&[(&a, 5), (&c, 1)], "read_timeout = \"20s\"\nretries = { attempts = 0 }"),
    ];
    let storm = async {
        for (servers, more) in rows.iter().cycle().take(30) {
            let before = answered.get();
            put(served, servers, more).await;
            // Some requests see each of them.
            while answered.get() < before + 6 {
                tokio::task::yield_now().await;
            }
        }
        over.set(true);
    };
    tokio::join!(join_all(asking), storm);
}
