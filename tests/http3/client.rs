//! A client of HTTP/3: `client.py`, which takes one step for each line; and Larder with certificates in front of it.

use crate::support::certificates::{Authority, Validity};
use crate::support::deadline::{within, within_time};
use crate::support::{Scenario, Setup};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The host of the certificate.
pub(super) const HOST: &str = "shop.example";

/// The certificates that Larder shows.
pub(super) struct Certificates {
    folder: TempDir,
    /// Who vouches for them.
    pub(super) authority: Authority,
}

impl Certificates {
    /// One for [`HOST`].
    pub(super) fn new() -> Self {
        let (authority, folder) = (Authority::new("the shop's own"), TempDir::new().expect("a temporary folder"));
        drop(authority.write_for(folder.path(), &[HOST], Validity::Valid));
        Self { folder, authority }
    }

    /// One of its files.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The files of another one, for a client of this name: its certificate and its key.
    pub(super) fn of_client(&self, authority: &Authority, name: &str) -> [PathBuf; 2] {
        let [certificate, key] = authority.vouch_for(&[name]);
        [("pem", certificate), ("key", key)].map(|(end, text)| {
            let path = self.path(&format!("{name}.{end}"));
            std::fs::write(&path, text).expect("the folder is ours");
            path
        })
    }

    /// A setup that speaks HTTP/3 with them.
    pub(super) fn offered(&self, setup: Setup, keys: &str) -> Setup {
        self.offered_with(setup, "", keys)
    }

    /// As [`Self::offered`], with further keys of `https`.
    pub(super) fn offered_with(&self, setup: Setup, https: &str, keys: &str) -> Setup {
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| self.path(name).display().to_string());
        setup.listen(&format!(
            "https = {{ address = \"127.0.0.1:0\", certificate = {certificate:?}, key = {key:?}{https} }}\n\
             http3 = \"127.0.0.1:0\"\n{keys}"
        ))
    }

    /// A scenario with them.
    pub(super) async fn start(&self, setup: Setup) -> Scenario {
        self.offered(setup, "").start().await
    }

    /// A client of that.
    pub(super) async fn client(&self, scenario: &Scenario) -> Client {
        Client::connect(address(scenario), &self.path("ca.pem"), None).await
    }
}

/// Where a scenario speaks HTTP/3.
pub(super) fn address(scenario: &Scenario) -> SocketAddr {
    let mut listening = scenario.running.listening.iter();
    let found = listening.find_map(|url| url.strip_prefix("https://")?.strip_suffix(" (HTTP/3)")?.parse().ok());
    found.expect("HTTP/3 is offered")
}

/// Where it speaks HTTP over TLS.
pub(super) fn https(scenario: &Scenario) -> SocketAddr {
    let mut listening = scenario.running.listening.iter();
    listening.find_map(|url| url.strip_prefix("https://")?.parse().ok()).expect("https is offered")
}

