//! Where the position is kept: in Redis for a fleet, so that another instance goes on where one has stopped; else in the process, and what
//! happened between two processes is a gap.

use super::position::Position;
use crate::fleet::link::{Link, LinkError};
use redis::{Cmd, Value, cmd, from_redis_value};
use std::sync::Arc;
use std::time::Duration;

/// How long a command may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// The position that the log of purges has reached.
pub(crate) enum Kept {
    /// In the process.
    Here(Option<Position>),
    /// In Redis, under this key.
    InRedis(Arc<dyn Link>, String),
}

impl Kept {
    /// It; `None` where it is not known.
    pub(super) async fn load(&self) -> Result<Option<Position>, LinkError> {
        match self {
            Self::Here(position) => Ok(position.clone()),
            Self::InRedis(link, key) => {
                let mut get = cmd("GET");
                get.arg(key);
                let text: Option<Vec<u8>> = from_redis_value(link.call(&get, DEADLINE).await?).unwrap_or_default();
                Ok(text.and_then(|text| Position::read(&text)))
            }
        }
    }

    /// Keeps another.
    pub(super) async fn save(&mut self, position: &Position) -> Result<(), LinkError> {
        match self {
            Self::Here(here) => *here = Some(position.clone()),
            Self::InRedis(link, key) => {
                let mut set: Cmd = cmd("SET");
                set.arg(&*key).arg(position.text());
                let _: Value = link.call(&set, DEADLINE).await?;
            }
        }
        Ok(())
    }
}
