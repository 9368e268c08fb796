//! Clients that ask all day, over HTTP/1.1 and HTTP/2, and keep count of every answer that is not what it should be.

use super::peers::{Certificates, HOST};
use crate::support::deadline::within_time;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many numbers each URL of a round is asked with.
const NUMBERS: usize = 8;

/// How long a step of the day may take on a machine that is busy with other things.
pub(super) const STEP: Duration = Duration::from_secs(90);

/// What one client asks for, round after round: each round is a curl of its own, with new connections.
#[derive(Debug, Clone, Copy)]
enum Asks {
    /// Reads over HTTP/1.1, one after another on one connection.
    Reads,
    /// The same over HTTP/2, four at a time on one connection.
    ReadsAtOnce,
    /// Writes that may be sent twice.
    Writes,
}

const CLIENTS: [Asks; 4] = [Asks::Reads, Asks::Reads, Asks::ReadsAtOnce, Asks::Writes];

impl Asks {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Reads => &["--http1.1"],
            Self::ReadsAtOnce => &["--http2", "--parallel", "--parallel-max", "4"],
            Self::Writes => &["--http1.1", "--request", "PUT", "--data", "order"],
        }
    }

    /// What is stored, what has never been asked for, what may not be stored; or what is written.
    fn targets(self, round: &str) -> Vec<String> {
        match self {
            Self::Reads | Self::ReadsAtOnce => {
                vec!["/p?".to_owned(), format!("/p?{round}-"), format!("/live?{round}-")]
            }
            Self::Writes => vec![format!("/orders?{round}-")],
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::ReadsAtOnce => "2",
            Self::Reads | Self::Writes => "1.1",
        }
    }
}

/// What the clients have seen so far.
#[derive(Debug, Clone, Default)]
struct Seen {
    rounds: [usize; CLIENTS.len()],
    failures: Vec<String>,
}

/// The clients, asking until this is dropped.
pub(super) struct Load {
    seen: watch::Receiver<Seen>,
    _clients: JoinSet<()>,
}

impl Load {
    /// Begins to ask for [`HOST`] at this address.
    pub(super) fn start(certificates: &Arc<Certificates>, address: SocketAddr) -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let mut clients = JoinSet::new();
        for (number, asks) in CLIENTS.into_iter().enumerate() {
            let (sender, certificates) = (sender.clone(), Arc::clone(certificates));
            clients.spawn(async move {
                for round in 0_usize.. {
                    let failures = ask(&certificates, address, asks, &format!("{number}-{round}")).await;
                    sender.send_modify(|seen| {
                        seen.rounds[number] += 1;
                        seen.failures.extend(failures);
                    });
                }
            });
        }
        Self { seen, _clients: clients }
    }

    /// Waits until each client has begun and ended a round from now on; fails where any request has failed until then.
    pub(super) async fn goes_on(&self, during: &str) {
        let mut seen = self.seen.clone();
        let before = seen.borrow().rounds;
        // The next to end may have begun already.
        let is_over = |seen: &Seen| seen.rounds.iter().zip(before).all(|(rounds, before)| *rounds >= before + 2);
        let seen = within_time(STEP, during, seen.wait_for(is_over)).await.expect("clients end with the test").clone();
        assert_eq!(seen.failures, [""; 0], "{during}, after {:?} rounds", seen.rounds);
    }
}

/// One round; what of it has failed.
async fn ask(certificates: &Certificates, address: SocketAddr, asks: Asks, round: &str) -> Vec<String> {
    let bodies = tempfile::tempdir().expect("room for a folder");
    let origin = format!("https://{HOST}:{}", address.port());
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--max-time",
        "60",
        "--write-out",
        "%{http_code} %{http_version} %{url_effective}\n",
    ]);
    curl.arg("--cacert").arg(certificates.path("ca.pem")).args(asks.arguments());
    curl.arg("--resolve").arg(format!("{HOST}:{}:{}", address.port(), address.ip()));
    let targets = asks.targets(round);
    for (nth, target) in targets.iter().enumerate() {
        curl.arg("--output").arg(bodies.path().join(format!("{nth}-#1")));
        curl.arg(format!("{origin}{target}[0-{}]", NUMBERS - 1));
    }
    let output = curl.kill_on_drop(true).output().await.expect("curl is installed");
    let mut failures = Vec::new();
    if !output.status.success() {
        failures.push(format!("{asks:?} {round}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let good = format!("200 {} {origin}/", asks.version());
    failures.extend(printed.lines().filter(|line| !line.starts_with(&good)).map(ToOwned::to_owned));
    for (nth, target) in targets.iter().enumerate() {
        failures.extend((0..NUMBERS).filter_map(|number| differs(bodies.path(), nth, target, number)));
    }
    failures
}

/// What is wrong with the body of a URL, which names itself.
fn differs(bodies: &Path, nth: usize, target: &str, number: usize) -> Option<String> {
    let body = std::fs::read_to_string(bodies.join(format!("{nth}-{number}"))).unwrap_or_default();
    let expected = body_of(&format!("{target}{number}"));
    (body != expected).then(|| format!("{target}{number}: {} bytes, and another body: {:.400}", body.len(), body))
}

/// The body of the answer for a target: the target, many times.
pub(super) fn body_of(target: &str) -> String {
    format!("{target}\n").repeat(100)
}
