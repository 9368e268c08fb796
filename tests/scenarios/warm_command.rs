//! `larder warm`: URLs, sitemaps and logs, by the admin API of a running instance.

use crate::support::deadline::within;
use crate::support::{Scenario, Setup, reply};
use std::path::Path;
use std::process::Output;
use tokio::process::Command;

/// `larder warm` with these arguments, against this instance.
async fn warm(scenario: &Scenario, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.arg("warm").args(arguments).args(["--admin-url", &scenario.running.admin_address.to_string()]);
    within(arguments.join(" "), command.current_dir(folder).output()).await.expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn shop() -> Scenario {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    for path in ["/a", "/b", "/c"] {
        scenario.origin.on(path, reply(200).body(path));
    }
    scenario
}

#[tokio::test]
async fn urls_and_a_sitemap_are_warmed_and_what_came_of_it_is_said() {
    let scenario = shop().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sitemap = "<urlset><url><loc>http://shop.test/b</loc></url></urlset>";
    scenario.origin.on("/sitemap.xml", reply(200).body(sitemap));
    let arguments = ["http://shop.test/a", "http://shop.test/sitemap.xml", "--concurrent", "2"];
    let warmed = warm(&scenario, folder.path(), &arguments).await;
    assert_eq!((warmed.status.code(), text(&warmed.stdout)), (Some(0), "2 URLs: 2 fetched\n".to_owned()), "{warmed:?}");
    for path in ["/a", "/b"] {
        scenario.get(path).await.hit().body(path);
    }
    let again = warm(&scenario, folder.path(), &["http://shop.test/a", "--json"]).await;
    let said: serde_json::Value = serde_json::from_slice(&again.stdout).expect("it is JSON");
    assert_eq!((&said["done"], &said["results"]), (&1.into(), &serde_json::json!({"fresh": 1})), "{said}");
}

#[tokio::test]
async fn the_top_of_a_log_is_warmed_and_damaged_lines_are_named() {
    let scenario = shop().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let line = |path: &str| format!("192.0.2.7 - - [x] \"GET {path} HTTP/1.1\" 200 1\n");
    let log = [&line("/c"), "no line\n", &line("/b"), &line("/b"), &line("/a").repeat(3)].concat();
    std::fs::write(folder.path().join("access.log"), log).expect("a fresh folder takes a file");
    let warmed = warm(&scenario, folder.path(), &["access.log", "--host", "shop.test", "--top", "2"]).await;
    assert_eq!((warmed.status.code(), text(&warmed.stdout)), (Some(0), "2 URLs: 2 fetched\n".to_owned()), "{warmed:?}");
    assert_eq!(text(&warmed.stderr), "warning: 1 line could not be read: access.log:2\n");
    scenario.get("/a").await.hit();
    scenario.get("/b").await.hit();
    scenario.origin.saw("/c", 0);
}

#[tokio::test]
async fn what_could_not_be_fetched_makes_it_fail_and_wrong_usage_is_told_apart() {
    let scenario = shop().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    scenario.origin.on("/broken", reply(500));
    for (arguments, code, said) in [
        (&["http://shop.test/broken"][..], 1, "1 could not be fetched"),
        (&["missing.log"][..], 1, "missing.log cannot be read"),
        (&["http://shop.test/missing.xml"][..], 1, "did not come to its end"),
        (&["http://shop.test/a", "--rate", "fast"][..], 1, "rate: it is no rate"),
        (&["http://shop.test/a", "--header", "nonsense"][..], 2, "NAME: VALUE"),
        (&[][..], 2, "required"),
    ] {
        let output = warm(&scenario, folder.path(), arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {output:?}");
    }
}
