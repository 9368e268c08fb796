//! A real redis-server of a test's own, on a free port of loopback, without persistence; it ends with the test.

use super::deadline::{DEADLINE, within};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running (or paused, or killed) redis-server.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    port: u16,
    arguments: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with further arguments, `["--requirepass", "secret"]`; a configuration file comes first.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        // Between finding a free port and taking it, another process may take it: then it is this server's own start
        // that fails, and the next port is as good.
        loop {
            let port = free_port();
            let folder = tempfile::tempdir().expect("the system has room for a folder");
            let process = spawn(port, &arguments, &folder);
            let mut server = Self { process, port, arguments: arguments.clone(), folder };
            if server.answers().await {
                return server;
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it from running, as a machine does that hangs: connections stay, nothing is answered.
    pub fn pause(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it run again.
    pub fn resume(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        self.process.kill().expect("it is our own process");
        self.process.wait().expect("it is our own process");
    }

    /// Starts it again after [`Self::kill`], on the same port and with nothing in it.
    pub async fn restart_empty(&mut self) {
        self.process = spawn(self.port, &self.arguments, &self.folder);
        assert!(self.answers().await, "redis-server does not start again on port {}", self.port);
    }

    /// What a command answers, `["XLEN", "larder:purges"]`.
    pub async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// As [`Self::command`], where the server may be about to drop its connections.
    pub async fn try_command<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url()).expect("the URL is one");
        // The client's own deadlines are too short for a busy machine.
        let unhurried = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(DEADLINE))
            .set_response_timeout(Some(DEADLINE));
        let mut connection = client.get_multiplexed_async_connection_with_config(&unhurried).await?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut connection).await
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).expect("it is our own process");
    }

    /// Waits until it answers; false where it ended instead.
    async fn answers(&mut self) -> bool {
        within("redis-server answering", async {
            loop {
                if self.process.try_wait().expect("it is our own process").is_some() {
                    return false;
                }
                let client = redis::Client::open(self.url()).expect("the URL is one");
                if let Ok(mut connection) = client.get_multiplexed_async_connection().await {
                    // A server that wants a password answers too.
                    let answer = redis::cmd("PING").query_async::<String>(&mut connection).await;
                    if answer.is_ok() || answer.is_err_and(|error| error.code() == Some("NOAUTH")) {
                        return true;
                    }
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // A process that was paused ends by SIGKILL too. It may have ended before.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A port of loopback that nobody listens on at the moment. It lies below those that the kernel gives to clients, so that
/// a server which is started again on it finds it free; and so does the port 10,000 above it, which a cluster takes.
#[must_use]
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(10_000..22_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn spawn(port: u16, arguments: &[String], folder: &TempDir) -> Child {
    let (config, arguments) = match arguments.split_first() {
        Some((first, rest)) if !first.starts_with("--") => (Some(first), rest),
        _ => (None, arguments),
    };
    Command::new("redis-server")
        .args(config)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path())
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed (scripts/install-prerequisites.sh test)")
}
