//! Where events come from besides the admin API, and the tasks that take them.

use crate::config::Config;
use crate::engine::Engine;
use crate::events::Intake;
use crate::events::changes::mysql::{Kept, MysqlChanges, MysqlChangesOptions};
use crate::events::changes::postgres::{PostgresChanges, PostgresChangesOptions};
use crate::events::changes::{Lag, Lags};
use crate::events::driver::drive;
use crate::events::postgres::{Missed, Notifications, PostgresOptions};
use crate::events::stream::EventStream;
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
use crate::fleet::redis_link::RedisLink;
use crate::metric::Measured;
use crate::supervisor::Supervisor;
use anyhow::Context as _;
use std::sync::Arc;

/// A link to Redis, and a key there.
type KeptAt = (Arc<dyn Link>, String);

/// The sources that are configured.
pub(super) struct EventSources {
    /// The stream of a fleet, and the link to read it by.
    pub(super) stream: Option<(Arc<dyn Link>, FleetOptions)>,
    /// PostgreSQL.
    pub(super) postgres: Option<PostgresOptions>,
    /// The rows that change in PostgreSQL.
    pub(super) postgres_changes: Option<PostgresChangesOptions>,
    /// The rows that change in MariaDB, and the link and key by which a fleet keeps how far they are read.
    mysql_changes: Option<(MysqlChangesOptions, Option<KeptAt>)>,
}

impl EventSources {
    /// Those of the configuration, and the stream of a fleet.
    ///
    /// # Errors
    /// Where Redis can't be used.
    pub(super) fn of(config: &Config, stream: Option<(Arc<dyn Link>, FleetOptions)>) -> anyhow::Result<Self> {
        let (postgres, postgres_changes) = (config.postgres.clone(), config.postgres_changes.clone());
        let mysql_changes = match (&config.mysql_changes, &config.fleet) {
            (Some(options), Some(fleet)) => {
                let link: Arc<dyn Link> = RedisLink::open(fleet).context("cannot use Redis (redis.url)")?;
                let key = fleet.names.changes(&options.server.name());
                Some((options.clone(), Some((link, key))))
            }
            (Some(options), None) => Some((options.clone(), None)),
            (None, _) => None,
        };
        Ok(Self { stream, postgres, postgres_changes, mysql_changes })
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
        let mut lags = Vec::new();
        if let Some(options) = self.postgres_changes {
            let (engine, intake, lag) = (Arc::clone(engine), Arc::clone(intake), Arc::new(Lag::new()));
            lags.push(Arc::clone(&lag));
            tasks.restart("event-postgres-changes", move || {
                let source = PostgresChanges::new(options.clone(), Arc::clone(&engine), Arc::clone(&lag));
                drive(Arc::clone(&intake), source)
            });
        }
        if let Some((options, kept)) = self.mysql_changes {
            let (engine, intake, lag) = (Arc::clone(engine), Arc::clone(intake), Arc::new(Lag::new()));
            lags.push(Arc::clone(&lag));
            tasks.restart("event-mysql-changes", move || {
                let kept = kept.clone().map_or(Kept::Here(None), |(link, key)| Kept::InRedis(link, key));
                let source = MysqlChanges::new(options.clone(), kept, Arc::clone(&engine), Arc::clone(&lag));
                drive(Arc::clone(&intake), source)
            });
        }
        (!lags.is_empty()).then(|| Arc::new(Lags(lags)) as Arc<dyn Measured>)
    }
}
