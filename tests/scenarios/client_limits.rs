//! What one client may take at once: `limits.per_client`.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::{Barrier, Request, Scenario, Setup, get, head, post, reply};

/// Other clients than the usual one, which is 127.0.0.1.
const OTHERS: [&str; 2] = ["127.0.0.2", "127.0.0.3"];

fn limited(limits: &str) -> Setup {
    let rules = "[[route]]\nname = \"passed\"\npath = \"/passed/**\"\ncache = false\n\n[[route]]\nname = \"all\"\npath = \
                 \"/**\"\nttl = \"1m\"\nstale_if_error = \"1h\"\n";
    Setup::rules(rules).section(&format!("[limits]\nper_client = {{ {limits} }}\n"))
}

async fn connect_from(scenario: &Scenario, source: &str) -> Client {
    Client::connect_from(source.parse().expect("an address"), scenario.running.data_address).await
}

async fn from(scenario: &Scenario, source: &str, request: &Request) -> Response {
    let mut client = connect_from(scenario, source).await;
    client.send(request).await;
    client.response().await
}

/// Asks until the client has made too many requests in one second, and returns that answer.
async fn refused(scenario: &Scenario, what: &str, request: &Request) -> Response {
    scenario.until(what, request, |answer| answer.status == 429).await
}

#[tokio::test]
async fn requests_in_a_second_are_limited_for_each_client_whatever_answers_them() {
    let scenario = limited("requests_per_second = 1").start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    scenario.origin.on("/passed/p", reply(200).body("p"));
    for request in [get("/p"), head("/p"), get("/passed/p"), post("/p", "body"), get("/p").header("Range", "bytes=0-0")]
    {
        let answer = refused(&scenario, "a client that asks too often", &request).await;
        answer.problem(429).header("Retry-After", "1").detail("client-rate").not_a_hit();
        answer.header("RateLimit-Policy", "\"client-rate\";q=1;w=1").header("RateLimit", "\"client-rate\";r=0;t=1");
        answer.header("Proxy-Status", "larder; error=http_request_denied; details=\"client-rate\"");
    }
    // Many on one connection, which plain hits answer below hyper, are limited as well, and the connection goes on.
    let mut client = connect_from(&scenario, OTHERS[0]).await;
    within("a second with too many hits", async {
        loop {
            client.send(&get("/p")).await;
            if client.response().await.status == 429 {
                return;
            }
        }
    })
    .await;
    // Whoever asks once in a while is not concerned by what others do.
    from(&scenario, OTHERS[1], &get("/p")).await.status(200);
    assert!(scenario.metric("larder_client_limit_refusals_total{limit=\"requests_per_second\"}").await >= 6.0);
    let reasons = "larder_request_reasons_total{route=\"-\",outcome=\"error\",reason=\"client-rate\"}";
    assert!(scenario.metric(reasons).await >= 6.0);
}

#[tokio::test]
async fn behind_a_trusted_proxy_its_clients_are_limited_and_it_is_not() {
    let setup = limited("requests_per_second = 1, connections = 1, misses = 1");
    let scenario = setup.listen("trusted_proxies = [\"127.0.0.1\"]").start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    // One connection to the next, and many requests on each.
    let mut connections = Vec::new();
    for _ in 0..5 {
        let mut client = scenario.connect().await;
        for _ in 0..20 {
            client.send(&get("/p")).await;
            client.response().await.status(200);
        }
        connections.push(client);
    }
    // One subscriber of IPv6 has many addresses.
    let by = |address: &str| get("/p").header("X-Forwarded-For", address);
    refused(&scenario, "a client that asks too often", &by("198.51.100.1")).await;
    let mut number = 0;
    within("a network that asks too often", async {
        loop {
            number += 1;
            if scenario.fetch(&by(&format!("2001:db8::{number:x}"))).await.status == 429 {
                return;
            }
        }
    })
    .await;
    for number in 1..50 {
        scenario.fetch(&by(&format!("2001:db8:0:{number:x}::1"))).await.status(200);
    }
}

