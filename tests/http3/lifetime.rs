//! The end of connections, and other certificates while they stand.

use super::client::{Certificates, Client, fields};
use crate::support::certificates::Authority;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::{Barrier, Setup, reply};
use rustix::process::Signal;
use serde_json::json;

const NO_ERROR: u64 = 0x100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_asked_to_stop_says_so_and_finishes_what_is_under_way() {
    let certificates = Certificates::new();
    let origin = Origin::start().await;
    let barrier = Barrier::new();
    origin.on("/held", reply(200).hold(&barrier).body("late"));
    let setup = Setup::rules("").before(origin.address).section("[log]\naccess = true");
    let mut served = certificates.offered(setup, "").serve().await;
    let mut client = Client::connect(served.http3_address, &certificates.path("ca.pem"), None).await;
    let held = client.send(&fields("GET", "/held"), json!({})).await;
    origin.requested("/held", 1).await;
    served.signal(Signal::TERM);
    let told = client.step(json!({ "do": "goaway" })).await;
    assert_eq!(told["closed"], json!(null), "{told}");
    barrier.open();
    let answer = client.answer(held).await;
    assert_eq!((answer.body(), answer.is_whole()), ("late", true));
    assert_eq!(client.closed().await, NO_ERROR);
    let line = served.next_printed().await;
    assert!(line.contains("HTTP/3.0") && line.contains("/held"), "{line}");
    assert!(served.ended().await.success(), "it ends well:\n{}", served.log());
}

#[tokio::test]
async fn a_connection_without_requests_ends_in_order_after_timeouts_idle() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::rules("").section("[timeouts]\nidle = \"500ms\"")).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let mut client = certificates.client(&scenario).await;
    assert_eq!(client.get("/p").await.body(), "here");
    assert_eq!(client.closed().await, NO_ERROR);
}

#[tokio::test]
async fn a_client_that_leaves_without_a_word_leaves_others_alone() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("ttl = \"1m\"")).await;
    let barrier = Barrier::new();
    scenario.origin.on("/held", reply(200).hold(&barrier).body("late"));
    let mut leaves = certificates.client(&scenario).await;
    leaves.send(&fields("GET", "/held"), json!({})).await;
    scenario.origin.requested("/held", 1).await;
    leaves.leave().await;
    let mut stays = certificates.client(&scenario).await;
    let waits = stays.send(&fields("GET", "/held"), json!({})).await;
    barrier.open();
    assert_eq!(stays.answer(waits).await.body(), "late");
    assert_eq!(scenario.origin.requests("/held").len(), 1);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections_and_others_go_on() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::rules("")).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let mut earlier = certificates.client(&scenario).await;
    assert_eq!(earlier.get("/p").await.body(), "here");
    let other = Authority::new("another");
    let [certificate, key] = other.vouch_for(&[super::client::HOST]);
    for (name, text) in [("new-ca.pem", &other.pem), ("cert.pem", &certificate), ("key.pem", &key)] {
        std::fs::write(certificates.path(name), text).expect("the folder is ours");
    }
    within("the new pair being in force", async {
        while scenario.metric("larder_tls_certificate_reloads_total{result=\"replaced\"}").await < 2.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut later = Client::connect(super::client::address(&scenario), &certificates.path("new-ca.pem"), None).await;
    assert_eq!(later.get("/p").await.body(), "here");
    assert_eq!(earlier.get("/p").await.body(), "here");
}
