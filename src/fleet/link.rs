//! One command to Redis and its reply, within a deadline.

use redis::{Cmd, Value};
use std::fmt;
use std::time::Duration;

/// A way to Redis. Cheap to share; commands of several callers may overlap.
///
/// A command names one key at most, so that a cluster can route it. A command that blocks holds up those behind it:
/// who blocks has a link of its own.
#[async_trait::async_trait]
pub trait Link: fmt::Debug + Send + Sync + 'static {
    /// Sends one command and returns its reply; an error reply is an error.
    ///
    /// # Errors
    /// Where Redis is away, says no, or is silent beyond `deadline`. A command that timed out may still be executed.
    async fn call(&self, command: &Cmd, deadline: Duration) -> Result<Value, LinkError>;

    /// Which run of Redis keeps `key`: another run may have lost what was written before.
    ///
    /// # Errors
    /// As [`Self::call`].
    async fn run_id(&self, key: &str, deadline: Duration) -> Result<String, LinkError>;

    /// Grows with each new connection: who sees it grown may speak to another run of Redis than before.
    fn generation(&self) -> u64;
}

/// What kept a command from succeeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkFailure {
    /// It was not sent: Redis has failed a moment ago and has not recovered yet.
    BreakerOpen,
    /// There is no connection, or it broke.
    Away,
    /// The deadline passed.
    TimedOut,
    /// Redis answered with an error: read-only, out of memory, wrong type, no permission.
    Refused,
    /// The reply is not what such a command is answered with.
    Unexpected,
}

impl LinkFailure {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::BreakerOpen, Self::Away, Self::TimedOut, Self::Refused, Self::Unexpected];

    /// The stable label in metrics and log.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BreakerOpen => "breaker-open",
            Self::Away => "away",
            Self::TimedOut => "timed-out",
            Self::Refused => "refused",
            Self::Unexpected => "unexpected",
        }
    }
}

/// Why a command has no usable reply.
#[derive(Debug, thiserror::Error)]
#[error("Redis: {}", self.failure.label())]
pub struct LinkError {
    /// What happened.
    pub failure: LinkFailure,
    /// What lies beneath.
    #[source]
    pub cause: Option<redis::RedisError>,
}

impl LinkError {
    /// A failure with nothing beneath it.
    #[must_use]
    pub const fn of(failure: LinkFailure) -> Self {
        Self { failure, cause: None }
    }

    /// The code of an error reply, `NOGROUP` or `WRONGTYPE`; none where Redis did not answer.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.cause.as_ref()?.code()
    }
}
