//! A new process takes the listening sockets, the log of purges and the cache of a running one.

use super::shop::{HOST, admin, ask, asking, logged, purge, socket, taking_over};
use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::redis_server::RedisServer;
use crate::support::served::Served;
use crate::support::{Barrier, post, reply};
use futures_util::future::join_all;
use rustix::process::Signal;
use std::cell::Cell;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

async fn origin() -> Origin {
    let origin = Origin::start().await;
    for path in ["/a", "/b", "/c"] {
        origin.on_request(path, move |seen| match seen.value("If-None-Match") {
            Some(_) => reply(304).header("ETag", "\"1\""),
            None => reply(200).header("ETag", "\"1\"").body(path),
        });
    }
    origin
}

/// Waits until the process can be asked for its place.
async fn offers(served: &Served) {
    let path = socket(served);
    within("the socket", async {
        while UnixStream::connect(&path).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn started(origin: &Origin) -> Served {
    let served = taking_over("").before(origin.address).serve().await;
    offers(&served).await;
    served
}

/// The process that takes over from a running one.
async fn successor(running: &Served) -> Served {
    running.again(&["--takeover"]).await
}

#[tokio::test]
async fn the_new_process_listens_where_the_old_one_did_and_has_its_cache_and_the_old_one_ends() {
    let origin = origin().await;
    let mut first = started(&origin).await;
    assert_eq!(fs::metadata(socket(&first)).expect("it is there").mode() & 0o777, 0o600);
    ask(&first, "/a").await.says("stored");
    let mut kept = Client::connect(first.data_address).await;
    kept.send(&asking("/a")).await;
    kept.response().await.hit();
    let second = successor(&first).await;
    assert_eq!((second.data_address, second.admin_address), (first.data_address, first.admin_address));
    assert!(first.ended().await.success());
    logged(&second, "the snapshot is in memory").await;
    ask(&second, "/a").await.hit().body("/a");
    origin.saw("/a", 1);
    let mut third = successor(&second).await;
    logged(&third, "the snapshot is in memory").await;
    ask(&third, "/a").await.hit();
    third.stop().await;
}

#[tokio::test]
async fn no_connection_is_refused_and_no_request_lost() {
    let origin = origin().await;
    let mut running = started(&origin).await;
    let (address, is_over) = (running.data_address, Cell::new(false));
    let client = async || {
        let mut count = 0;
        while !is_over.get() {
            let mut client = Client::connect(address).await;
            client.send(&asking("/a")).await;
            client.response().await.status(200).body("/a");
            count += 1;
        }
        count
    };
    let taken_over = async {
        for _ in 0..3 {
            let next = successor(&running).await;
            assert!(running.ended().await.success());
            logged(&next, "the snapshot is in memory").await;
            offers(&next).await;
            running = next;
        }
        is_over.set(true);
    };
    let (counts, ()) = tokio::join!(join_all((0..8).map(|_| client())), taken_over);
    assert!(counts.into_iter().all(|count| count > 0));
}

#[tokio::test]
async fn purges_of_the_new_process_cover_what_the_old_one_had() {
    let origin = origin().await;
    let mut first = started(&origin).await;
    for _ in 0..3 {
        purge(&first, r#"{"tags": ["something-else"]}"#).await;
    }
    for path in ["/a", "/b", "/c"] {
        ask(&first, path).await.says("stored");
    }
    purge(&first, r#"{"urls": ["/c"]}"#).await;
    let second = successor(&first).await;
    purge(&second, r#"{"urls": ["/a"]}"#).await;
    assert!(first.ended().await.success());
    logged(&second, "the snapshot is in memory").await;
    ask(&second, "/a").await.not_a_hit();
    ask(&second, "/b").await.hit();
    ask(&second, "/c").await.not_a_hit();
}

/// A process that has taken over from one at which a write is under way; both have `/c` as it was before.
async fn over_a_write(gate: &Barrier) -> (Origin, Served, Served, Client) {
    let origin = origin().await;
    let written = gate.clone();
    origin.on_request("/c", move |seen| match (seen.method.as_str(), seen.value("If-None-Match")) {
        ("POST", _) => reply(200).hold(&written),
        (_, Some(_)) => reply(304).header("ETag", "\"1\""),
        _ => reply(200).header("ETag", "\"1\"").body("/c"),
    });
    let first = started(&origin).await;
    let mut writer = Client::connect(first.data_address).await;
    writer.send(&post("/c", "{}").header("Host", HOST)).await;
    origin.requested("/c", 1).await;
    let second = successor(&first).await;
    // Until the old one accepts no more, it may be the one to answer.
    within("a hit of the new process", async { while !ask(&second, "/c").await.is_hit() {} }).await;
    (origin, first, second, writer)
}

#[tokio::test]
async fn a_write_that_ends_at_the_old_process_invalidates_at_the_new_one() {
    let gate = Barrier::new();
    let (_origin, mut first, second, mut writer) = over_a_write(&gate).await;
    gate.open();
    writer.response().await.status(200);
    ask(&second, "/c").await.not_a_hit();
    assert!(first.ended().await.success());
}

#[tokio::test]
async fn where_the_old_process_is_killed_all_that_is_older_is_validated() {
    let gate = Barrier::new();
    let (_origin, mut first, second, _writer) = over_a_write(&gate).await;
    first.signal(Signal::KILL);
    first.ended().await;
    logged(&second, "has not said that it ended").await;
    ask(&second, "/c").await.forwarded("stale").detail("unproven").status(200);
    ask(&second, "/c").await.hit();
    gate.open();
}

#[tokio::test]
async fn where_the_new_process_cannot_start_the_old_one_goes_on() {
    let origin = origin().await;
    let mut first = started(&origin).await;
    ask(&first, "/a").await.says("stored");
    let rules = first.folder().join("rules.toml");
    let good = fs::read_to_string(&rules).expect("it is there");
    fs::write(&rules, "[[route]]\nnonsense = true\n").expect("it is ours");
    let mut bad = crate::support::served::larder(first.folder(), "serve");
    let output = within("the bad process", bad.arg("--takeover").output()).await.expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    fs::write(&rules, good).expect("it is ours");
    // One that is gone before it serves, at each step.
    for last in ["nothing", "hello", "ready"] {
        let mut stream = UnixStream::connect(socket(&first)).await.expect("it listens");
        let mut say = async |text: &str| {
            stream.write_u32(u32::try_from(text.len()).expect("short")).await.expect("it reads");
            stream.write_all(text.as_bytes()).await.expect("it reads");
        };
        if last != "nothing" {
            say(r#"{"hello":{"version":1}}"#).await;
        }
        if last == "ready" {
            say(r#""ready""#).await;
            let mut read = Vec::new();
            within("the log", async {
                while !String::from_utf8_lossy(&read).contains("handover") {
                    stream.read_buf(&mut read).await.expect("it answers");
                }
            })
            .await;
        }
        drop(stream);
    }
    logged(&first, "this one goes on").await;
    within("hits as before", async { while !ask(&first, "/a").await.is_hit() {} }).await;
    let second = successor(&first).await;
    assert!(first.ended().await.success());
    ask(&second, "/b").await.status(200);
}

#[tokio::test]
async fn a_takeover_where_nobody_runs_is_a_start_and_without_a_socket_an_error() {
    let origin = origin().await;
    let mut first = started(&origin).await;
    first.stop().await;
    let second = successor(&first).await;
    logged(&second, "this one begins anew").await;
    ask(&second, "/a").await.status(200);
    let folder = super::shop::setup("").before(origin.address).folder();
    let mut serve = crate::support::served::larder(folder.path(), "serve");
    let output = within("the error", serve.arg("--takeover").output()).await.expect("it runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("listen.takeover"), "{output:?}");
}

#[tokio::test]
async fn in_a_fleet_both_are_instances_of_their_own_and_a_purge_waits_for_both() {
    let (redis, origin) = (RedisServer::start().await, origin().await);
    let section = format!("[redis]\nurl = \"{}\"\ntimeout = \"2s\"\ninstance = \"one\"", redis.url());
    let mut first = taking_over("").section(&section).before(origin.address).serve().await;
    offers(&first).await;
    ask(&first, "/a").await.status(200);
    let second = successor(&first).await;
    assert!(first.ended().await.success());
    logged(&second, "the snapshot is in memory").await;
    ask(&second, "/a").await.hit();
    let receipt = admin(&second, "/purge", r#"{"urls": ["/a"], "wait": "10s"}"#).await;
    assert!(receipt.text().contains(r#""applied":["one-2"]"#), "{receipt}");
    assert!(receipt.text().contains(r#""pending":[]"#), "{receipt}");
    ask(&second, "/a").await.not_a_hit();
    let third = successor(&second).await;
    let receipt = admin(&third, "/purge", r#"{"urls": ["/b"], "wait": "10s"}"#).await;
    assert!(receipt.text().contains(r#""one""#), "{receipt}");
}
