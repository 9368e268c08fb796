//! Events from the Redis stream `{namespace}:events`.
//!
//! All instances are one consumer group, so that each entry is taken by one of them; its purges reach the others by the
//! log. An entry is acknowledged once its purges are in the log. What an instance took and did not acknowledge, because
//! it died, another takes over after [`IDLE`]. The group lives in Redis: after Redis has lost it, it begins again with
//! what is in the stream, and the log's own new epoch covers what is not.

use super::EventSource;
use super::driver::{Next, Source};
use crate::fleet::link::{Link, LinkError};
use crate::fleet::options::FleetOptions;
use crate::fleet::streams::{self, EntryId, StreamEntry};
use crate::rules::event::Event;
use redis::{Cmd, cmd};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

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

/// The stream, as one consumer of the group.
pub(crate) struct EventStream {
    link: Arc<dyn Link>,
    stream: String,
    name: String,
    /// Taken and not yet handed on.
    taken: VecDeque<StreamEntry>,
}

impl EventStream {
    /// The stream of a fleet. `link` is for this alone: it blocks.
    pub(crate) fn new(link: Arc<dyn Link>, options: FleetOptions) -> Self {
        Self { link, stream: options.names.events(), name: options.instance, taken: VecDeque::new() }
    }

    /// Takes over what another has left, or waits for what is new.
    async fn take(&mut self) -> Result<(), LinkError> {
        let left_behind = streams::claimed(self.link.call(&self.claim_idle(), DEADLINE).await?)?;
        self.taken.extend(left_behind);
        if self.taken.is_empty() {
            self.taken.extend(streams::read(self.link.call(&self.read_new(), WAIT + DEADLINE).await?)?);
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

impl Source for EventStream {
    type Position = EntryId;
    type Error = LinkError;

    const LABEL: EventSource = EventSource::Stream;

    async fn next(&mut self) -> Result<Next<EntryId>, LinkError> {
        loop {
            if let Some(StreamEntry { id, fields }) = self.taken.pop_front() {
                return Ok(Next::Event(Event::from_fields(fields), id));
            }
            match self.take().await {
                Err(error) if error.code() == Some("NOGROUP") => self.begin_group().await?,
                taken => taken?,
            }
        }
    }

    async fn commit(&mut self, id: EntryId) -> Result<(), LinkError> {
        let mut ack = cmd("XACK");
        ack.arg(&self.stream).arg(GROUP).arg(id.to_string());
        self.link.call(&ack, DEADLINE).await.map(drop)
    }
}
