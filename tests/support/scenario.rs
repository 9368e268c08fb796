//! Larder in front of a scripted origin.

use super::client::Client;
use super::expect::Response;
use super::origin::Origin;
use super::request::{Request, get};
use super::served::Served;
use larder::testing::cli::Running;
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;

/// The secret of [`Setup::stamps`].
const STAMP_SECRET: &str = "a secret for stamps that all tests know";

/// What Larder is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    rules: String,
    memory: &'static str,
    memory_keys: String,
    upstream: String,
    listen: String,
    admin: String,
    sections: String,
    before: Option<String>,
}

impl Setup {
    /// These rules, everything else as it comes.
    #[must_use]
    pub fn rules(rules: &str) -> Self {
        let [upstream, listen, admin, sections, memory_keys] = [const { String::new() }; 5];
        Self { rules: rules.to_owned(), memory: "64MiB", memory_keys, upstream, listen, admin, sections, before: None }
    }

    /// One route over everything, with these further keys.
    #[must_use]
    pub fn route(keys: &str) -> Self {
        Self::rules(&format!("[[route]]\nname = \"all\"\npath = \"/**\"\n{keys}\n"))
    }

    /// A bound on memory.
    #[must_use]
    pub fn memory(mut self, size: &'static str) -> Self {
        self.memory = size;
        self
    }

    /// Further keys of `[memory]`.
    #[must_use]
    pub fn memory_keys(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.memory_keys);
        self
    }

    /// Further keys of `[upstream]`.
    #[must_use]
    pub fn upstream(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.upstream);
        self
    }

    /// Further keys of `[listen]`.
    #[must_use]
    pub fn listen(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.listen);
        self
    }

    /// Further keys of `[admin]`.
    #[must_use]
    pub fn admin(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.admin);
        self
    }

    /// Further sections of proxy.toml.
    #[must_use]
    pub fn section(mut self, text: &str) -> Self {
        self.sections.push_str(text);
        self.sections.push('\n');
        self
    }

    /// With stamps, as `[stamps]` with these further keys says; all that are set up so have the same secret.
    #[must_use]
    pub fn stamps(self, keys: &str) -> Self {
        self.section(&format!("[stamps]\nsecret_file = \"stamps.secret\"\n{keys}\n"))
    }

    /// Before this upstream instead of the scripted origin.
    #[must_use]
    pub fn before(self, upstream: SocketAddr) -> Self {
        self.before_all(&[&format!("http://{upstream}")])
    }

    /// Before these upstreams, `["https://localhost:8443"]`.
    #[must_use]
    pub fn before_all(mut self, upstreams: &[&str]) -> Self {
        self.before = Some(format!("{upstreams:?}"));
        self
    }

    /// Starts origin and Larder on free ports.
    pub async fn start(mut self) -> Scenario {
        allow_many_sockets();
        let origin = Origin::start().await;
        self.before.get_or_insert_with(|| format!("[\"http://{}\"]", origin.address));
        let folder = self.folder();
        let config = larder::testing::config::load(
            &folder.path().join("proxy.toml"),
            &larder::testing::config::Overrides::default(),
            &larder::testing::config::Environment::default(),
        )
        .unwrap_or_else(|error| panic!("the scenario's configuration: {error}"));
        let running = larder::testing::cli::start(config).await.expect("Larder starts");
        Scenario { origin, running, folder }
    }

    /// Starts the binary as a process of its own, before the upstream that [`Self::before`] names.
    pub async fn serve(self) -> Served {
        allow_many_sockets();
        Served::start(self.folder()).await
    }

    /// A folder with `proxy.toml`, `rules.toml` and a secret for stamps, before the upstream that [`Self::before`] names.
    #[must_use]
    pub fn folder(&self) -> TempDir {
        let folder = TempDir::new().expect("a temporary folder");
        let servers = self.before.as_deref().expect("the upstream is named");
        let proxy = self.to_toml(servers);
        for (name, text) in
            [("proxy.toml", proxy.as_str()), ("rules.toml", &self.rules), ("stamps.secret", STAMP_SECRET)]
        {
            std::fs::write(folder.path().join(name), text).expect("a fresh folder takes a file");
        }
        folder
    }

    fn to_toml(&self, servers: &str) -> String {
        let Self { memory, memory_keys, upstream, listen, admin, sections, .. } = self;
        format!(
            "rules = \"rules.toml\"\n\n[listen]\nhttp = \"127.0.0.1:0\"\n{listen}\n\n[upstream]\nservers = {servers}\n\
             {upstream}\n\n[memory]\nsize = \"{memory}\"\n{memory_keys}\n\n[admin]\nlisten = \"127.0.0.1:0\"\n{admin}\n\n{sections}"
        )
    }
}

/// Larder and its origin, running.
pub struct Scenario {
    /// The origin.
    pub origin: Origin,
    /// Larder.
    pub running: Running,
    folder: TempDir,
}

impl Scenario {
    /// Fetches with GET on a connection of its own.
    pub async fn get(&self, target: &str) -> Response {
        self.fetch(&get(target)).await
    }

    /// Fetches on a connection of its own.
    pub async fn fetch(&self, request: &Request) -> Response {
        self.begin(request).await.response().await
    }

    /// Sends a request on a connection of its own; the answer is still to be read.
    pub async fn begin(&self, request: &Request) -> Client {
        let mut client = self.connect().await;
        client.send(request).await;
        client
    }

    /// A connection to the data port.
    pub async fn connect(&self) -> Client {
        Client::connect(self.running.data_address).await
    }

    /// Sends bytes as they are on a connection of their own; the answer is still to be read.
    pub async fn send_raw(&self, bytes: impl AsRef<[u8]>) -> Client {
        let mut client = self.connect().await;
        client.send_raw(bytes.as_ref()).await;
        client
    }

    /// Asks the admin API.
    pub async fn admin(&self, request: Request) -> Response {
        let mut client = Client::connect(self.running.admin_address).await;
        let host = self.running.admin_address.to_string();
        client.send(&request.header("Host", &host).header("Content-Type", "application/json")).await;
        client.response().await
    }

    /// Purges with this JSON, and checks that the purge is acknowledged.
    pub async fn purge(&self, json: &str) {
        self.admin(super::post("/purge", json)).await.status(200);
    }

    /// The value of one metric, `larder_cache_bytes{tier="memory"}`; zero where it is not there yet.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.admin(get("/metrics")).await.text();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.trim().parse().unwrap_or_else(|_| panic!("no number: {value:?}")))
    }

    /// The rules file.
    #[must_use]
    pub fn rules_file(&self) -> PathBuf {
        self.folder.path().join("rules.toml")
    }

    /// Asks again and again until the answer is as `holds` wants it, and returns that one.
    pub async fn until(&self, what: &str, request: &Request, holds: impl Fn(&Response) -> bool) -> Response {
        super::deadline::within(what, async {
            loop {
                let response = self.fetch(request).await;
                if holds(&response) {
                    return response;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

/// A thousand clients and their origin want more sockets than a shell allows by default.
fn allow_many_sockets() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("a process may raise its own soft limit");
}
