//! A [`Link`] over the network.
//!
//! One connection at a time, made when it is first needed and again after it failed; all callers share it. `current` is
//! read without a lock; `dialer` is an async lock, so that one caller connects and the others wait for that. Nothing is
//! held while a command is under way. A link for requests has a [`Breaker`] and probes Redis in a task of its own that
//! ends with the link.

use super::address::{Address, AddressError};
use super::breaker::{Breaker, BreakerState, FIRST_PROBE, Tripped, next_pause};
use super::connection::{Connection, Dialer};
use super::link::{Link, LinkError, LinkFailure};
use super::options::FleetOptions;
use arc_swap::ArcSwapOption;
use redis::{Cmd, ErrorKind, RedisError, Value, from_redis_value};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// How long a probe may take.
const PROBE_DEADLINE: Duration = Duration::from_secs(1);

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Requests wait for it: refused at once while Redis is away.
    Requests,
    /// Nobody waits but a task of our own.
    Background,
}

/// A link to a real Redis.
pub struct RedisLink {
    dialer: Mutex<Dialer>,
    current: ArcSwapOption<Dialled>,
    generation: AtomicU64,
    breaker: Option<Breaker>,
    failures: [AtomicU64; LinkFailure::ALL.len()],
    own: Weak<Self>,
}

struct Dialled {
    connection: Connection,
    generation: u64,
}

/// Why a link can't be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no Redis.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The library refuses what the URL or the certificates say.
    #[error("the Redis client cannot be made")]
    Client(#[from] RedisError),
}

impl RedisLink {
    /// A link to where the options say. Connects when it is first used: Redis may be away for now.
    ///
    /// # Errors
    /// Where URL or certificates can't be used at all.
    pub fn open(options: &FleetOptions, purpose: Purpose) -> Result<Arc<Self>, OpenError> {
        let dialer = Dialer::new(Address::parse(&options.url)?, options.ca_pem.as_deref())?;
        Ok(Arc::new_cyclic(|own| Self {
            dialer: Mutex::new(dialer),
            current: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            breaker: (purpose == Purpose::Requests).then(Breaker::default),
            failures: Default::default(),
            own: Weak::clone(own),
        }))
    }

    /// Whether commands are sent; always, where nobody on a request's path waits for them.
    #[must_use]
    pub fn breaker(&self) -> BreakerState {
        self.breaker.as_ref().map_or(BreakerState::Closed, Breaker::state)
    }

    /// How many commands had no usable reply, by what happened.
    #[must_use]
    pub fn failures(&self) -> [(LinkFailure, u64); LinkFailure::ALL.len()] {
        std::array::from_fn(|n| (LinkFailure::ALL[n], self.failures[n].load(Ordering::Relaxed)))
    }

    /// The connection there is, or a new one.
    async fn connection(&self) -> Result<Arc<Dialled>, RedisError> {
        if let Some(dialled) = self.current.load_full() {
            return Ok(dialled);
        }
        let mut dialer = self.dialer.lock().await;
        if let Some(dialled) = self.current.load_full() {
            return Ok(dialled);
        }
        let connection = dialer.dial().await?;
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        let dialled = Arc::new(Dialled { connection, generation });
        self.current.store(Some(Arc::clone(&dialled)));
        Ok(dialled)
    }

    /// Sends without asking the breaker. `keeper` is the key whose keeper a command without a key is meant for.
    async fn send(&self, command: &Cmd, keeper: Option<&str>, deadline: Duration) -> Result<Value, LinkError> {
        let mut generation = 0;
        let exchange = async {
            let dialled = self.connection().await?;
            generation = dialled.generation;
            let mut connection = dialled.connection.clone();
            match keeper {
                Some(key) => connection.send_to_keeper(key, command).await,
                None => connection.send(command).await,
            }
        };
        let failure = match timeout(deadline, exchange).await {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) => LinkError { failure: failure_of(&error), cause: Some(error) },
            Err(_) => LinkError::of(LinkFailure::TimedOut),
        };
        if matches!(failure.failure, LinkFailure::Away | LinkFailure::TimedOut) {
            self.hang_up(generation);
        }
        Err(failure)
    }

    /// Lets go of the connection that failed, if it is still the present one.
    fn hang_up(&self, generation: u64) {
        let present = self.current.load();
        if present.as_ref().is_some_and(|dialled| dialled.generation == generation) {
            self.current.compare_and_swap(&*present, None);
        }
    }

    /// Notes a failure, and opens the breaker where it means that Redis is away.
    fn failed(&self, error: &LinkError) {
        self.failures[error.failure as usize].fetch_add(1, Ordering::Relaxed);
        let is_away = matches!(error.failure, LinkFailure::Away | LinkFailure::TimedOut);
        let Some(breaker) = self.breaker.as_ref().filter(|_| is_away) else { return };
        if breaker.trip() == Tripped::Now {
            tracing::warn!(%error, "Redis is away: requests do without it");
            tokio::spawn(probe(Weak::clone(&self.own)));
        }
    }
}

/// Asks Redis now and then until it answers, or until nobody needs it any more.
async fn probe(link: Weak<RedisLink>) {
    let mut pause = FIRST_PROBE;
    loop {
        sleep(pause).await;
        let Some(link) = link.upgrade() else { return };
        if link.send(&redis::cmd("PING"), None, PROBE_DEADLINE).await.is_ok() {
            tracing::info!("Redis is back");
            if let Some(breaker) = &link.breaker {
                breaker.close();
            }
            return;
        }
        pause = next_pause(pause);
    }
}

#[async_trait::async_trait]
impl Link for RedisLink {
    async fn call(&self, command: &Cmd, deadline: Duration) -> Result<Value, LinkError> {
        let reply = match self.breaker() {
            BreakerState::Open => Err(LinkError::of(LinkFailure::BreakerOpen)),
            BreakerState::Closed => self.send(command, None, deadline).await,
        };
        reply.inspect_err(|error| self.failed(error))
    }

    async fn run_id(&self, key: &str, deadline: Duration) -> Result<String, LinkError> {
        let reply = self.send(redis::cmd("INFO").arg("server"), Some(key), deadline).await;
        let reply = reply.inspect_err(|error| self.failed(error))?;
        run_id_of(reply).ok_or_else(|| LinkError::of(LinkFailure::Unexpected))
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

/// The run id in a reply to `INFO server`.
pub(super) fn run_id_of(reply: Value) -> Option<String> {
    let text: String = from_redis_value(reply).ok()?;
    let run = text.lines().find_map(|line| line.strip_prefix("run_id:"))?.trim();
    (!run.is_empty() && run.len() <= 64).then(|| run.to_owned())
}

/// What an error of the library's means.
pub(super) fn failure_of(error: &RedisError) -> LinkFailure {
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension => match error.code() {
            // Such a Redis is as good as none, and stays so until someone mends it.
            Some("NOAUTH" | "WRONGPASS" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING") => LinkFailure::Away,
            _ => LinkFailure::Refused,
        },
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => LinkFailure::Unexpected,
        _ => LinkFailure::Away,
    }
}

impl fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLink")
            .field("generation", &self.generation())
            .field("breaker", &self.breaker())
            .finish_non_exhaustive()
    }
}
