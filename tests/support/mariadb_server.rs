//! A real MariaDB of a test's own, on a free port of loopback; it ends with the test.

use super::deadline::within;
use super::redis_server::free_port;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What every server is told: a row-based log, and little of everything else.
const SETTINGS: &[&str] = &[
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--server-id=1",
    "--log-bin=binlog",
    "--binlog-format=ROW",
    "--binlog-row-metadata=FULL",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--character-set-server=utf8mb4",
];

/// A running (or ended) server.
#[derive(Debug)]
pub struct MariadbServer {
    process: Child,
    port: u16,
    folder: TempDir,
    settings: Vec<String>,
}

impl MariadbServer {
    /// Starts one with the database `shop`, which its user `root` may use without a password.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// As [`Self::start`], with these settings.
    pub async fn start_with(settings: &[&str]) -> Self {
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let made = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", folder.path().join("data").display()))
            .args(as_root())
            // What several make for a while must not bear the same names in one folder.
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(made.expect("scripts/install-prerequisites.sh test installs it").success(), "it makes a data folder");
        // Between finding a free port and taking it, another process may take it: then the next one is as good.
        let port = free_port();
        let mut server = Self { process: spawn(port, &folder, &settings), port, folder, settings };
        while !server.answers().await {
            server.port = free_port();
            server.process = spawn(server.port, &server.folder, &server.settings);
        }
        let mut conn = server.connect(None).await.expect("it answers");
        conn.query_drop("CREATE DATABASE shop").await.expect("root may make it");
        server
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_as("root")
    }

    /// Where it listens, for this user, or user and password.
    #[must_use]
    pub fn url_as(&self, user: &str) -> String {
        format!("mysql://{user}@127.0.0.1:{}/shop", self.port)
    }

    /// Runs statements, each a transaction of its own unless they say otherwise.
    pub async fn execute(&self, sql: &str) {
        let mut conn = self.connect(Some("shop")).await.expect("the server answers");
        conn.query_drop(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The one text that a query gives; empty where it gives none.
    pub async fn ask(&self, sql: &str) -> String {
        let mut conn = self.connect(Some("shop")).await.expect("the server answers");
        let said: Option<Option<String>> =
            conn.query_first(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        said.flatten().unwrap_or_default()
    }

    /// Runs a script as `mariadb` does.
    ///
    /// # Panics
    /// Where a statement fails.
    pub async fn client(&self, script: &str) {
        use tokio::io::AsyncWriteExt as _;
        let mut client = tokio::process::Command::new("mariadb");
        client.args(["--no-defaults", "-uroot", "-h127.0.0.1", &format!("-P{}", self.port)]);
        let mut running = client.stdin(Stdio::piped()).spawn().expect("the client is installed with the server");
        let mut input = running.stdin.take().expect("it was asked for");
        input.write_all(script.as_bytes()).await.expect("it reads");
        drop(input);
        assert!(running.wait().await.expect("it is our own process").success(), "{script}");
    }

    /// Ends it at once, and with it all connections.
    pub fn kill(&mut self) {
        self.process.kill().expect("it is our own process");
        self.process.wait().expect("it is our own process");
    }

    /// Starts it again after [`Self::kill`], on the same port and with the same data.
    pub async fn restart(&mut self) {
        self.process = spawn(self.port, &self.folder, &self.settings);
        assert!(self.answers().await, "MariaDB does not start again on port {}", self.port);
    }

    /// A connection, to a database.
    pub async fn connect(&self, database: Option<&str>) -> Result<Conn, mysql_async::Error> {
        let opts = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(self.port).user(Some("root"));
        Conn::new(opts.db_name(database).prefer_socket(false)).await
    }

    /// The folder of its files.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Waits until it answers; false where it ended instead.
    async fn answers(&mut self) -> bool {
        within("MariaDB answering", async {
            loop {
                if self.process.try_wait().expect("it is our own process").is_some() {
                    return false;
                }
                if self.connect(None).await.is_ok() {
                    return true;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

impl Drop for MariadbServer {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            drop(self.process.kill());
            drop(self.process.wait());
        }
    }
}

fn spawn(port: u16, folder: &TempDir, settings: &[String]) -> Child {
    // Debian keeps it where the PATH of a user does not lead.
    let program =
        ["/usr/sbin/mariadbd", "/usr/libexec/mariadbd"].into_iter().find(|path| std::path::Path::new(path).exists());
    let data = folder.path().join("data");
    let mut server = Command::new(program.unwrap_or("mariadbd"));
    server.env("TMPDIR", folder.path());
    server.args(SETTINGS).args(as_root()).args(settings).arg(format!("--port={port}"));
    server.arg(format!("--datadir={}", data.display())).arg(format!("--socket={}", data.join("socket").display()));
    server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("MariaDB starts")
}

/// It runs as root only if it is told to.
fn as_root() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}
