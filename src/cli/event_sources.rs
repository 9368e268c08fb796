//! Where events come from besides the admin API, and the tasks that take them.

use crate::config::Config;
use crate::engine::Engine;
use crate::events::Intake;
use crate::events::changes::Lag;
use crate::events::changes::postgres::{PostgresChanges, PostgresChangesOptions};
use crate::events::driver::drive;
use crate::events::postgres::{Missed, Notifications, PostgresOptions};
use crate::events::stream::EventStream;
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
use crate::metric::Measured;
use crate::supervisor::Supervisor;
use std::sync::Arc;

/// The sources that are configured.
pub(super) struct EventSources {
    /// The stream of a fleet, and the link to read it by.
    pub(super) stream: Option<(Arc<dyn Link>, FleetOptions)>,
    /// PostgreSQL.
    pub(super) postgres: Option<PostgresOptions>,
    /// The rows that change in PostgreSQL.
    pub(super) postgres_changes: Option<PostgresChangesOptions>,
}

impl EventSources {
    /// Those of the configuration, and the stream of a fleet.
    pub(super) fn of(config: &Config, stream: Option<(Arc<dyn Link>, FleetOptions)>) -> Self {
        let (postgres, postgres_changes) = (config.postgres.clone(), config.postgres_changes.clone());
        Self { stream, postgres, postgres_changes }
    }

    /// Takes events from them for as long as the instance lives, of which some may have been `missed` before. Returns what counts
    /// how far they are behind.
    pub(super) fn drive(
        self,
        engine: &Arc<Engine>,
        intake: &Arc<Intake>,
        mut missed: Missed,
        tasks: &mut Supervisor,
    ) -> Option<Arc<dyn Measured>> {
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
        self.postgres_changes.map(|options| {
            let (engine, intake, lag) = (Arc::clone(engine), Arc::clone(intake), Arc::new(Lag::new()));
            let measured = Arc::clone(&lag);
            tasks.restart("event-postgres-changes", move || {
                let source = PostgresChanges::new(options.clone(), Arc::clone(&engine), Arc::clone(&lag));
                drive(Arc::clone(&intake), source)
            });
            measured as Arc<dyn Measured>
        })
    }
}
