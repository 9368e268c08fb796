//! The binary itself: what it prints, its exit codes, its signals.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::{Barrier, get, reply};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const RULES: &str = "[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n";

/// `larder serve`, running.
struct Served {
    process: Child,
    data: SocketAddr,
    _printed: Lines<BufReader<ChildStdout>>,
}

impl Served {
    async fn start(folder: &Path) -> Self {
        let mut process = larder(folder, "serve").stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
        let mut printed = BufReader::new(process.stdout.take().expect("piped above")).lines();
        let data = loop {
            let line = within("a listener's line", printed.next_line()).await.expect("text").expect("a line");
            if let Some(address) = line.strip_prefix("listening on http://") {
                break address.parse().unwrap_or_else(|_| panic!("no address: {line:?}"));
            }
        };
        Self { process, data, _printed: printed }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.expect("it runs"), signal).expect("it runs");
    }

    async fn fetch(&self, target: &str) -> crate::support::expect::Response {
        let mut client = Client::connect(self.data).await;
        client.send(&get(target)).await;
        client.response().await
    }
}

fn larder(folder: &Path, command: &str) -> Command {
    let mut larder = Command::new(env!("CARGO_BIN_EXE_larder"));
    larder.arg(command).arg("--config").arg(folder.join("proxy.toml")).stderr(Stdio::piped());
    larder
}

fn configured(origin: &Origin, rules: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let config = format!(
        "rules = \"rules.toml\"\n[listen]\nhttp = \"127.0.0.1:0\"\n[upstream]\nservers = [\"http://{}\"]\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n",
        origin.address
    );
    std::fs::write(folder.path().join("proxy.toml"), config).expect("a fresh folder takes a file");
    std::fs::write(folder.path().join("rules.toml"), rules).expect("a fresh folder takes a file");
    folder
}

#[tokio::test]
async fn serve_says_where_it_listens_and_sigterm_drains_what_is_under_way() {
    let origin = Origin::start().await;
    let folder = configured(&origin, RULES);
    let mut served = Served::start(folder.path()).await;
    let gate = Barrier::new();
    origin.on("/p", reply(200).chunked().body("begun ").wait(&gate).body("ended"));
    let mut client = Client::connect(served.data).await;
    client.send(&get("/p")).await;
    client.body_so_far("begun ").await;
    served.signal(rustix::process::Signal::TERM);
    gate.open();
    client.response().await.body("begun ended");
    let status = within("the end of the process", served.process.wait()).await.expect("an exit code");
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn sighup_reads_the_rules_again() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("p"));
    let folder = configured(&origin, RULES);
    let served = Served::start(folder.path()).await;
    served.fetch("/p").await.says("stored");
    served.fetch("/p").await.hit();
    let passing = format!("{RULES}cache = false\n");
    std::fs::write(folder.path().join("rules.toml"), passing).expect("the file is there");
    served.signal(rustix::process::Signal::HUP);
    within("the new rules", async { while served.fetch("/p").await.is_hit() {} }).await;
}

#[tokio::test]
async fn a_bad_configuration_or_rules_file_ends_serve_and_check_with_1_and_its_place() {
    let origin = Origin::start().await;
    let folder = configured(&origin, "[[route]]\nname = \"all\"\npath = \"/**\"\nttll = \"1m\"\n");
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
    let folder = configured(&origin, RULES);
    let good = within("check", larder(folder.path(), "check").output()).await.expect("it runs");
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let wrong = within("nonsense", larder(folder.path(), "nonsense").output()).await.expect("it runs");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}
