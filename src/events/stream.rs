//! Events from the Redis stream `{namespace}:events`.
//!
//! All instances are one consumer group, so that each entry is taken by one of them; its purges reach the others by the
//! log. An entry is acknowledged once its purges are in the log. What an instance took and did not acknowledge, because
//! it died, another takes over after [`IDLE`]. The group lives in Redis: after Redis has lost it, it begins again with
//! what is in the stream, and the log's own new epoch covers what is not.

use super::{EventSource, Intake};
use crate::fleet::link::{Link, LinkError};
use crate::fleet::options::FleetOptions;
use crate::fleet::streams::{self, StreamEntry};
use crate::rules::event::Event;
use redis::{Cmd, cmd};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// The name of the group.
const GROUP: &str = "larder";

/// Entries taken at once.
const PAGE: usize = 100;

/// How long one read waits for entries.
const WAIT: Duration = Duration::from_secs(5);

/// How long a command may take that does not wait.
const DEADLINE: Duration = Duration::from_secs(1);

/// How long an entry may be taken and not acknowledged before another instance takes it over.
const IDLE: Duration = Duration::from_secs(30);

/// The pause after a failure.
const RETRY: Duration = Duration::from_millis(500);

/// Takes events from the stream for as long as the instance lives. `link` is for this alone: it blocks.
pub async fn consume(intake: Arc<Intake>, link: Arc<dyn Link>, options: FleetOptions) {
    let consumer = Consumer { intake, link, stream: options.names.events(), name: options.instance };
    loop {
        match consumer.turn().await {
            Ok(()) => {}
            Err(error) if error.code() == Some("NOGROUP") => drop(consumer.begin_group().await),
            Err(_) => sleep(RETRY).await,
        }
    }
}

struct Consumer {
    intake: Arc<Intake>,
    link: Arc<dyn Link>,
    stream: String,
    name: String,
}

impl Consumer {
    async fn turn(&self) -> Result<(), LinkError> {
        let left_behind = self.claim_idle();
        let entries = streams::claimed(self.link.call(&left_behind, DEADLINE).await?)?;
        self.take(entries).await?;
        let entries = streams::read(self.link.call(&self.read_new(), WAIT + DEADLINE).await?)?;
        self.take(entries).await
    }

    async fn take(&self, entries: Vec<StreamEntry>) -> Result<(), LinkError> {
        for StreamEntry { id, fields } in entries {
            self.intake.take_surely(EventSource::Stream, Event::from_fields(fields)).await;
            let mut ack = cmd("XACK");
            ack.arg(&self.stream).arg(GROUP).arg(id.to_string());
            self.link.call(&ack, DEADLINE).await?;
        }
        Ok(())
    }

    fn read_new(&self) -> Cmd {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&self.name).arg("COUNT").arg(PAGE);
        read.arg("BLOCK").arg(WAIT.as_secs() * 1000).arg("STREAMS").arg(&self.stream).arg(">");
        read
    }

    fn claim_idle(&self) -> Cmd {
        let mut claim = cmd("XAUTOCLAIM");
        let idle_ms = IDLE.as_secs() * 1000;
        claim.arg(&self.stream).arg(GROUP).arg(&self.name).arg(idle_ms).arg("0").arg("COUNT").arg(PAGE);
        claim
    }

    /// From the stream's beginning: what was in it before anyone listened counts too.
    async fn begin_group(&self) -> Result<(), LinkError> {
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(&self.stream).arg(GROUP).arg("0").arg("MKSTREAM");
        self.link.call(&create, DEADLINE).await.map(drop)
    }
}
