//! The binary itself: what it prints, its exit codes, its signals.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::served::larder;
use crate::support::{Barrier, Setup, get, reply};

const RULES: &str = "[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n";

#[tokio::test]
async fn serve_says_where_it_listens_and_sigterm_drains_what_is_under_way() {
    let origin = Origin::start().await;
    let mut served = Setup::rules(RULES).before(origin.address).serve().await;
    let gate = Barrier::new();
    origin.on("/p", reply(200).chunked().body("begun ").wait(&gate).body("ended"));
    let mut client = Client::connect(served.data_address).await;
    client.send(&get("/p")).await;
    client.body_so_far("begun ").await;
    served.signal(rustix::process::Signal::TERM);
    gate.open();
    client.response().await.body("begun ended");
    assert_eq!(served.ended().await.code(), Some(0));
}

#[tokio::test]
async fn sighup_reads_the_rules_again() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("p"));
    let served = Setup::rules(RULES).before(origin.address).serve().await;
    served.get("/p").await.says("stored");
    served.get("/p").await.hit();
    let passing = format!("{RULES}cache = false\n");
    std::fs::write(served.folder().join("rules.toml"), passing).expect("the file is there");
    served.signal(rustix::process::Signal::HUP);
    within("the new rules", async { while served.get("/p").await.is_hit() {} }).await;
}

#[tokio::test]
async fn a_bad_configuration_or_rules_file_ends_serve_and_check_with_1_and_its_place() {
    let origin = Origin::start().await;
    let folder = Setup::route("ttll = \"1m\"").before(origin.address).folder();
    for command in ["serve", "check"] {
        let output = within(command, larder(folder.path(), command).output()).await.expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{command}: {text}");
        for part in ["rules.toml", "4", "ttll", "ttl"] {
            assert!(text.contains(part), "{command} does not say {part:?}:\n{text}");
        }
    }
}

#[tokio::test]
async fn check_accepts_good_files_and_wrong_usage_exits_with_2() {
    let origin = Origin::start().await;
    let folder = Setup::rules(RULES).before(origin.address).folder();
    let good = within("check", larder(folder.path(), "check").output()).await.expect("it runs");
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let wrong = within("nonsense", larder(folder.path(), "nonsense").output()).await.expect("it runs");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}
