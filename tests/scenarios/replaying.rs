//! `larder replay` on recorded traffic, and `/rules/shadow` on live traffic.

use crate::support::deadline::within;
use crate::support::{Setup, get, post, reply, request};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use tokio::process::Command;

/// A run of the sample shop's load, of which Larder's own log was kept.
const SHOP_LOG: &str = "tests/recorded/shop.jsonl.gz";
const SHOP_CONFIG: &str = "bench/shop/larder/proxy.toml";

fn of_project(path: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

async fn replay(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.arg("replay").args(arguments).current_dir(folder);
    within(arguments.join(" "), command.output()).await.expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn folder() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("the folder is ours");
    write("proxy.toml", "rules = \"rules.toml\"\n[upstream]\nservers = [\"http://127.0.0.1:8000\"]\n");
    write("rules.toml", "[[route]]\nname = \"a\"\npath = \"/a\"\nttl = \"1m\"\n");
    write("new.toml", "[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n");
    let line = |second: u64, path: &str| {
        format!("192.0.2.7 - - [10/Oct/2000:13:55:{second:02} +0000] \"GET {path} HTTP/1.1\" 200 100\n")
    };
    write("access.log", &[line(0, "/a"), line(1, "/a"), "no line\n".to_owned(), line(2, "/b"), line(3, "/b")].concat());
    folder
}

#[tokio::test]
async fn the_hit_ratio_of_the_shops_recorded_load_is_foretold_within_a_point() {
    let folder = TempDir::new().expect("a temporary folder");
    let (log, config) = (of_project(SHOP_LOG), of_project(SHOP_CONFIG));
    let replayed = replay(folder.path(), &["--log", &log, "--config", &config, "--json"]).await;
    assert_eq!(replayed.status.code(), Some(0), "{replayed:?}");
    let report = report(&replayed);
    let ratio = |of: &Value, rules: &str| of[rules]["hit_ratio"].as_f64().unwrap_or(-1.0);
    let routes = report["routes"].as_array().expect("a list");
    for of in routes.iter().chain([&report["all"]]) {
        let requests = of["measured"]["requests"].as_u64().unwrap_or_default();
        let points = (ratio(of, "present") - ratio(of, "measured")).abs() * 100.0;
        // A point of few requests is one or two of them.
        assert!(requests < 500 || points <= 1.0, "{points} points off: {of:#}");
    }
    assert!(ratio(&report["all"], "measured") > 0.5, "{report:#}");
    assert_eq!(report["all"]["present"]["requests"], report["log"]["requests"]);
}

#[tokio::test]
async fn rules_are_compared_side_by_side_and_damaged_lines_are_named() {
    let folder = folder();
    let replayed = replay(folder.path(), &["--log", "access.log", "--rules", "new.toml"]).await;
    assert_eq!(replayed.status.code(), Some(0), "{replayed:?}");
    assert_eq!(text(&replayed.stderr), "warning: 1 line could not be read: access.log:3\n");
    let said = text(&replayed.stdout);
    for part in
        ["4 requests", "present", "proposed", "25.0 %", "50.0 %", "What a log does not tell", "Vary", "no-store"]
    {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    let replayed = replay(folder.path(), &["--log", "access.log", "--rules", "new.toml", "--json"]).await;
    let report = report(&replayed);
    assert_eq!(report["log"]["damaged"], serde_json::json!(["access.log:3"]));
    assert_eq!((&report["all"]["present"]["hits"], &report["all"]["proposed"]["hits"]), (&1.into(), &2.into()));
    assert_eq!(report["all"]["measured"], Value::Null, "nginx does not tell");
    let names: Vec<_> = report["routes"].as_array().expect("a list").iter().map(|route| &route["route"]).collect();
    assert_eq!(names, [&Value::from("all"), &Value::from("a"), &Value::Null]);
}

#[tokio::test]
async fn standard_input_is_read_and_what_cannot_be_done_is_told_by_the_exit_code() {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    let log = std::fs::File::open(folder.path().join("access.log")).expect("it is there");
    command.args(["replay", "--log", "-", "--json"]).current_dir(folder.path()).stdin(log);
    let replayed = within("replay", command.output()).await.expect("it runs");
    assert_eq!(report(&replayed)["log"]["requests"], 4, "{replayed:?}");
    assert!(text(&replayed.stderr).contains("standard input:3"), "{replayed:?}");
    for (arguments, code, said) in [
        (&["--log", "missing.log"][..], 1, "missing.log cannot be read"),
        (&["--log", "proxy.toml"], 1, "there is no request in it"),
        (&["--log", "access.log", "--rules", "missing.toml"], 1, "missing.toml"),
        (&["--log", "access.log", "--rules", "access.log"], 1, "error"),
        (&[], 2, "--log"),
    ] {
        let failed = replay(folder.path(), arguments).await;
        assert_eq!(failed.status.code(), Some(code), "{arguments:?} {failed:?}");
        assert!(text(&failed.stderr).contains(said), "{arguments:?} {failed:?}");
    }
}

const SHADOW: &str = "[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n";

#[tokio::test]
async fn live_traffic_is_judged_by_other_rules_and_answered_by_those_in_force() {
    let scenario = Setup::rules("[[route]]\nname = \"a\"\npath = \"/a\"\nttl = \"1m\"\n").start().await;
    for path in ["/a", "/b"] {
        scenario.origin.on(path, reply(200).body(path));
    }
    scenario.admin(get("/rules/shadow")).await.status(404);
    scenario.get("/b").await;
    let begun = scenario.admin(post("/rules/shadow", SHADOW)).await;
    begun.status(201);
    for path in ["/a", "/a", "/b", "/b", "/b"] {
        scenario.get(path).await.body(path);
    }
    scenario.origin.saw("/b", 4);
    let said = scenario.admin(get("/rules/shadow")).await.text();
    let said: Value = serde_json::from_str(&said).expect("it is JSON");
    let all = &said["all"];
    let hits = ["present", "proposed", "measured"].map(|rules| all[rules]["hits"].as_u64());
    assert_eq!((all["present"]["requests"].as_u64(), hits), (Some(5), [Some(1), Some(3), Some(1)]), "{said:#}");
    let bad = scenario.admin(post("/rules/shadow", "[[route]]\npath = 1\n")).await;
    bad.status(422);
    assert!(bad.text().contains("diagnostics"), "{bad}");
    scenario.admin(get("/rules/shadow")).await.status(200);
    let end = || request("DELETE", "/rules/shadow");
    scenario.admin(end()).await.status(200);
    scenario.admin(end()).await.status(404);
}
