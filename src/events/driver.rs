//! Reads a source of events for as long as the instance lives: one event after the other, each acknowledged once the log holds
//! its purges.
//!
//! What is no event, or maps to nothing, never holds up those behind it; only a log that can't take a purge does, until it
//! can. An event that is too large can be refused to nobody, so all that it could have named is purged.

use super::changed::Changed;
use super::{EventSource, Intake, Taken};
use crate::rules::event::{Event, EventError};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// The pauses after failures of the source, doubled each time.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The pause before a purge that the log could not take is tried again.
const LOG_RETRY: Duration = Duration::from_millis(500);

/// A source that gives its events in order and takes no answer but an acknowledgement.
pub(crate) trait Source: Send {
    /// Where an event stands in the source.
    type Position: Send;
    /// Why the source gives nothing now.
    type Error: Error + Send + 'static;

    /// The label of its events.
    const LABEL: EventSource;

    /// Waits for what comes next. After an error it is asked again.
    fn next(&mut self) -> impl Future<Output = Result<Next<Self::Position>, Self::Error>> + Send;

    /// Acknowledges an event whose purges are in the log. One whose acknowledgement fails may come again.
    fn commit(&mut self, position: Self::Position) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// What comes next of a source.
#[derive(Debug)]
pub(crate) enum Next<P> {
    /// An event, or what was meant to be one.
    Event(Result<Event, EventError>, P),
    /// Rows that have changed.
    Changes(Changed, P),
    /// Events may have been missed.
    Gap,
}

/// Reads `source` for as long as the instance lives.
pub(crate) async fn drive(intake: Arc<Intake>, mut source: impl Source) {
    let mut pause = RETRY.0;
    loop {
        match step(&intake, &mut source).await {
            Ok(()) => pause = RETRY.0,
            Err(error) => {
                // Once for failures in a row.
                if pause == RETRY.0 {
                    let error: &dyn Error = &error;
                    tracing::warn!(error, "the event source cannot be read; retrying");
                }
                sleep(pause).await;
                pause = (pause * 2).min(RETRY.1);
            }
        }
    }
}

async fn step<S: Source>(intake: &Intake, source: &mut S) -> Result<(), S::Error> {
    match source.next().await? {
        Next::Gap => cover_gap(intake, S::LABEL, None).await,
        Next::Event(event, position) => {
            purge(intake, S::LABEL, event).await;
            source.commit(position).await?;
        }
        Next::Changes(changed, position) => {
            while intake.take_changes(S::LABEL, &changed).await.is_err() {
                sleep(LOG_RETRY).await;
            }
            source.commit(position).await?;
        }
    }
    Ok(())
}

/// Makes an event's purges, again and again until the log takes them.
async fn purge(intake: &Intake, source: EventSource, event: Result<Event, EventError>) {
    loop {
        match intake.take(source, event.clone(), None).await {
            Ok(Taken::TooLarge) => {
                let kind = event.as_ref().ok().map(|event| event.kind.as_str());
                return cover_gap(intake, source, kind).await;
            }
            Ok(_) => return,
            Err(_) => sleep(LOG_RETRY).await,
        }
    }
}

/// Purges all that events, of one type or any, could have named, again and again until the log takes it.
async fn cover_gap(intake: &Intake, source: EventSource, kind: Option<&str>) {
    while let Err(error) = intake.cover_gap(source, kind).await {
        tracing::error!(%error, "the purge for missed events could not be appended to the log; retrying");
        sleep(LOG_RETRY).await;
    }
}
