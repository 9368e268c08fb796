//! A real nginx, or another program that listens, of a test's own: on a free port of loopback, ended with the test.

use super::certificates::Files;
use super::deadline::within;
use super::redis_server::free_port;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A program that listens on a port.
#[derive(Debug)]
pub struct Peer {
    process: Child,
    /// Its port on loopback.
    pub port: u16,
    _folder: TempDir,
}

impl Peer {
    /// Starts what `command` makes for a free port and a folder of its own, and waits until it listens.
    pub async fn start(command: impl Fn(u16, &Path) -> Command) -> Self {
        // Another process may take the port first: then the program ends, and the next port is as good.
        loop {
            let (port, folder) = (free_port(), tempfile::tempdir().expect("the system has room for a folder"));
            let mut command = command(port, folder.path());
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
            let process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            let mut peer = Self { process, port, _folder: folder };
            let is_up = within("the program to listen", async {
                loop {
                    if peer.process.try_wait().expect("it is our own process").is_some() {
                        return false;
                    }
                    if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                        return true;
                    }
                    tokio::task::yield_now().await;
                }
            })
            .await;
            if is_up {
                return peer;
            }
        }
    }

    /// An nginx with this text in its `http` block, where `{port}` stands for its port.
    pub async fn nginx(http: &str) -> Self {
        Self::nginx_of("master_process off;", http).await
    }

    /// An nginx with a worker of its own, which can read its configuration again without losing a connection.
    pub async fn nginx_with_worker(http: &str) -> Self {
        Self::nginx_of("user root;", http).await
    }

    async fn nginx_of(main: &str, http: &str) -> Self {
        Self::start(|port, folder| {
            let text = format!(
                "daemon off;\n{main}\npid nginx.pid;\nerror_log stderr error;\nevents {{}}\n\
                 http {{\naccess_log off;\nclient_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n\
                 uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n{}\n}}\n",
                http.replace("{port}", &port.to_string())
            );
            std::fs::write(folder.join("nginx.conf"), text).expect("a fresh folder takes a file");
            // Debian keeps servers where the PATH of a user does not lead.
            let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
            let mut command = Command::new("nginx");
            command.env("PATH", path).arg("-p").arg(folder).args(["-e", "stderr", "-c", "nginx.conf"]);
            command
        })
        .await
    }

    /// `openssl s_server`, which answers every request with its status, with these further arguments.
    pub async fn s_server(files: &Files, arguments: &[&str]) -> Self {
        Self::start(|port, _| {
            let mut command = Command::new("openssl");
            command.args(["s_server", "-www", "-quiet", "-accept", &format!("127.0.0.1:{port}")]);
            command.arg("-cert").arg(&files.certificate).arg("-key").arg(&files.key).args(arguments);
            command
        })
        .await
    }

    /// Kills it with its workers, as a machine that fails does.
    pub fn kill(&mut self) {
        let id = self.process.id();
        let workers = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        // First the one that would start others in their place.
        let _ = self.process.kill();
        let _ = self.process.wait();
        for worker in workers.split_whitespace().filter_map(|id| id.parse().ok()).filter_map(Pid::from_raw) {
            let _ = kill_process(worker, Signal::KILL);
        }
    }

    /// Has it read its configuration and its certificates again.
    pub fn reload(&self) {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a process has a number"), Signal::HUP).expect("it runs");
    }

    /// A URL of it by this name.
    #[must_use]
    pub fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}", self.port)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // One that was killed has been waited for: its number may be another's.
        if matches!(self.process.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}
