//! The end of an instance: not ready first, then no new connections, the admin port last.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::{Barrier, Scenario, Setup, get, reply};
use std::net::SocketAddr;
use tokio::net::TcpStream;

async fn readiness(admin: SocketAddr) -> u16 {
    let mut client = Client::connect(admin).await;
    client.send(&get("/readyz").header("Host", &admin.to_string())).await;
    client.response().await.status
}

async fn until_not_ready(admin: SocketAddr) {
    within("/readyz says 503", async {
        while readiness(admin).await != 503 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn until_closed(address: SocketAddr) {
    within("the port is closed", async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn both_ports_stay_open_for_the_delay_though_it_is_not_ready() {
    let setup = Setup::route("ttl = \"1m\"").section("[timeouts]\ndrain_delay = \"10m\"");
    let Scenario { origin, running, .. } = setup.start().await;
    let (data, admin) = (running.data_address, running.admin_address);
    origin.on("/p", reply(200).body("p"));
    assert_eq!(readiness(admin).await, 200);
    let stopping = tokio::spawn(running.stop());
    until_not_ready(admin).await;
    for _ in 0..3 {
        let mut client = Client::connect(data).await;
        client.send(&get("/p")).await;
        client.response().await.status(200).body("p");
    }
    assert_eq!(readiness(admin).await, 503);
    stopping.abort();
}

#[tokio::test]
async fn what_is_under_way_ends_and_can_be_watched_from_the_admin_port() {
    let Scenario { origin, running, .. } = Setup::route("ttl = \"1m\"").start().await;
    let (data, admin) = (running.data_address, running.admin_address);
    let gate = Barrier::new();
    origin.on("/p", reply(200).wait(&gate).body("p"));
    let mut slow = Client::connect(data).await;
    slow.send(&get("/p")).await;
    origin.requested("/p", 1).await;
    let stopping = tokio::spawn(running.stop());
    until_closed(data).await;
    assert_eq!(readiness(admin).await, 503);
    gate.open();
    slow.response().await.status(200).body("p");
    within("the end", stopping).await.expect("it ends by itself");
    until_closed(admin).await;
}
