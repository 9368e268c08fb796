//! The binary itself: what it prints, its exit codes, its signals.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::served::{Served, larder};
use crate::support::{Barrier, Setup, get, reply};
use rustix::process::{Resource, getrlimit};
use tempfile::TempDir;

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
async fn a_second_sigterm_ends_what_the_first_would_wait_for() {
    let origin = Origin::start().await;
    let setup = Setup::rules(RULES).section("[timeouts]\ndrain = \"1h\"");
    let mut served = setup.before(origin.address).serve().await;
    let gate = Barrier::new();
    origin.on("/p", reply(200).chunked().body("begun ").wait(&gate).body("ended"));
    let mut client = Client::connect(served.data_address).await;
    client.send(&get("/p")).await;
    client.body_so_far("begun ").await;
    served.signal(rustix::process::Signal::TERM);
    within("the drain", async { while !served.log().contains("requests in progress may finish") {} }).await;
    served.signal(rustix::process::Signal::TERM);
    assert_eq!(served.ended().await.code(), Some(0));
    assert!(served.log().contains("asked to stop again"), "{}", served.log());
    gate.open();
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

const ANYWHERE: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

#[tokio::test]
async fn serve_needs_no_file_where_an_upstream_is_named_and_takes_up_rules_that_are_written_later() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("p"));
    let upstream = format!("http://{}", origin.address);
    let folder = TempDir::new().expect("a temporary folder");
    let served = Served::start_with(&[&["--upstream", &upstream][..], &ANYWHERE].concat(), folder).await;
    served.get("/p").await.status(200).body("p").not_a_hit();
    for part in ["there is no route in `rules`", "everything passes through", "[[route]]", "ttl"] {
        assert!(served.log().contains(part), "{part:?} is not in the log:\n{}", served.log());
    }
    served.signal(rustix::process::Signal::HUP);
    let rules = served.folder().join("rules");
    std::fs::create_dir(&rules).expect("the folder is ours");
    std::fs::write(rules.join("10-first.toml"), RULES).expect("the folder is ours");
    within("the first rules", async { while !served.get("/p").await.is_hit() {} }).await;
    assert!(!served.log().contains("refused"), "{}", served.log());
}

#[tokio::test]
async fn the_smallest_configuration_needs_no_rules() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("p"));
    let folder = TempDir::new().expect("a temporary folder");
    let smallest = format!("[upstream]\nservers = [\"http://{}\"]\n", origin.address);
    std::fs::write(folder.path().join("proxy.toml"), smallest).expect("the folder is ours");
    let checked = within("check", larder(folder.path(), "check").output()).await.expect("it runs");
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let served = Served::start_with(&ANYWHERE, folder).await;
    served.get("/p").await.status(200).body("p");
}

#[tokio::test]
async fn rules_that_are_named_must_be_there() {
    let folder = TempDir::new().expect("a temporary folder");
    let text = "rules = \"shop\"\n[upstream]\nservers = [\"http://127.0.0.1:9\"]\n";
    std::fs::write(folder.path().join("proxy.toml"), text).expect("the folder is ours");
    for command in ["serve", "check"] {
        let output = within(command, larder(folder.path(), command).output()).await.expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{command}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read the rules"), "{command}: {output:?}");
    }
}

#[tokio::test]
async fn serve_logs_what_check_warns_of_at_the_start_and_at_each_reload() {
    let origin = Origin::start().await;
    let idle = format!("{RULES}cache = false\n");
    let served = Setup::rules(&idle).before(origin.address).serve().await;
    let warned = |times: usize| served.log().matches("`ttl` means nothing where `cache = false`").count() == times;
    assert!(warned(1), "{}", served.log());
    served.signal(rustix::process::Signal::HUP);
    within("the warning after a reload", async {
        while !warned(2) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn more_connections_than_files_may_be_opened_are_warned_of() {
    let origin = Origin::start().await;
    let is_limited = getrlimit(Resource::Nofile).maximum.is_some();
    for (connections, expected) in [(16, false), (10_000_000, is_limited)] {
        let limits = format!("[limits]\nconnections = {connections}");
        let served = Setup::rules(RULES).before(origin.address).section(&limits).serve().await;
        let log = served.log();
        assert_eq!(log.contains("limits.connections needs more open files"), expected, "{log}");
    }
}

#[tokio::test]
async fn sighup_says_which_keys_of_proxy_toml_wait_for_a_restart_and_refuses_a_broken_one() {
    let origin = Origin::start().await;
    let served = Setup::rules(RULES).before(origin.address).serve().await;
    let file = served.folder().join("proxy.toml");
    let text = std::fs::read_to_string(&file).expect("it is there");
    let logged = async |part: &str| {
        within(part, async {
            while !served.log().contains(part) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    let other = text.replace("size = \"64MiB\"", "size = \"65MiB\"")
        + "\n[refresh]\nhot_keys = 5\n[limits]\nconnections = 500\n";
    std::fs::write(&file, &other).expect("it is ours");
    served.signal(rustix::process::Signal::HUP);
    logged("`refresh.hot_keys` has changed; it is in force after a restart").await;
    logged("`memory.size` has changed; it is in force after a restart").await;
    std::fs::write(&file, format!("{other}conections = 5\n")).expect("it is ours");
    served.signal(rustix::process::Signal::HUP);
    logged("the new configuration has errors and is not used").await;
    logged("conections").await;
    origin.on("/p", reply(200).body("p"));
    served.get("/p").await.status(200);
    // What takes no restart is in force, and is not said to wait for one.
    std::fs::write(&file, other + "per_client = { requests_per_second = 1 }\n").expect("it is ours");
    served.signal(rustix::process::Signal::HUP);
    within("the limit is in force", async { while served.get("/p").await.status != 429 {} }).await;
    for key in ["per_client", "`limits.connections`"] {
        assert!(!served.log().contains(key), "{key}: {}", served.log());
    }
}
