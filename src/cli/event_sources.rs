//! Where events come from besides the admin API, and the tasks that take them.

use super::fleet::Task;
use crate::events::Intake;
use crate::events::driver::drive;
use crate::events::postgres::{Missed, Notifications, PostgresOptions};
use crate::events::stream::EventStream;
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
use crate::invalidation::Invalidation;
use std::sync::Arc;

/// The sources that are configured.
pub(super) struct EventSources {
    /// The stream of a fleet, and the link to read it by.
    pub(super) stream: Option<(Arc<dyn Link>, FleetOptions)>,
    /// PostgreSQL.
    pub(super) postgres: Option<PostgresOptions>,
}

impl EventSources {
    /// The tasks that take events from them for as long as the instance lives.
    pub(super) fn tasks(self, intake: &Arc<Intake>, invalidation: &Arc<Invalidation>) -> Vec<Task> {
        let stream = self
            .stream
            .map(|(link, options)| -> Task { Box::pin(drive(Arc::clone(intake), EventStream::new(link, options))) });
        // What a lone instance has stored is no older than itself; what a fleet has, may be.
        let missed = if invalidation.is_in_fleet() { Missed::Maybe } else { Missed::Nothing };
        let postgres = self
            .postgres
            .map(|options| -> Task { Box::pin(drive(Arc::clone(intake), Notifications::new(options, missed))) });
        stream.into_iter().chain(postgres).collect()
    }
}
