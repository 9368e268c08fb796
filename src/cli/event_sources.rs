//! Where events come from besides the admin API, and the tasks that take them.

use crate::events::Intake;
use crate::events::driver::drive;
use crate::events::postgres::{Missed, Notifications, PostgresOptions};
use crate::events::stream::EventStream;
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
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
    /// Takes events from them for as long as the instance lives, of which some may have been `missed` before.
    pub(super) fn drive(self, intake: &Arc<Intake>, mut missed: Missed, tasks: &mut Supervisor) {
        if let Some((link, options)) = self.stream {
            let intake = Arc::clone(intake);
            tasks.restart("event-stream", move || {
                drive(Arc::clone(&intake), EventStream::new(Arc::clone(&link), options.clone()))
            });
        }
        if let Some(options) = self.postgres {
            let intake = Arc::clone(intake);
            tasks.restart("event-postgres", move || {
                let source = Notifications::new(options.clone(), std::mem::replace(&mut missed, Missed::Maybe));
                drive(Arc::clone(&intake), source)
            });
        }
    }
}
