//! The floods of the last years, each against a process of its own: what it holds is bounded, whatever the flood, and others
//! are served meanwhile.

use super::client::{Client, rest};
use super::rows::{code, field, fields, request};
use crate::support::deadline::{within, within_time};
use crate::support::h2_frames::{Frames, flag, kind, read};
use crate::support::origin::Origin;
use crate::support::{Barrier, Setup, reply};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedReadHalf;

const MEBIBYTE: u64 = 1 << 20;
/// Of the program itself with its threads, sockets and debug build, and of a cache that holds nothing.
const RESIDENT_MAX: u64 = 160 * MEBIBYTE;
/// How often each flood is repeated. All of it is a multiple of every bound.
const TURNS: u32 = 4_000;

/// The payload of the last PING.
const LAST: &[u8] = b"the end!";

/// What becomes of a flood's connection.
#[derive(Debug, Clone, Copy)]
enum End {
    /// It ends with this code.
    With(u32),
    /// It may go on: all that the flood costs is the reading of it.
    Any,
}

/// Frames of one turn.
type Flood = fn(u32) -> Vec<Vec<u8>>;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn opened(stream: u32, method: &str, path: &str) -> Vec<u8> {
    let flags = if method == "GET" { flag::END_HEADERS | flag::END_STREAM } else { flag::END_HEADERS };
    frame(kind::HEADERS, flags, stream, &request(method, path))
}

fn number(turn: u32) -> u32 {
    turn * 2 + 1
}

fn reset(stream: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, &code::CANCEL.to_be_bytes())
}

fn window(stream: u32, bytes: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

/// Opens stream 1 at the first turn, for frames that need one.
fn on_one(turn: u32, each: Vec<u8>) -> Vec<Vec<u8>> {
    if turn == 0 { vec![opened(1, "POST", "/held")] } else { vec![each] }
}

const CALM: End = End::With(code::ENHANCE_YOUR_CALM);

const FLOODS: [(&str, End, Flood); 19] = [
    ("streams opened and reset", CALM, |turn| vec![opened(number(turn), "GET", "/held"), reset(number(turn))]),
    ("streams whose window is opened by nothing", End::With(code::PROTOCOL), |turn| {
        vec![opened(number(turn), "POST", "/held"), window(number(turn), 0)]
    }),
    ("streams that too large a window has reset", CALM, |turn| {
        vec![opened(number(turn), "POST", "/held"), window(number(turn), (1 << 31) - 1)]
    }),
    ("streams that a wrong length has reset", CALM, |turn| {
        let head = [request("POST", "/held"), field("content-length", "1")].concat();
        vec![
            frame(kind::HEADERS, flag::END_HEADERS, number(turn), &head),
            frame(kind::DATA, 0, number(turn), b"too long"),
        ]
    }),
    ("streams whose head is malformed", CALM, |turn| {
        let head = [request("GET", "/held"), field("connection", "close")].concat();
        vec![frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, number(turn), &head)]
    }),
    ("streams that depend on themselves", CALM, |turn| {
        let itself = [&number(turn).to_be_bytes()[..], &[1]].concat();
        vec![opened(number(turn), "GET", "/held"), frame(kind::PRIORITY, 0, number(turn), &itself)]
    }),
    ("more streams than allowed", CALM, |turn| vec![opened(number(turn), "GET", "/held")]),
    ("CONTINUATION without fields", CALM, |turn| match turn {
        0 => vec![frame(kind::HEADERS, 0, 1, &request("GET", "/held"))],
        _ => vec![frame(kind::CONTINUATION, 0, 1, &[])],
    }),
    ("CONTINUATION with fields", End::Any, |turn| match turn {
        0 => vec![frame(kind::HEADERS, 0, 1, &request("GET", "/held"))],
        _ => vec![frame(kind::CONTINUATION, 0, 1, &field("x-field", &"v".repeat(100)))],
    }),
    ("empty DATA", CALM, |turn| on_one(turn, frame(kind::DATA, 0, 1, &[]))),
    ("DATA of padding alone", CALM, |turn| on_one(turn, frame(kind::DATA, flag::PADDED, 1, &[3, 0, 0, 0]))),
    ("DATA of one byte", End::Any, |turn| on_one(turn, frame(kind::DATA, 0, 1, b"x"))),
    ("PRIORITY", CALM, |turn| vec![frame(kind::PRIORITY, 0, number(turn), &[0, 0, 0, 0, 1])]),
    ("WINDOW_UPDATE", CALM, |turn| on_one(turn, window(turn % 2, 1))),
    ("SETTINGS", CALM, |turn| {
        let bytes = if turn % 2 == 0 { 0 } else { 65_535_u32 };
        vec![frame(kind::SETTINGS, 0, 0, &[&[0, 1][..], &bytes.to_be_bytes(), &[0, 4], &bytes.to_be_bytes()].concat())]
    }),
    ("PING", CALM, |_| vec![frame(kind::PING, 0, 0, b"a flood!")]),
    ("frames that nobody knows", CALM, |turn| vec![frame(0xee, 0xff, turn, &[0xff; 200])]),
    ("a table's entry that is named again and again", End::Any, |turn| {
        let entry = [&[0x40, 1, b'x', 0x7f, 0xb9, 0x1e][..], &[b'v'; 4_024]].concat();
        let head = [&request("GET", "/p")[..], &if turn == 0 { entry } else { vec![0xbe; 1_000] }].concat();
        vec![frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, number(turn), &head)]
    }),
    ("cookies of one crumb each", End::Any, |turn| {
        let crumbs: Vec<u8> = (0..300).flat_map(|_| fields(&[("cookie", "a")])).collect();
        let head = [request("GET", "/p"), crumbs].concat();
        vec![frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, number(turn), &head)]
    }),
];

