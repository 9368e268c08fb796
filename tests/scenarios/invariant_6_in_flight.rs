//! Invariant 6 for bodies under way: what they hold for readers that are slow is bounded, whoever reads and however.
//!
//! Measured on a process of its own: the most memory that the kernel ever gave it.

use crate::support::client::Client;
use crate::support::h2_frames::{Frames, kind};
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{Setup, get, reply};

const MEBIBYTE: u64 = 1 << 20;
/// Of the cache, of bodies under way, of the program itself with its threads and sockets.
const BOUND: u64 = (32 + 8 + 88) * MEBIBYTE;
const BODY_BYTES: usize = 4_000_000;

/// A process with 32 MiB of memory before an origin whose every answer under /large is large, and under /small small.
async fn served(rule: &str) -> (Origin, Served) {
    let origin = Origin::start().await;
    let large = reply(200).header("ETag", "\"1\"").body(vec![b'x'; BODY_BYTES]);
    for number in 0..200 {
        origin.on(&format!("/large/{number}"), large.clone());
        origin.on(&format!("/small/{number}"), reply(200).body("small"));
    }
    let rules = format!("[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1h\"\n{rule}\n");
    let served = Setup::rules(&rules).memory("32MiB").before(origin.address).serve().await;
    (origin, served)
}

/// That others are served as ever, and what is small is stored.
async fn others_are_served(served: &Served, name: &str) {
    for number in 0..50 {
        served.get(&format!("/small/{number}")).await.status(200).body("small");
    }
    let large = served.get("/large/199").await;
    assert_eq!(large.body.len(), BODY_BYTES, "{name}");
    let peak = served.peak_resident_bytes();
    assert!(peak < BOUND, "{name}: {} MiB resident at the peak", peak / MEBIBYTE);
    served.get("/small/7").await.status(200);
}

#[tokio::test]
async fn invariant_6_slow_readers_of_misses_hold_no_more_than_the_bound() {
    for rule in ["compress = false", "compress = true", "cache = false"] {
        let (_origin, served) = served(rule).await;
        let mut slow = Vec::new();
        for number in 0..150 {
            let mut client = Client::connect(served.data_address).await;
            client.send(&get(&format!("/large/{number}"))).await;
            if number % 2 == 0 {
                client.head().await;
            }
            slow.push(client);
        }
        if rule == "cache = false" {
            let peak = served.peak_resident_bytes();
            assert!(peak < BOUND, "{rule}: {} MiB resident at the peak", peak / MEBIBYTE);
        } else {
            others_are_served(&served, rule).await;
        }
    }
}

#[tokio::test]
async fn invariant_6_streams_without_a_window_hold_no_more_than_the_bound() {
    for window in [0, 1, 20_000] {
        let (_origin, served) = served("compress = false").await;
        let mut frames = Frames::connect(served.data_address, window).await;
        for number in 0..120 {
            frames.get(number * 2 + 1, &format!("/large/{number}")).await;
        }
        for _ in 0..120 {
            frames.next_of(kind::HEADERS).await;
        }
        others_are_served(&served, &format!("a window of {window} bytes")).await;
    }
}
