//! `larder demo` prints lines that work when pasted, and show what they say.

use crate::support::deadline::within;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn the_demos_curl_lines_show_miss_hit_purge_and_stale() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_larder"))
        .arg("demo")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let mut printed = BufReader::new(demo.stdout.take().expect("piped above")).lines();
    let mut commands = Vec::new();
    while let Some(line) = within("the demo's text", printed.next_line()).await.expect("text") {
        if line.starts_with("  curl") {
            commands.push(line.trim().to_owned());
        }
        if line.starts_with("Ctrl-C") {
            break;
        }
    }
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