/// The head of a request.
pub(super) fn fields(method: &str, path: &str) -> Vec<(String, String)> {
    let fields = [(":method", method), (":scheme", "https"), (":authority", HOST), (":path", path)];
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A step with further keys.
fn with_keys(mut step: Value, keys: Value) -> Value {
    if let (Some(step), Value::Object(keys)) = (step.as_object_mut(), keys) {
        step.extend(keys);
    }
    step
}

/// A client with one connection.
pub(super) struct Client {
    process: Child,
    steps: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Client {
    /// Connects, and believes this authority. With `window`, it takes so many bytes of each answer and no more.
    pub(super) async fn connect(address: SocketAddr, ca: &Path, window: Option<u32>) -> Self {
        Self::start(address, ca, window, None).await
    }

    /// As [`Self::connect`], with this certificate and key to show.
    pub(super) async fn showing(address: SocketAddr, ca: &Path, shown: &[PathBuf; 2]) -> Self {
        Self::start(address, ca, None, Some(shown)).await
    }

    async fn start(address: SocketAddr, ca: &Path, window: Option<u32>, shown: Option<&[PathBuf; 2]>) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let installing = Command::new(root.join("scripts/install-aioquic.sh")).stdout(Stdio::null()).status();
        // Of a package index, the first time.
        let installed = within_time(Duration::from_secs(50), "aioquic being installed", installing).await;
        assert!(installed.expect("the script runs").success(), "aioquic is installed");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let mut command = Command::new(target.join("tools/aioquic/bin/python"));
        command.arg("-B").arg(root.join("tests/http3/client.py"));
        command.args([address.ip().to_string(), address.port().to_string()]).arg(ca).arg(HOST);
        command.arg(window.unwrap_or(0).to_string()).args(shown.into_iter().flatten());
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the client starts");
        let steps = process.stdin.take().expect("piped above");
        let said = BufReader::new(process.stdout.take().expect("piped above")).lines();
        Self { process, steps, said }
    }

    /// Takes a step, and returns what the client says of it; null where it has ended.
    pub(super) async fn step(&mut self, step: Value) -> Value {
        self.tell(&step).await;
        let said = within(&step, self.said.next_line()).await.expect("text");
        said.map_or(Value::Null, |line| serde_json::from_str(&line).expect("a line of JSON"))
    }

    async fn tell(&mut self, step: &Value) {
        self.steps.write_all(format!("{step}\n").as_bytes()).await.expect("the client listens");
    }

    /// Begins a request with these keys of the step besides; the number of its stream.
    pub(super) async fn send(&mut self, fields: &[(String, String)], keys: Value) -> u64 {
        let step = with_keys(json!({ "do": "send", "fields": fields }), keys);
        self.step(step).await["stream"].as_u64().expect("a stream")
    }

    /// Sends bytes as they are on a new stream; its number.
    pub(super) async fn raw(&mut self, hex: &str, keys: Value) -> u64 {
        let step = with_keys(json!({ "do": "raw", "hex": hex }), keys);
        self.step(step).await["stream"].as_u64().expect("a stream")
    }

    /// The whole answer on a stream.
    pub(super) async fn answer(&mut self, stream: u64) -> Answer {
        Answer(self.step(json!({ "do": "answer", "stream": stream })).await)
    }

    /// The answer on a stream as soon as its head is there.
    pub(super) async fn head(&mut self, stream: u64) -> Answer {
        Answer(self.step(json!({ "do": "head", "stream": stream })).await)
    }

    /// Asks for a path, and returns the whole answer.
    pub(super) async fn get(&mut self, path: &str) -> Answer {
        let stream = self.send(&fields("GET", path), json!({})).await;
        self.answer(stream).await
    }

    /// The code that the connection ends with.
    pub(super) async fn closed(&mut self) -> u64 {
        self.step(json!({ "do": "closed" })).await["closed"].as_u64().expect("the connection ends")
    }

    /// Whether there is no connection.
    pub(super) async fn is_refused(&mut self) -> bool {
        self.step(json!({ "do": "" })).await["refused"].is_string()
    }

    /// Ends the connection, and waits until that is done.
    pub(super) async fn end(mut self) {
        self.step(json!({ "do": "end" })).await;
    }

    /// Goes without a word.
    pub(super) async fn leave(mut self) {
        self.tell(&json!({ "do": "leave" })).await;
        within("the client's end", self.process.wait()).await.expect("it ends");
    }
}

/// An answer as far as it has come.
#[derive(Debug)]
pub(super) struct Answer(pub Value);

impl Answer {
    /// Its status.
    pub(super) fn status(&self) -> u64 {
        self.0["status"].as_u64().unwrap_or_else(|| panic!("no answer: {}", self.0))
    }

    /// Its body, which is short.
    pub(super) fn body(&self) -> &str {
        self.0["body"].as_str().unwrap_or_else(|| panic!("no short body: {}", self.0))
    }

    /// The value of a field.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let fields = self.0["fields"].as_array().expect("a list");
        fields.iter().find(|field| field[0] == name).and_then(|field| field[1].as_str())
    }

    /// What Larder says of it.
    pub(super) fn cache_status(&self) -> &str {
        self.value("cache-status").unwrap_or_else(|| panic!("no Cache-Status: {}", self.0))
    }

    /// Whether all of it came.
    pub(super) fn is_whole(&self) -> bool {
        self.0["ended"] == true
    }

    /// The code that its stream was reset with.
    pub(super) fn reset(&self) -> Option<u64> {
        self.0["reset"].as_u64()
    }
}