#[tokio::test]
async fn a_client_has_so_many_requests_that_wait_for_the_origin_and_hits_beside_them() {
    let scenario = limited("misses = 1").start().await;
    let gate = Barrier::new();
    scenario.origin.on("/stored", reply(200).body("stored"));
    scenario.origin.on("/old", reply(200).header("Cache-Control", "max-age=0").body("old"));
    for target in ["/slow", "/shared", "/other", "/passed/p"] {
        scenario.origin.on(target, reply(200).hold(&gate).body("slow"));
    }
    for target in ["/stored", "/old"] {
        scenario.get(target).await.status(200);
    }
    let mut waiting = scenario.begin(&get("/slow")).await;
    gate.reached_by(1).await;
    for request in [get("/other"), get("/slow"), head("/other"), get("/passed/p"), post("/other", "body"), get("/none")]
    {
        let answer = scenario.fetch(&request).await;
        answer.status(429).header("Retry-After", "1").detail("client-misses");
        answer.header("RateLimit-Policy", "\"client-misses\";q=1;qu=\"concurrent-requests\"");
        answer.header("RateLimit", "\"client-misses\";r=0");
    }
    scenario.get("/stored").await.hit();
    // Others have places of their own, and share the fetch.
    let mut sharing = connect_from(&scenario, OTHERS[0]).await;
    sharing.send(&get("/slow")).await;
    from(&scenario, OTHERS[0], &get("/stored")).await.hit();
    gate.open();
    waiting.response().await.status(200).body("slow");
    sharing.response().await.status(200).body("slow");
    scenario.origin.saw("/slow", 1);
    // The place comes back with the end of the fetch, which is noticed a moment after the client's answer.
    scenario.until("the place is free again", &get("/other"), |answer| answer.status == 200).await;
    assert!(scenario.metric("larder_client_limit_refusals_total{limit=\"misses\"}").await >= 6.0);
}

#[tokio::test]
async fn a_fetch_counts_for_its_client_until_it_is_over_even_where_the_client_has_left() {
    let scenario = limited("misses = 1").start().await;
    let gate = Barrier::new();
    scenario.origin.on("/slow", reply(200).hold(&gate).body("slow"));
    scenario.origin.on("/other", reply(200).body("other"));
    let waiting = scenario.begin(&get("/slow")).await;
    gate.reached_by(1).await;
    drop(waiting);
    for _ in 0..5 {
        scenario.get("/other").await.status(429);
    }
    gate.open();
    scenario.until("the place is free again", &get("/other"), |answer| answer.status == 200).await;
}

#[tokio::test]
async fn something_stale_stands_in_where_it_may() {
    let scenario = limited("misses = 1").start().await;
    let gate = Barrier::new();
    let stale =
        || reply(200).header("Cache-Control", "max-age=5").header("Age", "10").header("ETag", "\"1\"").body("old");
    scenario.origin.on("/slow", reply(200).hold(&gate).body("slow"));
    scenario.origin.on_each("/old", [stale(), stale()]);
    scenario.get("/old").await.status(200);
    let mut waiting = scenario.begin(&get("/slow")).await;
    gate.reached_by(1).await;
    scenario.get("/old").await.status(200).body("old").detail("client-misses");
    gate.open();
    waiting.response().await.status(200);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so_and_many_more_are_closed() {
    let scenario = limited("connections = 2").start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = scenario.connect().await;
        client.send(&get("/p")).await;
        client.response().await.status(200);
        open.push(client);
    }
    let answer = scenario.get("/p").await;
    answer.problem(429).header("Retry-After", "1").header("Connection", "close").detail("client-connections");
    from(&scenario, OTHERS[0], &get("/p")).await.status(200);
    // The open ones go on.
    for client in &mut open {
        client.send(&get("/p")).await;
        client.response().await.status(200).hit();
    }
    drop(open.pop());
    scenario.until("one that was closed made room", &get("/p"), |answer| answer.status == 200).await;
    assert!(scenario.metric("larder_client_limit_refusals_total{limit=\"connections\"}").await >= 1.0);
    // Connections that send nothing are as many as the limit again, at most.
    let surplus: Vec<Client> = futures_util::future::join_all((0..6).map(|_| scenario.connect())).await;
    let counted = "larder_client_limit_refusals_total{limit=\"connections\"}";
    within("some are closed", async { while scenario.metric(counted).await < 4.0 {} }).await;
    drop(surplus);
    drop(open);
}
