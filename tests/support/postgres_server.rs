//! A real PostgreSQL of a test's own, on a free port of loopback; it ends with the test.

use super::deadline::within;
use super::redis_server::free_port;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

/// A running (or ended) server.
#[derive(Debug)]
pub struct PostgresServer {
    process: Child,
    port: u16,
    folder: TempDir,
    settings: Vec<String>,
}

impl PostgresServer {
    /// Starts one with the database `postgres`, which its user `postgres` may use without a password.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// As [`Self::start`], with logical replication.
    pub async fn start_logical() -> Self {
        Self::start_with(&["wal_level=logical"]).await
    }

    /// As [`Self::start`], with these settings.
    pub async fn start_with(settings: &[&str]) -> Self {
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let folder = own_folder();
        let made = command("initdb")
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"])
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("initdb runs").success(), "initdb makes a data folder");
        Self::started(folder, settings).await
    }

    /// Starts a server with the data that is in this folder.
    async fn started(folder: TempDir, settings: Vec<String>) -> Self {
        // Between finding a free port and taking it, another process may take it: then the next one is as good.
        let port = free_port();
        let mut server = Self { process: spawn(port, &folder, &settings), port, folder, settings };
        while !server.answers().await {
            server.port = free_port();
            server.process = spawn(server.port, &server.folder, &server.settings);
        }
        server
    }

    /// A replica of it that streams, on a port of its own.
    pub async fn replica(&self) -> Self {
        let folder = own_folder();
        let made = command("pg_basebackup")
            .args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--dbname"])
            .arg(self.url())
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .status();
        assert!(made.expect("pg_basebackup runs").success(), "pg_basebackup copies the data folder");
        Self::started(folder, self.settings.clone()).await
    }

    /// Makes a replica the primary of a history of its own.
    pub async fn promote(&self) {
        assert_eq!(self.ask("SELECT pg_promote()::text").await, "true", "it is promoted");
    }

    /// Holds a replica up: it gets changes and does not replay them.
    pub async fn pause_replay(&self) {
        self.execute("SELECT pg_wal_replay_pause()").await;
        within("the replay paused", async {
            while self.ask("SELECT pg_get_wal_replay_pause_state()").await != "paused" {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Where it listens: host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address())
    }

    /// `NOTIFY larder_events` with this payload.
    pub async fn notify(&self, payload: &str) {
        let client = self.client().await.expect("the server answers");
        client.execute("SELECT pg_notify('larder_events', $1)", &[&payload]).await.expect("it notifies");
    }

    /// Runs statements, each a transaction of its own unless they say otherwise.
    pub async fn execute(&self, sql: &str) {
        let client = self.client().await.expect("the server answers");
        client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Runs a script as `psql` does.
    ///
    /// # Panics
    /// Where a statement fails.
    pub async fn psql(&self, script: &str) {
        let mut psql = tokio::process::Command::new("psql");
        let (out, url) = (Stdio::null(), self.url());
        psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-f", "-", &url]).stdin(Stdio::piped()).stdout(out);
        let mut running = psql.spawn().expect("psql is installed with the server");
        let mut input = running.stdin.take().expect("it was asked for");
        input.write_all(script.as_bytes()).await.expect("psql reads");
        drop(input);
        assert!(running.wait().await.expect("it is our own process").success(), "{script}");
    }

    /// From now on, this user comes over TLS and with a password only; the others as before.
    pub async fn demand_tls(&self, user: &str, certificate: &str, key: &str) {
        let data = self.folder.path().join("data");
        let access = format!(
            "hostssl all {user} 127.0.0.1/32 scram-sha-256\nhost all {user} 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 trust\n"
        );
        for (name, text) in [("server.crt", certificate), ("server.key", key), ("pg_hba.conf", &access)] {
            let file = data.join(name);
            std::fs::write(&file, text).expect("the folder takes a file");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
            if let Some((user, group)) = other_user() {
                std::os::unix::fs::chown(&file, Some(user), Some(group)).expect("root may give it away");
            }
        }
        self.execute("ALTER SYSTEM SET ssl = on").await;
        self.execute("SELECT pg_reload_conf()").await;
        within("TLS switched on", async {
            while self.ask("SHOW ssl").await != "on" {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// The one text that a query gives.
    pub async fn ask(&self, sql: &str) -> String {
        let client = self.client().await.expect("the server answers");
        let row = client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        row.get(0)
    }

    /// Ends it at once, and with it all connections: by its own immediate shutdown, which waits for the processes that
    /// serve them. While one of those lives, no other server starts on the same data.
    pub fn kill(&mut self) {
        self.quit().expect("it is our own process");
    }

    fn quit(&mut self) -> std::io::Result<ExitStatus> {
        // Once it has ended, its number may be another process's.
        if let Some(status) = self.process.try_wait()? {
            return Ok(status);
        }
        let process = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(process, rustix::process::Signal::QUIT)?;
        self.process.wait()
    }

    /// Starts it again after [`Self::kill`], on the same port and with the same data.
    pub async fn restart(&mut self) {
        self.process = spawn(self.port, &self.folder, &self.settings);
        assert!(self.answers().await, "PostgreSQL does not start again on port {}", self.port);
    }

    /// A connection.
    pub async fn client(&self) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.url(), tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Waits until it answers; false where it ended instead.
    async fn answers(&mut self) -> bool {
        within("PostgreSQL answering", async {
            loop {
                if self.process.try_wait().expect("it is our own process").is_some() {
                    return false;
                }
                if self.client().await.is_ok() {
                    return true;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Killed outright, it would leave shared memory behind.
        drop(self.quit());
    }
}

/// A folder that the server may use.
fn own_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    if let Some((user, group)) = other_user() {
        std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).expect("root may give it away");
    }
    folder
}

fn spawn(port: u16, folder: &TempDir, settings: &[String]) -> Child {
    let mut server = command("postgres");
    server.arg("-D").arg(folder.path().join("data")).args(["-p", &port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=20"] {
        server.args(["-c", setting]);
    }
    for setting in settings {
        server.args(["-c", setting]);
    }
    server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("postgres starts")
}

/// A program of the newest PostgreSQL there is. Debian keeps them out of the PATH.
fn command(program: &str) -> Command {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("scripts/install-prerequisites.sh test installs it");
    let mut found: Vec<PathBuf> = versions.map(|version| version.expect("it can be read").path()).collect();
    found.sort();
    let mut command = Command::new(found.last().expect("one version").join("bin").join(program));
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command
}

/// The server refuses to run as root: then it runs as the user that its package has made.
fn other_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("the system has users");
    let line = users.lines().find_map(|line| line.strip_prefix("postgres:")).expect("the package makes the user");
    let mut fields = line.split(':').skip(1).map(|number| number.parse().expect("an id"));
    Some((fields.next().expect("a user's id"), fields.next().expect("a group's id")))
}
