//! A link to the simulated Redis, and the network between the two.
//!
//! It behaves as [`crate::fleet::redis_link::RedisLink`] does: one connection, on which commands are
//! executed and answered in the order in which they were sent; hung up after a failure, so that the next command has a
//! connection of its own and the generation grows. A command is on its way in a task of its own: whether its caller
//! still waits for it makes no difference to Redis.

use super::SimulatedRedis;
use super::words::Words;
use crate::fleet::link::{Keeper, Link, LinkError, LinkFailure};
use redis::{Cmd, Value};
use std::fmt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// What the network does to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// The command takes `there` to reach Redis, the reply `back`.
    Through {
        /// How long the command takes.
        there: Duration,
        /// How long the reply takes.
        back: Duration,
    },
    /// The command never reaches Redis.
    LostThere,
    /// The command is executed; its reply is lost.
    LostBack {
        /// How long the command takes.
        there: Duration,
    },
}

/// The network between one link and Redis. Asked once for each command, in the order in which they are sent.
pub(crate) trait Wire: fmt::Debug + Send + Sync {
    /// What it does to the next exchange.
    fn next(&self) -> Passage;
}

/// A link to a [`SimulatedRedis`].
#[derive(Debug)]
pub(crate) struct SimulatedLink {
    redis: Arc<SimulatedRedis>,
    wire: Arc<dyn Wire + 'static>,
    present: Mutex<Option<Arc<Connection>>>,
    generation: AtomicU64,
}

#[derive(Debug)]
struct Connection {
    /// The run of Redis that it leads to.
    run: u64,
    /// Held by the command whose turn it is; when the last reply arrives, which none may overtake.
    turn: tokio::sync::Mutex<Instant>,
}

/// What a caller hears.
#[derive(Debug)]
enum Heard {
    Reply(Result<Value, LinkError>),
    Nothing,
}

impl SimulatedLink {
    pub(super) fn new(redis: Arc<SimulatedRedis>, wire: Arc<dyn Wire>) -> Arc<Self> {
        Arc::new(Self { redis, wire, present: Mutex::default(), generation: AtomicU64::new(0) })
    }

    /// The connection there is, or a new one where there is none or Redis was started anew since.
    fn connection(&self) -> Arc<Connection> {
        let run = self.redis.run();
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = present.as_ref().filter(|connection| connection.run == run) {
            return Arc::clone(connection);
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
        let connection = Arc::new(Connection { run, turn: tokio::sync::Mutex::new(Instant::now()) });
        *present = Some(Arc::clone(&connection));
        connection
    }

    /// Lets go of the connection that failed, if it is still the present one.
    fn hang_up(&self, failed: &Arc<Connection>) {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if present.as_ref().is_some_and(|connection| Arc::ptr_eq(connection, failed)) {
            *present = None;
        }
    }

    async fn send(&self, words: Words, connection: Arc<Connection>, until: Instant) -> Result<Value, LinkError> {
        let (there, back) = match self.wire.next() {
            Passage::Through { there, back } => (there, Some(back)),
            Passage::LostBack { there } => (there, None),
            Passage::LostThere => {
                sleep_until(until).await;
                return Err(LinkError::of(LinkFailure::TimedOut));
            }
        };
        let arrival = Instant::now() + there;
        let carried = tokio::spawn(carry(Arc::clone(&self.redis), connection, words, arrival, back));
        match timeout_at(until, carried).await {
            Ok(Ok(Heard::Reply(reply))) => reply,
            Ok(Ok(Heard::Nothing)) => {
                sleep_until(until).await;
                Err(LinkError::of(LinkFailure::TimedOut))
            }
            Ok(Err(ended)) => match ended.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(LinkError::of(LinkFailure::Away)),
            },
            Err(_) => Err(LinkError::of(LinkFailure::TimedOut)),
        }
    }
}

/// Takes a command to Redis and its reply back.
async fn carry(
    redis: Arc<SimulatedRedis>,
    connection: Arc<Connection>,
    words: Words,
    arrival: Instant,
    back: Option<Duration>,
) -> Heard {
    let mut last_reply = connection.turn.lock().await;
    sleep_until(arrival).await;
    let reply = redis.serve(connection.run, &words).await;
    let Some(back) = back else { return Heard::Nothing };
    let heard_at = (*last_reply).max(Instant::now() + back);
    *last_reply = heard_at;
    drop(last_reply);
    sleep_until(heard_at).await;
    if redis.run() == connection.run {
        Heard::Reply(reply)
    } else {
        Heard::Reply(Err(LinkError::of(LinkFailure::Away)))
    }
}

#[async_trait::async_trait]
impl Link for SimulatedLink {
    async fn call(&self, command: &Cmd, deadline: Duration) -> Result<Value, LinkError> {
        let until = Instant::now() + deadline;
        let connection = self.connection();
        let reply = self.send(Words::of(command), Arc::clone(&connection), until).await;
        if reply.as_ref().is_err_and(|error| matches!(error.failure, LinkFailure::Away | LinkFailure::TimedOut)) {
            self.hang_up(&connection);
        }
        reply
    }

    async fn keeper(&self, _key: &str, deadline: Duration) -> Result<Keeper, LinkError> {
        Keeper::read(self.call(redis::cmd("INFO").arg("server"), deadline).await?)
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}
