//! `larder demo` plays itself, then prints lines that work when pasted; both show what they say.

use crate::support::deadline::within;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn the_demo_plays_itself_and_its_curl_lines_show_miss_hit_purge_and_stale() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_larder"))
        .args(["demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let mut printed = BufReader::new(demo.stdout.take().expect("piped above")).lines();
    let (mut commands, mut tour) = (Vec::new(), Vec::new());
    while let Some(line) = within("the demo's text", printed.next_line()).await.expect("text") {
        if line.starts_with("  curl") {
            commands.push(line.trim().to_owned());
        }
        if line.starts_with("Ctrl-C") {
            break;
        }
        if commands.is_empty() {
            tour.push(line);
        }
    }
    assert_in_order(&tour);
    // One row for each line: what its output must hold.
    let expected = [
        "fwd=uri-miss",
        "larder; hit",
        "fwd=uri-miss",
        "larder; hit",
        "\"price_cents\":4200",
        "\"price_cents\":4200",
        "\"price_cents\":1999",
        "larder; hit",
        "\"stamp\"",
        "\"price_cents\":1999",
        "\"stamp\"",
        "detail=stale-while-revalidate",
        "fwd=uri-miss",
        "larder; hit",
        "product",
    ];
    assert_eq!(commands.len(), expected.len(), "{commands:#?}");
    for (command, expected) in commands.iter().zip(expected) {
        let output = within(command, Command::new("sh").arg("-c").arg(command).output()).await.expect("sh runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains(expected),
            "{command}\nexpected: {expected}\nprinted:\n{text}"
        );
    }
}

/// What the demo shows of itself: a miss, hits, the old price until the purge, the new one after it, one fetch for a crowd.
#[track_caller]
fn assert_in_order(tour: &[String]) {
    let mut lines = tour.iter();
    for part in [
        "GET /api/search?q=green+jacket",
        "fwd=uri-miss",
        "GET /api/search?q=green+jacket",
        "larder; hit",
        "utm_source=mail",
        "larder; hit",
        "price_cents 1258",
        "fwd=uri-miss",
        "price_cents is 1999 now",
        "price_cents 1258",
        "larder; hit",
        "purge of the tag product:7",
        "price_cents 1999",
        "fwd=uri-miss",
        "100 answers, 1 fetch from the shop",
    ] {
        assert!(lines.any(|line| line.contains(part)), "{part:?} does not come in its turn in:\n{}", tour.join("\n"));
    }
    assert!(tour.iter().all(|line| !line.contains('\u{1b}')), "colours where there is no terminal: {tour:?}");
}
