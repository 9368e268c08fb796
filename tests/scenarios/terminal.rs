//! What an operator asks on the command line: `larder log`, `stats`, `top` and `explain --request-id`, against the binary;
//! the screen of `top` in a real terminal, tmux.

use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::served::{Served, larder};
use crate::support::{Setup, reply};
use serde_json::Value;
use std::process::Stdio;
use tokio::process::Command;

const RULES: &str = "[[route]]\nname = \"search\"\npath = \"/s\"\nttl = \"1m\"\nsearch_term = \"q\"\n\n\
                     [[route]]\nname = \"product\"\npath = \"/p/{id}\"\nttl = \"1m\"\n";

async fn shop() -> (Origin, Served) {
    let origin = Origin::start().await;
    for path in ["/s", "/p/1", "/other"] {
        origin.on(path, reply(200).body("0123456789"));
    }
    let served = Setup::rules(RULES).before(origin.address).serve().await;
    (origin, served)
}

/// What `larder` with these arguments says of the instance.
async fn said(served: &Served, command: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut larder = larder(served.folder(), command);
    larder.args(["--admin-url", &served.admin_address.to_string()]).args(arguments);
    let output = within(command, larder.output()).await.expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn log_shows_what_is_wanted_as_it_comes() {
    let (_origin, served) = shop().await;
    let address = served.admin_address.to_string();
    let mut log = larder(served.folder(), "log");
    log.args(["--admin-url", &address, "--route", "product", "--outcome", "hit", "--count", "2"]);
    let mut lines = log.stdout(Stdio::piped()).spawn().expect("it runs");
    within("two lines", async {
        while lines.try_wait().expect("it can be asked").is_none() {
            served.get("/p/1").await;
            served.get("/other").await;
        }
    })
    .await;
    let output = lines.wait_with_output().await.expect("it has ended");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!((output.status.code(), text.lines().count()), (Some(0), 2), "{text}");
    for line in text.lines() {
        assert!(line.contains(" 200 hit ") && line.contains("GET shop.test/p/1 (fresh) id="), "{line}");
    }
    let (code, _, error) = said(&served, "log", &["--outcome", "mist"]).await;
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("outcome: there is no such outcome"), "{error}");
}

#[tokio::test]
async fn explain_tells_what_was_decided_about_a_request_that_is_over() {
    let (_origin, served) = shop().await;
    let answer = served.get("/p/1").await;
    let id = answer.value("X-Request-Id").expect("every answer has one");
    let (code, text, _) = said(&served, "explain", &["--request-id", id]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("was        miss: Fetched. Nothing was stored under this key. (no-entry)"), "{text}");
    assert!(text.contains("stored     stored") && text.contains(id), "{text}");
    let (code, _, error) = said(&served, "explain", &["--request-id", "nobodys"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("no request with this id"), "{error}");
    assert_eq!(said(&served, "explain", &["--request-id", id, "http://shop.test/p/1"]).await.0, Some(2));
    assert_eq!(said(&served, "explain", &[]).await.0, Some(2));
}

#[tokio::test]
async fn stats_and_top_fit_into_a_pipe() {
    let (_origin, served) = shop().await;
    for _ in 0..3 {
        served.get("/s?q=red+shoes").await.status(200);
    }
    let (code, text, _) = said(&served, "stats", &[]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("no hits of search: miss (no-entry) 1") && text.contains("memory holds "), "{text}");
    let (_, json, _) = said(&served, "stats", &["--json"]).await;
    let stats: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(stats["routes"]["search"]["requests"], 3);
    let (code, text, _) = said(&served, "top", &["--window", "1h"]).await;
    assert_eq!(code, Some(0), "{text}");
    for part in ["routes\n", "keys\n", "search terms\n", "red shoes", "shop.test/s?q=red+shoes"] {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
    let (_, json, _) = said(&served, "top", &["--json"]).await;
    let top: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(top["searches"]["terms"][0]["term"], "red shoes");
    assert_eq!(said(&served, "top", &["--by", "fame"]).await.0, Some(2));
}

/// A terminal of its own.
struct Terminal(String);

impl Terminal {
    /// Runs a program in it.
    async fn run(name: &str, program: &[&str]) -> Self {
        let terminal = Self(format!("larder-{name}-{}", std::process::id()));
        terminal.tmux(&[&["-f", "/dev/null", "new-session", "-d", "-x", "130", "-y", "40"], program].concat()).await;
        terminal
    }

    async fn tmux(&self, arguments: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        let output = tmux.args(["-u", "-L", &self.0]).args(arguments).output();
        let output = within("tmux", output).await.expect("tmux is installed: scripts/install-prerequisites.sh test");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until the screen is so.
    async fn until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        within(what, async { while !holds(&self.tmux(&["capture-pane", "-p"]).await) {} }).await;
    }

    async fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]).await;
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nobody is left to notify where it has ended by itself.
        let _ = std::process::Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
    }
}

#[tokio::test]
async fn top_shows_what_is_busy_in_a_terminal_and_obeys_its_keys() {
    let (_origin, served) = shop().await;
    for target in ["/s?q=red+shoes", "/s?q=red+shoes", "/p/1"] {
        served.get(target).await.status(200);
    }
    let address = served.admin_address.to_string();
    let program = [env!("CARGO_BIN_EXE_larder"), "top", "--admin-url", &address];
    let terminal = Terminal::run("top", &program).await;
    terminal
        .until("the busiest", |screen| {
            ["by requests", "all routes", "the last 10m", "shop.test/p/1", "red shoes", "product"]
                .iter()
                .all(|part| screen.contains(part))
        })
        .await;
    served.get("/other").await.status(200);
    terminal.until("what has come since", |screen| screen.contains("shop.test/other")).await;
    terminal.press("s").await;
    terminal.press("w").await;
    terminal
        .until("another measure and window", |screen| screen.contains("by hits") && screen.contains("the last 1h"))
        .await;
    terminal.press("1").await;
    terminal.until("one route", |screen| screen.contains("route search,") && !screen.contains("product")).await;
    terminal.press("a").await;
    terminal.until("all routes", |screen| screen.contains(", all routes,") && screen.contains("product")).await;
    terminal.press("q").await;
    within("the end", async { while !terminal.tmux(&["list-sessions"]).await.is_empty() {} }).await;
}
