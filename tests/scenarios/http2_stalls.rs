//! HTTP/2 streams and connections whose client makes no progress, or only work: they end, and others go on.

use crate::support::deadline::within;
use crate::support::h2_frames::{Frames, flag, kind};
use crate::support::{Barrier, Scenario, Setup, reply};

/// RFC 9113 section 7.
const CANCEL: u32 = 8;

async fn scenario() -> Scenario {
    let timeouts = "[timeouts]\nstall = \"300ms\"\nidle = \"500ms\"";
    let scenario = Setup::route("ttl = \"1h\"\ncompress = false").section(timeouts).start().await;
    scenario.origin.on("/short", reply(200).body("short"));
    scenario.origin.on("/middle", reply(200).body(vec![b'm'; 5_000]));
    scenario.origin.on("/large", reply(200).body(vec![b'l'; 3_000_000]));
    scenario.origin.on("/upload", reply(200).body("taken"));
    scenario
}

/// Waits until each of these streams was reset.
async fn all_reset(frames: &mut Frames, mut streams: Vec<u32>) {
    while !streams.is_empty() {
        let reset = frames.next_of(kind::RST_STREAM).await.expect("the connection goes on");
        assert_eq!(u32::from_be_bytes(reset.payload[..4].try_into().expect("four bytes")), CANCEL, "{reset:?}");
        streams.retain(|stream| *stream != reset.stream);
    }
}

#[tokio::test]
async fn a_stream_whose_client_gives_no_window_is_reset_on_misses_and_hits_alike() {
    let scenario = scenario().await;
    for _ in 0..2 {
        for path in ["/short", "/middle", "/large"] {
            let mut frames = Frames::connect(scenario.running.data_address, 0).await;
            frames.get(1, path).await;
            assert!(frames.next_of(kind::HEADERS).await.is_some(), "{path}: the head needs no window");
            all_reset(&mut frames, vec![1]).await;
        }
    }
}

#[tokio::test]
async fn a_stream_whose_window_ends_half_way_is_reset_and_the_others_go_on() {
    let scenario = scenario().await;
    let mut frames = Frames::connect(scenario.running.data_address, 20_000).await;
    frames.open_window(0, 10_000_000).await;
    let stalled: Vec<u32> = (0..60).map(|number| number * 2 + 1).collect();
    for stream in &stalled {
        frames.get(*stream, "/large").await;
    }
    let all = all_reset(&mut frames, stalled);
    within("every stalled stream's end", all).await;
    frames.get(201, "/short").await;
    let data = loop {
        let data = frames.next_of(kind::DATA).await.expect("the connection goes on");
        if data.stream == 201 {
            break data;
        }
    };
    assert_eq!(data.payload, b"short");
}

#[tokio::test]
async fn a_stream_that_sends_nothing_of_its_body_is_reset() {
    let scenario = scenario().await;
    let mut frames = Frames::connect(scenario.running.data_address, 65_535).await;
    frames.post(1, "/upload").await;
    frames.post(3, "/upload").await;
    frames.send(kind::DATA, 0, 3, b"a beginning").await;
    all_reset(&mut frames, vec![1, 3]).await;
}

#[tokio::test]
async fn an_origin_that_takes_long_is_no_stall_of_the_clients() {
    let scenario = scenario().await;
    let (gate, other) = (Barrier::new(), Barrier::new());
    scenario.origin.on("/slow", reply(200).chunked().hold(&gate).body("a").wait(&other).body("b"));
    let mut frames = Frames::connect(scenario.running.data_address, 65_535).await;
    frames.get(1, "/slow").await;
    // A whole stall of another stream passes meanwhile, twice.
    frames.post(3, "/upload").await;
    all_reset(&mut frames, vec![3]).await;
    gate.open();
    assert_eq!(frames.next_of(kind::DATA).await.expect("it goes on").payload, b"a");
    frames.post(5, "/upload").await;
    all_reset(&mut frames, vec![5]).await;
    other.open();
    assert_eq!(frames.next_of(kind::DATA).await.expect("it goes on").payload, b"b");
}

#[tokio::test]
async fn a_connection_whose_client_takes_no_last_piece_ends() {
    let scenario = scenario().await;
    let mut frames = Frames::connect(scenario.running.data_address, 100).await;
    frames.get(1, "/middle").await;
    assert_eq!(frames.next_of(kind::DATA).await.expect("it begins").payload.len(), 100);
    frames.ended().await;
}

#[tokio::test]
async fn a_connection_that_begins_heads_and_no_more_ends() {
    let scenario = scenario().await;
    let mut frames = Frames::connect(scenario.running.data_address, 65_535).await;
    let fields = frames.fields("GET", "/short");
    frames.send(kind::HEADERS, flag::END_STREAM, 1, &fields).await;
    frames.ended().await;
}

#[tokio::test]
async fn floods_end_the_connection() {
    type Flood = fn(&Frames, u32) -> Vec<(u8, u8, u32, Vec<u8>)>;
    let floods: [(&str, Flood); 3] = [
        ("streams opened and reset", |frames, turn| {
            let (stream, head) = (turn * 2 + 1, frames.fields("GET", "/large"));
            let open = (kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, head);
            vec![open, (kind::RST_STREAM, 0, stream, CANCEL.to_be_bytes().to_vec())]
        }),
        ("continuations", |frames, turn| {
            let kind = if turn == 0 { kind::HEADERS } else { kind::CONTINUATION };
            vec![(kind, 0, 1, frames.fields("GET", "/short"))]
        }),
        ("empty pieces of a body", |frames, turn| match turn {
            0 => vec![(kind::HEADERS, flag::END_HEADERS, 1, frames.fields("POST", "/upload"))],
            _ => vec![(kind::DATA, 0, 1, Vec::new())],
        }),
    ];
    for (name, flood) in floods {
        let scenario = scenario().await;
        let mut frames = Frames::connect(scenario.running.data_address, 65_535).await;
        for turn in 0..5_000 {
            for (kind, flags, stream, payload) in flood(&frames, turn) {
                frames.send(kind, flags, stream, &payload).await;
            }
        }
        if let Some(goaway) = frames.next_of(kind::GOAWAY).await {
            let code = u32::from_be_bytes(goaway.payload[4..8].try_into().expect("four bytes"));
            assert_ne!(code, 0, "{name}: ended in order");
        }
        frames.ended().await;
        let asked = scenario.origin.all_requests().len();
        assert!(asked < 200, "{name}: {asked} requests at the origin");
    }
}

#[tokio::test]
async fn a_client_that_reads_no_answers_to_its_pings_and_settings_is_let_go() {
    for (kind, payload) in [(kind::PING, vec![0; 8]), (kind::SETTINGS, Vec::new())] {
        let scenario = scenario().await;
        let mut frames = Frames::connect(scenario.running.data_address, 65_535).await;
        within("the end of a connection that is not read", async { while frames.send(kind, 0, 0, &payload).await {} })
            .await;
    }
}
