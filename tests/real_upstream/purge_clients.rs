//! Purges by clients that other people wrote for other caches: the official libraries of Fastly and Cloudflare, and curl as
//! Varnish's documentation uses it.

use crate::run;
use crate::support::deadline::within_time;
use crate::support::{Scenario, Setup, get, reply};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

const RULES: &str = "[[route]]\nname = \"page\"\npath = \"/{page}\"\nttl = \"1m\"\nstale_while_revalidate = \"1m\"\n\
                     cookies = []\ntags = [\"page:{page}\"]\n";

const TOKEN: &str = "s3cret-of-the-test";
const HOST: &str = "shop.example.com";
const DEADLINE: Duration = Duration::from_mins(1);

/// The shop, and the folder that the token lies in.
async fn shop() -> (Scenario, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).expect("a fresh folder takes a file");
    let scenario = Setup::rules(RULES).admin(&format!("token_file = \"{}\"", file.display())).start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    (scenario, folder)
}

async fn said(command: &mut Command) -> String {
    let output = within_time(DEADLINE, "the client", command.output()).await.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Checks that what was stored is gone, or stale, after a purge of this id, of which there is a receipt.
async fn check_purged(scenario: &Scenario, action: &str, id: &str, soft: bool) {
    let receipt = get(&format!("/purges/{id}")).header("Authorization", &format!("Bearer {TOKEN}"));
    scenario.admin(receipt).await.status(200);
    let after = scenario.fetch(&get("/p").header("Host", HOST)).await;
    if soft {
        after.hit().detail("stale-while-revalidate");
    } else {
        assert!(!after.is_hit(), "{action}: {after}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_of_fastly_and_cloudflare_purge_and_get_the_receipts_id() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    run(&mut Command::new(root.join("scripts/install-purge-clients.sh"))).await;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let python = target.join("tools/purge-clients/bin/python");
    for action in [
        "fastly-url",
        "fastly-key",
        "fastly-keys",
        "fastly-soft",
        "fastly-all",
        "cloudflare-files",
        "cloudflare-tags",
        "cloudflare-prefixes",
        "cloudflare-hosts",
        "cloudflare-everything",
    ] {
        let (scenario, _folder) = shop().await;
        let client = async |token: &str| {
            let mut client = Command::new(&python);
            let base = format!("http://{}", scenario.running.admin_address);
            said(client.arg(root.join("tests/real_upstream/purge_clients.py")).args([&base, token, HOST, action])).await
        };
        let page = get("/p").header("Host", HOST);
        scenario.fetch(&page).await.status(200);
        assert_eq!(client("another").await, "refused: 401", "{action}");
        scenario.fetch(&page).await.hit();
        let id = client(TOKEN).await;
        check_purged(&scenario, action, &id, action == "fastly-soft").await;
    }
}

#[tokio::test]
async fn curl_purges_as_varnish_is_purged() {
    let (scenario, _folder) = shop().await;
    let page = get("/p").header("Host", HOST);
    let url = format!("http://{}/p", scenario.running.admin_address);
    let (shop, token) = (format!("Host: {HOST}"), format!("Authorization: Bearer {TOKEN}"));
    for arguments in [
        &["-X", "PURGE"][..],
        &["-X", "PURGE", "-H", "xkey-purge: page:p other"],
        &["-X", "BAN"],
        &["-X", "BAN", "-H", "X-Ban-Expression: req.http.host == shop.example.com && req.url ~ ^/p"],
    ] {
        scenario.fetch(&page).await.status(200);
        scenario.fetch(&page).await.hit();
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "-H", &shop, "-H", &token]).args(arguments).arg(&url);
        let answer: serde_json::Value = serde_json::from_str(&said(&mut curl).await).expect("it is JSON");
        assert_eq!(answer["status"], "ok");
        check_purged(&scenario, "curl", answer["id"].as_str().expect("an id"), false).await;
    }
}
