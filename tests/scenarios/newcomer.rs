//! The way of a newcomer in docs/learning.md, command by command.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{get, reply, request};
use serde_json::Value;
use std::net::IpAddr;
use std::path::Path;
use std::process::Output;
use tokio::process::Command;

const PAGE: &str = include_str!("../../docs/learning.md");

/// The commands below a heading, without their comments.
fn commands(heading: &str) -> Vec<String> {
    let below = PAGE.split(heading).nth(1).unwrap_or_else(|| panic!("the page has no {heading}"));
    let block = below.split("```").nth(1).and_then(|block| block.strip_prefix("sh\n")).expect("commands");
    block.lines().map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned()).collect()
}

/// Runs a command as a shell in the folder would.
async fn run(folder: &Path, command: &str, admin: Option<&str>) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_larder")).parent().expect("it lies in a folder");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).env("PATH", path);
    if let Some(admin) = admin {
        shell.env("LARDER_ADMIN_LISTEN", admin);
    }
    within(command.to_owned(), shell.output()).await.expect("it runs")
}

async fn learned(served: &Served) -> Value {
    serde_json::from_str(&served.admin(get("/learned")).await.text()).expect("it is JSON")
}

/// Clients who ask until enough was watched; then the hour is over.
async fn clients(served: &Served) {
    within("two seconds of clients", async {
        while learned(served).await["state"] != "watching" {
            tokio::task::yield_now().await;
        }
        while learned(served).await["watched_secs"].as_u64() < Some(2) {
            for (client, id) in (11..=15_u8).flat_map(|client| (1..=3).map(move |id| (client, id))) {
                let mut client = Client::connect_from(IpAddr::from([127, 0, 0, client]), served.data_address).await;
                client.send(&get(&format!("/products/{id}"))).await;
                client.response().await.status(200);
            }
        }
    })
    .await;
    let jobs: Value = serde_json::from_str(&served.admin(get("/jobs")).await.text()).expect("it is JSON");
    let id = jobs["jobs"][0]["id"].as_str().expect("a job has an id");
    served.admin(request("DELETE", &format!("/jobs/{id}"))).await.status(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_way_from_a_slow_api_to_tuned_rules_works() {
    let origin = Origin::start().await;
    for id in 1..=3 {
        origin.on(&format!("/products/{id}"), reply(200).body(format!("product {id}")));
    }
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = home.path().to_owned();
    let mut home = Some(home);
    let mut served: Option<Served> = None;
    for command in commands("## From a slow API to tuned rules") {
        let data = served.as_ref().map_or_else(String::new, |served| served.data_address.to_string());
        let told = command.replace("127.0.0.1:8000", &origin.address.to_string()).replace("127.0.0.1:8080", &data);
        if command == "larder serve" {
            let proxy = folder.join("proxy.toml");
            let text = std::fs::read_to_string(&proxy).expect("it was written before");
            let free = text.replace("0.0.0.0:8080", "127.0.0.1:0").replace("127.0.0.1:9180", "127.0.0.1:0");
            std::fs::write(&proxy, free).expect("it is ours");
            served = Some(Served::start(home.take().expect("it is started once")).await);
            continue;
        }
        let admin = served.as_ref().map(|served| served.admin_address.to_string());
        let done = match &served {
            Some(served) if command.starts_with("larder learn") => {
                tokio::join!(run(&folder, &told, admin.as_deref()), clients(served)).0
            }
            _ => run(&folder, &told, admin.as_deref()).await,
        };
        assert!(done.status.success(), "{told}: {done:?}");
        if command.starts_with("cat") {
            let shown = String::from_utf8_lossy(&done.stdout);
            assert!(shown.contains("path = \"/products/{id}\""), "{shown}");
        }
    }
    let served = served.expect("one of the commands starts it");
    within("a hit by the rules that were learned", async {
        loop {
            let answer = served.fetch(&get("/products/1")).await;
            if answer.head.value("Cache-Status").is_some_and(|said| said.contains("; hit")) {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}
