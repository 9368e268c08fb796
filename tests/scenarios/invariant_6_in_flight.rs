//! Invariant 6 for bodies under way: what they hold for readers that are slow is bounded, whoever reads and however.
//!
//! Measured on a process of its own: the most memory that the kernel ever gave it.

use crate::support::client::Client;
use crate::support::deadline::{within, within_time};
use crate::support::h2_frames::{Frames, kind};
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{Setup, get, reply};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const MEBIBYTE: u64 = 1 << 20;
/// Of the cache, of bodies under way, of the program itself with its threads and sockets.
const BOUND: u64 = (32 + 8 + 110) * MEBIBYTE;
/// The bound of what may be in flight, as its metric has it.
const IN_FLIGHT_BYTES: f64 = 8.0 * 1024.0 * 1024.0;
/// What coding and parsing megabytes without optimisation may take on two busy cores.
const MUCH_WORK: Duration = Duration::from_secs(90);
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
    // Clients that take nothing are seen as such after a second; then they make room.
    let bound = IN_FLIGHT_BYTES;
    within(format_args!("{name}: no more in flight than the bound, and room to store"), async {
        while served.metric("larder_in_flight_bytes").await > bound || !served.get("/small/7").await.is_hit() {}
    })
    .await;
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

#[tokio::test]
async fn invariant_6_readers_of_what_was_evicted_meanwhile_hold_no_more_than_the_bound() {
    let (_origin, served) = served("compress = false").await;
    let mut slow = Vec::new();
    for number in 0..100 {
        let path = format!("/large/{number}");
        served.get(&path).await.status(200);
        let mut client = Client::connect(served.data_address).await;
        client.send(&get(&path)).await;
        client.head().await;
        slow.push(client);
    }
    others_are_served(&served, "evicted").await;
}

/// An origin that answers GET with a word, and reads of a POST what comes with its head, then no more.
async fn reads_no_uploads() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 1000];
                while socket.read(&mut asked).await.is_ok_and(|read| read > 0) {
                    if asked.starts_with(b"POST") {
                        std::future::pending::<()>().await;
                    }
                    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall").await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn invariant_6_uploads_to_an_origin_that_reads_none_hold_no_more_than_the_bound() {
    let origin = reads_no_uploads().await;
    let served = Setup::route("ttl = \"1h\"").memory("32MiB").before(origin).serve().await;
    let mut uploads = JoinSet::new();
    let stuck = Arc::new(Semaphore::new(0));
    for number in 0..40 {
        let (address, stuck) = (served.data_address, Arc::clone(&stuck));
        uploads.spawn(async move {
            let mut client = Client::connect(address).await;
            let head = format!("POST /upload/{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\n\r\n");
            client.send_raw(head.as_bytes()).await;
            let piece = vec![b'x'; 100_000];
            for turn in 0..900 {
                client.send_raw(&piece).await;
                if turn == 5 {
                    stuck.add_permits(1);
                }
            }
        });
    }
    let _all = within("half a megabyte of each upload", stuck.acquire_many(40)).await.expect("it is never closed");
    served.get("/small").await.status(200).body("small");
    served.get("/small").await.hit();
    let peak = served.peak_resident_bytes();
    assert!(peak < BOUND, "{} MiB resident at the peak", peak / MEBIBYTE);
    let held = served.metric("larder_in_flight_bytes").await;
    assert!(held <= IN_FLIGHT_BYTES, "{held} bytes in flight");
}

#[tokio::test]
async fn invariant_6_coding_and_searching_bodies_holds_no_more_than_the_bound() {
    let text = b"all work and no play ".repeat(160_000);
    // A tree of so many numbers takes sixteen times the room of their text.
    let numbers = format!("{{\"items\": [{}1]}}", "1,".repeat(1_600_000)).into_bytes();
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    std::io::Write::write_all(&mut coder, &numbers).expect("memory takes every write");
    let gzipped = coder.finish().expect("memory takes every write");
    let tags = "tags_from_body = [\"$.items[*].sku\"]";
    for (name, rule, body, coding) in [
        ("gzip at rest", "compress = true", &text, None),
        ("body tags", tags, &numbers, None),
        ("body tags of a coded body", tags, &gzipped, Some("gzip")),
        ("both", &format!("compress = true\n{tags}"), &numbers, None),
    ] {
        let origin = Origin::start().await;
        let mut answer = reply(200).header("Content-Type", "application/json").body(body.clone());
        if let Some(coding) = coding {
            answer = answer.header("Content-Encoding", coding);
        }
        origin.on("/p", answer);
        let rules = format!("[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1h\"\n{rule}\n");
        let served = Setup::rules(&rules).memory("32MiB").before(origin.address).serve().await;
        let mut readers = Vec::new();
        for number in 0..12 {
            let mut client = Client::connect(served.data_address).await;
            client.send(&get(&format!("/p?{number}"))).await;
            readers.push(client);
        }
        for mut reader in readers {
            reader.response().await.status(200);
        }
        within_time(MUCH_WORK, format_args!("{name}: the end of all work"), async {
            while served.metric("larder_in_flight_bytes").await > 0.0 {}
        })
        .await;
        let peak = served.peak_resident_bytes();
        assert!(peak < BOUND, "{name}: {} MiB resident at the peak", peak / MEBIBYTE);
    }
}
