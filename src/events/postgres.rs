//! Events from PostgreSQL: `NOTIFY larder_events, '{"type": …}'`.
//!
//! NOTIFY has no replay: what is sent while nobody listens is lost. So an instance that listens again after a break
//! purges all that an event could have named, and so does the first of a fleet to listen at all, since the shared tier
//! may be older than itself; but not where another of the fleet has listened all the while, which its connection's
//! `application_name` shows. In a fleet every instance listens, and each makes the purge: twice does no harm, and no
//! instance's connection is the one that all depend on.

use super::EventSource;
use super::driver::{Next, Source};
use super::postgres_server::{ConnectError, DEADLINE, Driven, PostgresServer};
use crate::rules::event::Event;
use futures_util::future::poll_fn;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};

/// How often the server is asked whether it is still there: a connection may end without a word.
const BEAT: Duration = Duration::from_secs(10);

/// Notifications that wait to be taken. When full, nothing more is read from the server, which keeps them.
const WAITING_MAX: usize = 1_000;

/// `[events.postgres]`, resolved.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// `url`, `ca_file`, with an `application_name` that the connections of one fleet share and no others.
    pub server: PostgresServer,
    /// `channel`
    pub channel: String,
}

/// Whether events may have been missed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missed {
    /// Nothing was stored before.
    Nothing,
    /// What was sent until now may be lost.
    Maybe,
}

/// The notifications of one channel.
pub(crate) struct Notifications {
    options: PostgresOptions,
    missed: Missed,
    connection: Option<(Client, mpsc::Receiver<String>)>,
}

impl Notifications {
    /// Not connected yet.
    pub(crate) const fn new(options: PostgresOptions, missed: Missed) -> Self {
        Self { options, missed, connection: None }
    }

    /// Connects. Where events may have been missed, it is asked whether another instance has received them; in doubt none
    /// has, and a purge too many does no harm.
    async fn connect(&mut self) -> Result<Missed, ListenError> {
        let (client, heard) = connection(&self.options).await?;
        tracing::info!(channel = self.options.channel, "listening for notifications of PostgreSQL");
        let missed = std::mem::replace(&mut self.missed, Missed::Maybe);
        let is_covered = missed == Missed::Nothing || has_earlier_listener(&client).await.unwrap_or(false);
        self.connection = Some((client, heard));
        Ok(if is_covered { Missed::Nothing } else { Missed::Maybe })
    }
}

impl Source for Notifications {
    type Position = ();
    type Error = ListenError;

    const LABEL: EventSource = EventSource::Postgres;

    async fn next(&mut self) -> Result<Next<()>, ListenError> {
        loop {
            let Some((client, heard)) = &mut self.connection else {
                if self.connect().await? == Missed::Maybe {
                    return Ok(Next::Gap);
                }
                continue;
            };
            match timeout(BEAT, heard.recv()).await {
                Ok(Some(payload)) => return Ok(Next::Event(Event::parse_json(payload.as_bytes()), ())),
                Err(_) if matches!(timeout(DEADLINE, client.simple_query("")).await, Ok(Ok(_))) => {}
                Ok(None) | Err(_) => {
                    self.connection = None;
                    return Err(ListenError::Lost);
                }
            }
        }
    }

    /// There is nothing to acknowledge.
    async fn commit(&mut self, (): ()) -> Result<(), ListenError> {
        Ok(())
    }
}

/// Whether another instance of the fleet has listened since before this one: then it has received what was sent.
async fn has_earlier_listener(client: &Client) -> Result<bool, ListenError> {
    const EARLIER: &str = "SELECT 1 FROM pg_stat_activity other, pg_stat_activity own WHERE own.pid = pg_backend_pid() \
                           AND other.application_name = own.application_name AND other.backend_start < own.backend_start";
    let earlier = timeout(DEADLINE, client.query(EARLIER, &[])).await;
    let earlier = earlier.map_err(|_| ConnectError::TimedOut)?.map_err(ConnectError::from)?;
    Ok(!earlier.is_empty())
}

/// Why there are no notifications now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// It says no, or nothing.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection has ended.
    #[error("the connection to PostgreSQL was lost")]
    Lost,
}

/// A connection that listens, and what it receives. It ends with the client.
async fn connection(options: &PostgresOptions) -> Result<(Client, mpsc::Receiver<String>), ListenError> {
    let (client, heard) = options.server.connect(Listening).await?;
    let listen = format!("LISTEN {}", quoted(&options.channel));
    timeout(DEADLINE, client.batch_execute(&listen))
        .await
        .map_err(|_| ConnectError::TimedOut)?
        .map_err(ConnectError::from)?;
    Ok((client, heard))
}

/// Drives a connection for its notifications.
struct Listening;

impl Driven for Listening {
    type Handle = mpsc::Receiver<String>;

    fn drive<T>(self, mut connection: Connection<Socket, T>) -> mpsc::Receiver<String>
    where
        T: TlsStream + Unpin + Send + 'static,
    {
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
        heard
    }
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
