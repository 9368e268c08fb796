//! A [`Link`] over the network.
//!
//! One connection at a time, made when it is first needed and again after it failed; all callers share it. `current` is
//! read without a lock; `dialer` is an async lock, so that one caller connects and the others wait for that. Nothing is
//! held while a command is under way. Requests wait for it only through a [`super::guarded_link::GuardedLink`].

use super::address::{Address, AddressError};
use super::connection::{Connection, Dialer};
use super::link::{Keeper, Link, LinkError, LinkFailure};
use super::options::FleetOptions;
use arc_swap::ArcSwapOption;
use redis::{Cmd, ErrorKind, RedisError, Value};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// A link to a real Redis.
pub struct RedisLink {
    dialer: Mutex<Dialer>,
    current: ArcSwapOption<Dialled>,
    generation: AtomicU64,
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
    pub fn open(options: &FleetOptions) -> Result<Arc<Self>, OpenError> {
        let dialer = Dialer::new(Address::parse(&options.url)?, options.ca_pem.as_deref())?;
        let (dialer, current) = (Mutex::new(dialer), ArcSwapOption::empty());
        Ok(Arc::new(Self { dialer, current, generation: AtomicU64::new(0) }))
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

    /// Sends a command. `keeper` is the key whose keeper a command without a key is meant for.
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
}

#[async_trait::async_trait]
impl Link for RedisLink {
    async fn call(&self, command: &Cmd, deadline: Duration) -> Result<Value, LinkError> {
        self.send(command, None, deadline).await
    }

    async fn keeper(&self, key: &str, deadline: Duration) -> Result<Keeper, LinkError> {
        Keeper::read(self.send(redis::cmd("INFO").arg("server"), Some(key), deadline).await?)
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
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
        f.debug_struct("RedisLink").field("generation", &self.generation()).finish_non_exhaustive()
    }
}
