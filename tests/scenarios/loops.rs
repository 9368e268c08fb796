//! A request that comes back to the instance that sent it ends there: RFC 8586.

use crate::support::{Scenario, Setup, get, post, reply};
use std::net::SocketAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Larder as its own upstream.
async fn before_itself(route: &str) -> Scenario {
    let door = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let scenario = Setup::route(route).before(door.local_addr().expect("a bound socket")).start().await;
    tokio::spawn(lead(door, scenario.running.data_address));
    scenario
}

async fn lead(door: TcpListener, target: SocketAddr) {
    while let Ok((mut near, _)) = door.accept().await {
        tokio::spawn(async move {
            if let Ok(mut far) = TcpStream::connect(target).await {
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}

#[tokio::test]
async fn an_upstream_that_is_larder_itself_is_told_as_a_loop_on_every_road() {
    for route in ["ttl = \"1m\"", "cache = false", "ttl = \"1m\"\nmethods = [\"POST\"]"] {
        let scenario = before_itself(route).await;
        for request in [get("/p"), post("/p", "x"), get("/p").header("Range", "bytes=0-1"), get("/p%2Fq")] {
            for _ in 0..2 {
                let response = scenario.fetch(&request).await;
                response.problem(508);
                assert!(response.text().contains("\"reason\":\"loop\""), "{response}");
                assert_eq!(
                    response.head.values("Proxy-Status"),
                    ["larder; error=proxy_loop_detected; details=\"loop\""]
                );
            }
        }
    }
}

#[tokio::test]
async fn tiers_of_larder_are_no_loop_and_what_others_say_of_theirs_is_kept() {
    for (inner, outer) in [("ttl = \"1m\"", "ttl = \"1m\""), ("cache = false", "cache = false")] {
        let inner = Setup::route(inner).start().await;
        inner.origin.on("/p", reply(200).body("p"));
        let outer = Setup::route(outer).before(inner.running.data_address).start().await;
        let request = get("/p").header("CDN-Loop", "edge; v=1").header("CDN-Loop", "larder-other");
        outer.fetch(&request.header("Via", "1.1 larder")).await.status(200).body("p");
        let seen = inner.origin.only_request("/p");
        let told = seen.head.values("CDN-Loop").join(" | ");
        let members: Vec<&str> = told.split(", ").collect();
        assert_eq!((members.len(), &members[..2]), (4, &["edge; v=1", "larder-other"][..]), "{told}");
        assert!(members[2..].iter().all(|member| member.starts_with("larder-")) && members[2] != members[3], "{told}");
        assert_eq!(seen.head.values("Via"), ["1.1 larder, 1.1 larder, 1.1 larder"]);
    }
}

#[tokio::test]
async fn a_refresh_that_comes_back_ends_as_well() {
    let door = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = door.local_addr().expect("a bound socket");
    let scenario = Setup::route("stale_while_revalidate = \"1h\"").before(address).start().await;
    let origin = scenario.origin.clone();
    let stale = reply(200).header("Cache-Control", "max-age=60").header("Age", "100").body("old");
    origin.on("/p", stale);
    let to_origin = tokio::spawn(lead_one(door, origin.address));
    scenario.get("/p").await.status(200).body("old");
    let door = to_origin.await.expect("the first connection was made");
    tokio::spawn(lead(door, scenario.running.data_address));
    scenario.get("/p").await.status(200).hit().body("old").detail("stale-while-revalidate");
    origin.saw("/p", 1);
}

/// Leads the first connection there, ends it after one answer, and gives the door back.
async fn lead_one(door: TcpListener, target: SocketAddr) -> TcpListener {
    let (mut near, _) = door.accept().await.expect("a connection");
    tokio::spawn(async move {
        let mut far = TcpStream::connect(target).await.expect("the origin accepts");
        let _ = copy_bidirectional(&mut near, &mut far).await;
    });
    door
}
