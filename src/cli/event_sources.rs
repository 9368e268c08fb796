//! Where events come from besides the admin API, and the tasks that take them.

use crate::events::Intake;
use crate::events::driver::drive;
use crate::events::postgres::{Missed, Notifications, PostgresOptions};
use crate::events::stream::EventStream;
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
use crate::invalidation::Invalidation;
use crate::supervisor::Supervisor;
use std::sync::Arc;

/// The sources that are configured.
pub(super) struct EventSources {
    /// The stream of a fleet, and the link to read it by.
    pub(super) stream: Option<(Arc<dyn Link>, FleetOptions)>,
    /// PostgreSQL.
    pub(super) postgres: Option<PostgresOptions>,
}

impl EventSources {
    /// Takes events from them for as long as the instance lives.
    pub(super) fn drive(self, intake: &Arc<Intake>, invalidation: &Invalidation, tasks: &mut Supervisor) {
        if let Some((link, options)) = self.stream {
            let intake = Arc::clone(intake);
            tasks.restart("event-stream", move || {
                drive(Arc::clone(&intake), EventStream::new(Arc::clone(&link), options.clone()))
            });
        }
        if let Some(options) = self.postgres {
            let intake = Arc::clone(intake);
            // What a lone instance has stored is no older than itself; what a fleet has, may be.
            let mut missed = if invalidation.is_in_fleet() { Missed::Maybe } else { Missed::Nothing };
            tasks.restart("event-postgres", move || {
                let source = Notifications::new(options.clone(), std::mem::replace(&mut missed, Missed::Maybe));
                drive(Arc::clone(&intake), source)
            });
        }
    }
}
