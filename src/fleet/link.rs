//! One command to Redis and its reply, within a deadline.

use redis::{Cmd, Value, from_redis_value};
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

    /// Which Redis keeps `key`.
    ///
    /// # Errors
    /// As [`Self::call`].
    async fn keeper(&self, key: &str, deadline: Duration) -> Result<Keeper, LinkError>;

    /// Grows with each new connection: who sees it grown may speak to another run of Redis than before.
    fn generation(&self) -> u64;
}

/// The Redis that keeps a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// Which run of it: another run may have lost what was written before.
    pub run: String,
    /// The time since the Unix epoch that its clock showed; `None` if it is not reported.
    pub time: Option<Duration>,
}

impl Keeper {
    /// Reads the reply to `INFO server`.
    ///
    /// # Errors
    /// Where the reply names no run.
    pub fn read(reply: Value) -> Result<Self, LinkError> {
        let unexpected = || LinkError::of(LinkFailure::Unexpected);
        let text: String = from_redis_value(reply).map_err(|_| unexpected())?;
        let field = |name| text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim()));
        let run = field("run_id:").filter(|run| !run.is_empty() && run.len() <= 64).ok_or_else(unexpected)?;
        let time = field("server_time_usec:").and_then(|micros| micros.parse().ok()).map(Duration::from_micros);
        Ok(Self { run: run.to_owned(), time })
    }
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
    /// The underlying error.
    #[source]
    pub cause: Option<redis::RedisError>,
}

impl LinkError {
    /// A failure without an underlying error.
    #[must_use]
    pub const fn of(failure: LinkFailure) -> Self {
        Self { failure, cause: None }
    }

    /// The code of an error reply, `NOGROUP` or `WRONGTYPE`; `None` if Redis did not answer.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.cause.as_ref()?.code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keeper_is_known_by_its_run_and_may_keep_its_time_to_itself() {
        let read = |text: &str| Keeper::read(Value::BulkString(text.as_bytes().to_vec())).ok();
        let keeper =
            |micros: Option<u64>| Some(Keeper { run: "f00".to_owned(), time: micros.map(Duration::from_micros) });
        assert_eq!(read("# Server\r\nrun_id:f00\r\nserver_time_usec:17\r\n"), keeper(Some(17)));
        for untold in ["run_id:f00\r\n", "run_id:f00\r\nserver_time_usec:noon\r\n"] {
            assert_eq!(read(untold), keeper(None), "{untold}");
        }
        for nobody in ["", "server_time_usec:17", "run_id:\r\n", &format!("run_id:{}\r\n", "f".repeat(65))] {
            assert_eq!(read(nobody), None, "{nobody}");
        }
        assert!(Keeper::read(Value::Nil).is_err());
    }
}
