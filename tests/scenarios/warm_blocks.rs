//! `[[warm]]`: what is fetched at the start before the instance is ready, again and again, and what was hot before the stop.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{Barrier, Setup, get, reply};

const ROUTE: &str = "[[route]]\npath = \"/**\"\nttl = \"1h\"\n";

fn rules(block: &str) -> String {
    format!("{ROUTE}[[warm]]\nhost = \"shop.test\"\n{block}\n")
}

async fn readiness(served: &Served) -> u16 {
    let mut client = Client::connect(served.admin_address).await;
    client.send(&get("/readyz").header("Host", &served.admin_address.to_string())).await;
    client.response().await.status
}

async fn until_ready(served: &Served) {
    within("the instance is ready", async {
        while readiness(served).await != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_warmed_at_the_start_is_there_before_the_instance_is_ready() {
    let origin = Origin::start().await;
    let gate = Barrier::new();
    origin.on("/p", reply(200).hold(&gate).body("warm"));
    let block = rules("urls = [\"/p\"]\nat_start = true");
    let served = Setup::rules(&block).before(origin.address).serve().await;
    gate.reached_by(1).await;
    assert_eq!(readiness(&served).await, 503);
    gate.open();
    until_ready(&served).await;
    served.get("/p").await.hit().body("warm");
    origin.saw("/p", 1);
}

#[tokio::test]
async fn a_block_is_done_again_and_again() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200).header("Cache-Control", "max-age=8").header("Age", "10").body("stale at once"));
    let block = rules("urls = [\"/p\"]\nevery = \"1s\"").replace("ttl = \"1h\"\n", "stale_while_revalidate = \"1h\"\n");
    let served = Setup::rules(&block).before(origin.address).serve().await;
    until_ready(&served).await;
    origin.requested("/p", 3).await;
}

#[tokio::test]
async fn what_a_log_names_most_is_warmed() {
    let origin = Origin::start().await;
    for path in ["/often", "/once", "/twice"] {
        origin.on(path, reply(200).body(path));
    }
    let line = |path: &str| format!("192.0.2.7 - - [x] \"GET {path} HTTP/1.1\" 200 1\n");
    let log = [&line("/twice"), "no line\n", &line("/often").repeat(3), &line("/once"), &line("/twice")].concat();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("access.log");
    std::fs::write(&path, log).expect("a fresh folder takes a file");
    let block = rules(&format!("log = \"{}\"\ntop = 2\nat_start = true", path.display()));
    let served = Setup::rules(&block).before(origin.address).serve().await;
    until_ready(&served).await;
    served.get("/often").await.hit();
    served.get("/twice").await.hit();
    origin.saw("/once", 0);
}

#[tokio::test]
async fn what_was_hot_before_the_stop_is_warmed_after_it() {
    let origin = Origin::start().await;
    origin.on("/cold", reply(200).body("cold"));
    origin.on_request("/hot", |seen| reply(200).header("Vary", "X-A").body(seen.value("X-A").unwrap_or("none")));
    // What is stored is not fresh after the stop, so that it is fetched again.
    let block = rules("top = 10\nat_start = true").replace("1h", "3s");
    let setup = Setup::rules(&block).memory_keys("snapshot = \"var/larder.snapshot\"").before(origin.address);
    let mut first = setup.serve().await;
    until_ready(&first).await;
    first.get("/cold").await.status(200);
    for _ in 0..6 {
        first.fetch(&get("/hot").header("X-A", "de").header("X-B", "mine")).await.body("de");
    }
    first.stop().await;
    let file = first.folder().join("var/larder.snapshot.hot");
    let hot = std::fs::read_to_string(&file).expect("what was hot is left");
    assert_eq!(hot, "{\"url\":\"http://shop.test/hot\",\"headers\":{\"x-a\":\"de\"}}\n");
    std::fs::remove_file(first.folder().join("var/larder.snapshot")).expect("a snapshot is left, too");
    let before = origin.requests("/hot").len();
    let second = first.again(&[]).await;
    until_ready(&second).await;
    assert_eq!(origin.requests("/hot").len(), before + 1);
    second.fetch(&get("/hot").header("X-A", "de")).await.hit().body("de");
}