/// The code that the connection ends with; `None` if all of the flood was read, or the connection ended without a word.
async fn last_word(reader: &mut OwnedReadHalf) -> Option<u32> {
    let mut code = None;
    let reading = async {
        while let Some(frame) = read(reader).await {
            match frame.kind {
                kind::GOAWAY => {
                    code = frame.payload.get(4..8).map(|code| u32::from_be_bytes(code.try_into().expect("four")));
                }
                kind::PING if frame.payload == LAST => return,
                _ => {}
            }
        }
    };
    within_time(Duration::from_secs(50), "the end of a flood", reading).await;
    code
}

#[tokio::test]
async fn a_flood_holds_little_and_others_are_served_meanwhile() {
    let origin = Origin::start().await;
    let never = Barrier::new();
    origin.on("/p", reply(200).body("page"));
    origin.on("/held", reply(200).hold(&never));
    let timeouts = "[timeouts]\nstall = \"2s\"";
    let setup = Setup::route("ttl = \"1m\"").memory("16MiB").section(timeouts).before(origin.address);
    let served = setup.serve().await;
    let mut failed = Vec::new();
    for (name, end, flood) in FLOODS {
        let (mut reader, mut writer) = Frames::connect(served.data_address, 65_535).await.split();
        let sent = tokio::spawn(async move {
            for turn in 0..TURNS {
                if writer.write_all(&flood(turn).concat()).await.is_err() {
                    return;
                }
            }
            // Its answer says that whatever stands before it was read.
            let _ = writer.write_all(&frame(kind::PING, 0, 0, LAST)).await;
        });
        let others = async {
            for _ in 0..20 {
                let other = Client::connect(served.data_address).await;
                assert_eq!(rest(other.get("/p").await.body_mut()).await.0, "page", "{name}");
            }
        };
        let (goaway, ()) = tokio::join!(last_word(&mut reader), within("others meanwhile", others));
        sent.abort();
        let is_as_it_must = match end {
            End::With(expected) => goaway == Some(expected),
            End::Any => goaway != Some(0),
        };
        let peak = served.peak_resident_bytes();
        if !is_as_it_must || peak >= RESIDENT_MAX {
            failed.push(format!("{name}: ended with {goaway:?}, {} MiB resident at the peak", peak / MEBIBYTE));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    let asked = origin.requests("/held").len();
    assert!(asked < 2_000, "{asked} requests at the origin");
}

#[tokio::test]
async fn a_client_that_takes_most_of_its_requests_back_once_they_are_under_way_is_let_go() {
    let scenario = Setup::route("cache = false").start().await;
    let never = Barrier::new();
    scenario.origin.on("/held", reply(200).hold(&never));
    let mut frames = Frames::connect(scenario.running.data_address, 65_535).await;
    let mut goaway = None;
    for turn in 0..2_000 {
        frames.send_bytes(&opened(number(turn), "GET", "/held")).await;
        // Its answer says that the stream was accepted.
        frames.send(kind::PING, 0, 0, LAST).await;
        let word = within("an answer", async {
            loop {
                match frames.next().await {
                    Some(frame) if frame.kind != kind::GOAWAY && frame.kind != kind::PING => {}
                    word => return word,
                }
            }
        });
        let word = word.await;
        if word.as_ref().is_none_or(|word| word.kind == kind::GOAWAY) {
            goaway = word;
            break;
        }
        frames.send_bytes(&reset(number(turn))).await;
    }
    let goaway = goaway.expect("it is told before the connection ends");
    assert_eq!(goaway.payload[4..8], code::ENHANCE_YOUR_CALM.to_be_bytes());
    assert!(scenario.origin.requests("/held").len() <= 600);
}

#[tokio::test]
async fn a_flood_is_ended_though_nothing_follows_it() {
    let served = Setup::route("ttl = \"1m\"").before(Origin::start().await.address).serve().await;
    let (mut reader, mut writer) = Frames::connect(served.data_address, 65_535).await.split();
    // Some more than make a flood, read at one go.
    writer.write_all(&frame(kind::PING, 0, 0, b"a flood!").repeat(1_100)).await.expect("the connection is read from");
    let ended = async {
        while let Some(frame) = read(&mut reader).await {
            if frame.kind == kind::GOAWAY {
                return frame.payload.get(4..8).map(<[u8]>::to_vec);
            }
        }
        None
    };
    let calm = code::ENHANCE_YOUR_CALM.to_be_bytes().to_vec();
    assert_eq!(within_time(Duration::from_secs(15), "the end of a flood", ended).await, Some(calm));
}
