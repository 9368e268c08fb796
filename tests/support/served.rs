//! The binary: `larder serve` as a process of its own, and any other command.

use super::client::Client;
use super::deadline::within;
use super::expect::Response;
use super::request::{Request, get};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// What the process writes its log to, beside its configuration.
const LOG: &str = "larder.log";

/// `larder serve`, running. Dropping it kills it; where a test fails by then, its log is printed.
pub struct Served {
    /// Where the data port listens in clear text; unspecified where it does not.
    pub data_address: SocketAddr,
    /// Where it speaks TLS; unspecified where it does not.
    pub https_address: SocketAddr,
    /// Where it speaks HTTP/3; unspecified where it does not.
    pub http3_address: SocketAddr,
    /// Where the admin API listens.
    pub admin_address: SocketAddr,
    process: Child,
    folder: Arc<TempDir>,
    printed: Lines<BufReader<ChildStdout>>,
}

impl Served {
    /// Starts it on a folder that [`super::Setup::folder`] made.
    pub async fn start(folder: TempDir) -> Self {
        Self::in_folder(Arc::new(folder), &[]).await
    }

    /// Starts another process in the same folder, with these further arguments.
    pub async fn again(&self, arguments: &[&str]) -> Self {
        Self::in_folder(Arc::clone(&self.folder), arguments).await
    }

    async fn in_folder(folder: Arc<TempDir>, arguments: &[&str]) -> Self {
        let mut serve = larder(folder.path(), "serve");
        serve.args(arguments);
        Self::run(serve, folder).await
    }

    /// Starts `larder serve` with these arguments in a folder, where it finds its files or none.
    pub async fn start_with(arguments: &[&str], folder: TempDir) -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_larder"));
        serve.arg("serve").args(arguments).current_dir(folder.path());
        Self::run(serve, Arc::new(folder)).await
    }

    /// Starts this command, which is `larder serve` in the folder, or becomes it.
    pub async fn run(mut serve: Command, folder: Arc<TempDir>) -> Self {
        let log = std::fs::File::create(folder.path().join(LOG)).expect("a fresh folder takes a file");
        let mut process =
            serve.stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn().expect("the binary starts");
        let mut printed = BufReader::new(process.stdout.take().expect("piped above")).lines();
        let [mut data_address, mut https_address, mut quic_address] = [SocketAddr::from(([0, 0, 0, 0], 0)); 3];
        let admin_address = loop {
            let line = within("a listener's line", printed.next_line()).await.expect("text").expect("a line");
            let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("no listener: {line:?}"));
            let address = |scheme| url.strip_prefix(scheme)?.split(' ').next()?.parse::<SocketAddr>().ok();
            match (address("http://"), address("https://")) {
                (Some(admin), _) if url.ends_with(" (admin)") => break admin,
                (_, Some(admin)) if url.ends_with(" (admin)") => break admin,
                (Some(data), _) => data_address = data,
                (_, Some(quic)) if url.ends_with(" (HTTP/3)") => quic_address = quic,
                (_, Some(https)) => https_address = https,
                _ => assert!(url.starts_with("unix:"), "no address: {line:?}"),
            }
        };
        Self { data_address, https_address, http3_address: quic_address, admin_address, process, folder, printed }
    }

    /// The next line that it prints after those of its listeners: one for each request.
    pub async fn next_printed(&mut self) -> String {
        within("a printed line", self.printed.next_line()).await.expect("text").expect("a line")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.expect("it runs"), signal).expect("it runs");
    }

    /// Asks it to stop, and waits for its end.
    pub async fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        assert!(self.ended().await.success(), "it ends well:\n{}", self.log());
    }

    /// The most memory that it has held so far, in bytes, as the kernel counts it.
    #[must_use]
    pub fn peak_resident_bytes(&self) -> u64 {
        let id = self.process.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the kernel tells");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel tells the peak");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes * 1024
    }

    /// The value of a metric, labels and all as it is shown.
    pub async fn metric(&self, name: &str) -> f64 {
        let mut client = Client::connect(self.admin_address).await;
        client.send(&get("/metrics").header("Host", &self.admin_address.to_string())).await;
        let response = client.response().await;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric {name}:\n{text}")).parse().expect("a number")
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        within("the end of the process", self.process.wait()).await.expect("it is our own process")
    }

    /// Asks the admin API.
    pub async fn admin(&self, request: Request) -> Response {
        let mut client = Client::connect(self.admin_address).await;
        let host = self.admin_address.to_string();
        client.send(&request.header("Host", &host).header("Content-Type", "application/json")).await;
        client.response().await
    }

    /// Fetches on a connection of its own.
    pub async fn fetch(&self, request: &Request) -> Response {
        let mut client = Client::connect(self.data_address).await;
        client.send(request).await;
        client.response().await
    }

    /// Fetches with GET on a connection of its own.
    pub async fn get(&self, target: &str) -> Response {
        self.fetch(&get(target)).await
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(LOG)).expect("made as it was started")
    }

    /// The folder of its configuration: `proxy.toml`, `rules.toml`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Served {
    #[allow(clippy::print_stdout, reason = "shown with the failure of a test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the log of the instance at {}:\n{}", self.data_address, self.log());
        }
    }
}

/// A command of the binary with the configuration in `folder`.
#[must_use]
pub fn larder(folder: &Path, command: &str) -> Command {
    let mut larder = Command::new(env!("CARGO_BIN_EXE_larder"));
    larder.arg(command).arg("--config").arg(folder.join("proxy.toml")).stderr(Stdio::piped());
    larder
}
