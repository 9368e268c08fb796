//! Where events come from besides the admin API, and the tasks that take them.

use super::fleet::Task;
use crate::events::postgres::{self, PostgresOptions};
use crate::events::{Intake, stream};
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
        let stream =
            self.stream.map(|(link, options)| -> Task { Box::pin(stream::consume(Arc::clone(intake), link, options)) });
        let postgres = self.postgres.map(|options| -> Task {
            Box::pin(postgres::listen(Arc::clone(intake), Arc::clone(invalidation), options))
        });
        stream.into_iter().chain(postgres).collect()
    }
}
