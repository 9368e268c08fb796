//! On which terms a request is fetched: how long it waits, and who is notified.

use super::upload::Upload;
use crate::engine::exchange::{Deadline, ExchangeNote, FieldsAs, Quiet, Terms, WhenFull};
use http::HeaderValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct TryTerms {
    /// How long the server may be silent.
    pub(super) read_timeout: Duration,
    pub(super) note: Option<ExchangeNote>,
    /// The host that the rules have the servers asked by, in place of the client's.
    pub(super) host: Option<HeaderValue>,
    pub(super) when_full: WhenFull,
    pub(super) quiet: Quiet,
    /// In which form the fields of the answer are wanted.
    pub(super) fields: FieldsAs,
    deadline: Option<Deadline>,
    /// The way of the request's body, where there is one to be watched.
    pub(super) upload: Option<Arc<Upload>>,
    began: Instant,
}

impl TryTerms {
    /// As asked for; `read_timeout` where it is not said.
    pub(super) fn of(asked: Terms, read_timeout: Duration) -> Self {
        Self {
            read_timeout: asked.read_timeout.unwrap_or(read_timeout),
            note: asked.note,
            host: asked.host,
            when_full: asked.when_full,
            quiet: asked.quiet,
            fields: asked.fields,
            deadline: asked.deadline,
            upload: None,
            began: Instant::now(),
        }
    }

    /// When it was asked for.
    pub(super) const fn began(&self) -> Instant {
        self.began
    }

    pub(super) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether there is time left.
    pub(super) fn may_go_on(&self) -> bool {
        self.deadline().is_none_or(|deadline| Instant::now() < deadline)
    }

    /// Until when a turn is waited for, of which nothing has been sent.
    pub(super) fn turn_by(&self) -> Instant {
        match self.deadline {
            Some(Deadline::At(at)) => at,
            Some(Deadline::AfterUpload(patience)) => self.began + patience,
            // Another protocol has no deadline of its own.
            None => self.began + self.read_timeout,
        }
    }

    /// Until when the head of an answer is waited for; none as long as the request's body is under way.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.deadline? {
            Deadline::At(at) => Some(at),
            Deadline::AfterUpload(patience) => match &self.upload {
                Some(upload) => upload.ended_at().map(|ended| ended + patience),
                None => Some(self.began + patience),
            },
        }
    }
}
