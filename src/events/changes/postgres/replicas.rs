//! How far the replicas have come that origins read from, one task for each.

use super::Lag;
use crate::events::postgres_server::{ConnectError, DEADLINE, PostgresServer, Queries};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use tokio_postgres::config::Host;

/// Between two looks at a replica that is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// Between two looks at one that is not, and before one that can't be asked is tried again.
const BEAT: Duration = Duration::from_millis(500);

/// The system that it is a copy of, and up to where its readers see changes. One that has been promoted is a copy no more, and has
/// what it has.
const POSITION: &str = "SELECT system_identifier::text, coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() \
    THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0'), 0)::bigint FROM pg_control_system()";

/// Where a replica is, of which system.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    system: String,
    position: u64,
}

/// All replicas.
pub(super) struct Replicas {
    each: Vec<watch::Receiver<Option<Seen>>>,
    wanted: watch::Sender<bool>,
    news: Arc<Notify>,
    lag: Arc<Lag>,
    /// They end with it.
    tasks: JoinSet<()>,
}

impl Replicas {
    /// Begins to look at these servers.
    pub(super) fn watch(servers: &[PostgresServer], lag: &Arc<Lag>) -> Self {
        let (wanted, news, mut tasks, mut each) =
            (watch::Sender::new(false), Arc::new(Notify::new()), JoinSet::new(), Vec::new());
        for server in servers {
            let (seen, receiver) = watch::channel(None);
            each.push(receiver);
            let (server, name, news, lag) = (server.clone(), name(server), Arc::clone(&news), Arc::clone(lag));
            let replica = Replica { server, name, seen, news, lag };
            tasks.spawn(replica.follow(wanted.subscribe()));
        }
        Self { each, wanted, news, lag: Arc::clone(lag), tasks }
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// Up to where readers of each of them see the changes of this system; `None` if one of them can't be asked, or is no copy.
    pub(super) fn replayed(&self, system: &str) -> Option<u64> {
        let mut least = u64::MAX;
        for seen in &self.each {
            let seen = seen.borrow();
            least = least.min(seen.as_ref().filter(|seen| seen.system == system)?.position);
        }
        Some(least)
    }

    /// Waits until readers of each of them see the changes of this system up to here.
    pub(super) async fn have_replayed(&self, system: &str, end: u64) {
        self.want(true);
        while self.replayed(system).is_none_or(|replayed| replayed < end) {
            self.news().await;
        }
    }

    /// Waits until one of them is elsewhere than before.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Says whether they are waited for.
    pub(super) fn want(&self, is_wanted: bool) {
        self.wanted.send_if_modified(|wanted| std::mem::replace(wanted, is_wanted) != is_wanted);
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        self.tasks.abort_all();
        self.lag.forget_replicas();
    }
}

struct Replica {
    server: PostgresServer,
    name: String,
    seen: watch::Sender<Option<Seen>>,
    news: Arc<Notify>,
    lag: Arc<Lag>,
}

impl Replica {
    async fn follow(self, mut wanted: watch::Receiver<bool>) {
        let mut is_told = false;
        loop {
            let failed = match self.server.connect(Queries).await {
                Ok((client, ())) => self.ask(&client, &mut wanted, &mut is_told).await,
                Err(error) => error,
            };
            if !std::mem::replace(&mut is_told, true) {
                tracing::warn!(
                    replica = self.name, error = %failed,
                    "a replica cannot be asked how far it is: what changes is purged again and again until it can"
                );
            }
            self.note(None);
            sleep(BEAT).await;
        }
    }

    /// Asks until it fails.
    async fn ask(&self, client: &Client, wanted: &mut watch::Receiver<bool>, is_told: &mut bool) -> ConnectError {
        loop {
            let row = match timeout(DEADLINE, client.query_one(POSITION, &[])).await {
                Ok(Ok(row)) => row,
                Ok(Err(error)) => return error.into(),
                Err(_) => return ConnectError::TimedOut,
            };
            if std::mem::take(is_told) {
                tracing::info!(replica = self.name, "the replica can be asked again");
            }
            let position = u64::try_from(row.get::<_, i64>(1)).unwrap_or_default();
            self.note(Some(Seen { system: row.get(0), position }));
            let pause = if *wanted.borrow_and_update() { LOOK } else { BEAT };
            // Whether it is wanted may change meanwhile; the sender lives as long as this task.
            drop(timeout(pause, wanted.changed()).await);
        }
    }

    fn note(&self, seen: Option<Seen>) {
        self.lag.note_replica(&self.name, seen.as_ref().map(|seen| seen.position));
        let is_new = self.seen.send_if_modified(|before| {
            let is_new = *before != seen;
            *before = seen;
            is_new
        });
        if is_new {
            self.news.notify_one();
        }
    }
}

/// Host and port.
fn name(server: &PostgresServer) -> String {
    let port = server.connect.get_ports().first().copied().unwrap_or(5432);
    match server.connect.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(path)) => format!("{}:{port}", path.display()),
        None => String::new(),
    }
}
