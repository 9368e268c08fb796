//! A real PostgreSQL on a free port of loopback; it ends with the test.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_mins(1);

/// A running server.
pub struct Postgres {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Postgres {
    /// Starts one with the empty database `postgres`, which its user `postgres` may use without a password.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        if let Some((user, group)) = other_user() {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).expect("root may give it away");
        }
        let made = command("initdb")
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"])
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("initdb runs").success(), "initdb makes a data folder");
        // Between finding a free port and taking it, another process may take it: then the next one is as good.
        let deadline = Instant::now() + DEADLINE;
        loop {
            let port = free_port();
            let mut process = spawn(port, &folder);
            if answers(port, &mut process, deadline) {
                return Self { process, port, _folder: folder };
            }
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spawn(port: u16, folder: &TempDir) -> Child {
    let mut server = command("postgres");
    server.arg("-D").arg(folder.path().join("data")).args(["-p", &port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "jit=off"] {
        server.args(["-c", setting]);
    }
    server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("postgres starts")
}

/// Waits until it answers; false where it ended instead.
fn answers(port: u16, process: &mut Child, deadline: Instant) -> bool {
    loop {
        assert!(Instant::now() < deadline, "PostgreSQL does not answer on port {port}");
        if process.try_wait().expect("it is our own process").is_some() {
            return false;
        }
        let asked = command("pg_isready").args(["--quiet", "--host=127.0.0.1", &format!("--port={port}")]).status();
        if asked.expect("pg_isready runs").success() {
            return true;
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A program of the newest PostgreSQL there is. Debian keeps them out of the PATH.
fn command(program: &str) -> Command {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("scripts/install-prerequisites.sh shop installs it");
    let mut found: Vec<PathBuf> = versions.map(|version| version.expect("it can be read").path()).collect();
    found.sort();
    let mut command = Command::new(found.last().expect("one version").join("bin").join(program));
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command.current_dir("/");
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
