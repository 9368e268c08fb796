//! Events from PostgreSQL: `NOTIFY larder_events, '{"type": …}'`.
//!
//! NOTIFY has no replay: what is sent while nobody listens is lost. So whoever listens again after a break purges all that
//! an event could have named, and so does the first of a fleet to listen at all, since the shared tier may be older than
//! itself; but not where another of the fleet has listened all the while, which its connection's `application_name` tells.
//! In a fleet every instance listens, and each makes the purge: twice does no harm, and no instance's connection is the
//! one that all depend on.

use super::{EventSource, Intake};
use crate::invalidation::Invalidation;
use crate::rules::event::Event;
use futures_util::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

/// The pauses between attempts to connect, doubled each time.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How often the server is asked whether it is still there: a connection may end without a word.
const BEAT: Duration = Duration::from_secs(10);

/// How long connecting, or an answer, may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Notifications that wait to be taken. When full, nothing more is read from the server, which keeps them.
const WAITING_MAX: usize = 1_000;

/// `[events.postgres]`, resolved.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// `url`, with an `application_name` that the connections of one fleet share and no others.
    pub connect: Config,
    /// `channel`
    pub channel: String,
}

/// Whether events may have been missed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// Nothing was stored before.
    NothingMissed,
    /// What was sent until now may be lost.
    Maybe,
}

/// Listens for as long as the instance lives.
pub async fn listen(intake: Arc<Intake>, invalidation: Arc<Invalidation>, options: PostgresOptions) {
    // What a lone instance has stored is no older than itself; what a fleet has, may be.
    let mut heard = if invalidation.is_in_fleet() { Heard::Maybe } else { Heard::NothingMissed };
    let mut pause = RETRY.0;
    loop {
        match connection(&options).await {
            Ok((client, mut notifications)) => {
                tracing::info!(channel = options.channel, "listening for events of PostgreSQL");
                pause = RETRY.0;
                // In doubt there is none, and a purge too many does no harm.
                if heard == Heard::Maybe && !has_elder(&client).await.unwrap_or(false) {
                    intake.cover_gap(EventSource::Postgres, None).await;
                }
                take_all(&intake, &client, &mut notifications).await;
                tracing::warn!("the connection to PostgreSQL is lost");
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "cannot listen to PostgreSQL"),
        }
        heard = Heard::Maybe;
        sleep(pause).await;
        pause = (pause * 2).min(RETRY.1);
    }
}

/// Whether another instance of the fleet has listened since before this one: then it has heard what was sent.
async fn has_elder(client: &Client) -> Result<bool, ListenError> {
    const ELDERS: &str = "SELECT 1 FROM pg_stat_activity other, pg_stat_activity own WHERE own.pid = pg_backend_pid() \
                          AND other.application_name = own.application_name AND other.backend_start < own.backend_start";
    let elders = timeout(DEADLINE, client.query(ELDERS, &[])).await.map_err(|_| ListenError::TimedOut)??;
    Ok(!elders.is_empty())
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum ListenError {
    #[error("PostgreSQL refuses")]
    Refused(#[from] tokio_postgres::Error),
    #[error("PostgreSQL does not answer in time")]
    TimedOut,
}

/// A connection that listens, and what it hears. It ends with the client.
async fn connection(options: &PostgresOptions) -> Result<(Client, mpsc::Receiver<String>), ListenError> {
    let connecting = timeout(DEADLINE, options.connect.connect(NoTls)).await;
    let (client, mut connection) = connecting.map_err(|_| ListenError::TimedOut)??;
    let (hear, heard) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message
                && hear.send(notification.payload().to_owned()).await.is_err()
            {
                return;
            }
        }
    });
    let listen = format!("LISTEN {}", quoted(&options.channel));
    timeout(DEADLINE, client.batch_execute(&listen)).await.map_err(|_| ListenError::TimedOut)??;
    Ok((client, heard))
}

/// Takes notifications until the connection ends.
async fn take_all(intake: &Intake, client: &Client, notifications: &mut mpsc::Receiver<String>) {
    loop {
        match timeout(BEAT, notifications.recv()).await {
            Ok(Some(payload)) => {
                intake.take_surely(EventSource::Postgres, Event::parse_json(payload.as_bytes())).await;
            }
            Err(_) if matches!(timeout(DEADLINE, client.simple_query("")).await, Ok(Ok(_))) => {}
            Ok(None) | Err(_) => return,
        }
    }
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
