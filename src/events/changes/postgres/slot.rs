//! The replication slot, by way of SQL: whether there is one, who reads it, and how a new one is made.
//!
//! A slot is made under a passing name first and gets its own only once everything is purged that changes before it could
//! have named. So there is no moment at which an instance that dies leaves a slot behind of which another would think that
//! nothing was missed.

use crate::events::changes::Lag;
use crate::events::postgres_server::{ConnectError, DEADLINE, PostgresServer, Queries};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

/// A new slot waits for the end of all transactions that write.
const MAKING: Duration = Duration::from_mins(10);

/// Between two looks at whether a commit can be seen.
const SEEING: Duration = Duration::from_millis(1);

/// Which history a position belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct History {
    /// The number of the system, which a copy has too.
    pub(super) system: String,
    /// The number that grows when a replica is promoted, or a backup is restored up to a point: eight hexadecimal digits.
    pub(super) timeline: String,
}

/// What became of the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotState {
    /// There is none.
    Missing,
    /// The server has thrown away what it should have kept for it.
    Lost,
    /// Another connection reads it.
    Taken,
    /// Nobody reads it.
    Free,
    /// It is another's: of another database, or not of pgoutput.
    Foreign,
}

/// What a look at the server finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) history: History,
    /// The end of the log that the server has written.
    pub(super) position: u64,
    pub(super) slot: SlotState,
    /// Up to where it is confirmed; 0 where there is none.
    pub(super) confirmed: u64,
    pub(super) has_publication: bool,
}

impl Found {
    /// How far the reading is behind.
    pub(super) fn measure(&self, lag: &Lag) {
        let kept = if self.confirmed == 0 { 0 } else { self.position.saturating_sub(self.confirmed) };
        lag.note(self.position, self.confirmed, kept);
    }
}

const LOOK: &str = "SELECT system_identifier::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), \
    pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, slot_name IS NOT NULL, coalesce(active, false), \
    coalesce(wal_status = 'lost', false), coalesce(plugin = 'pgoutput' AND database = current_database(), false), \
    coalesce(pg_wal_lsn_diff(confirmed_flush_lsn, '0/0'), 0)::bigint, \
    EXISTS (SELECT FROM pg_publication WHERE pubname = $2) \
    FROM pg_control_system() LEFT JOIN pg_replication_slots ON slot_name = $1";

/// Why the server can't be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// None of its addresses takes writes.
    #[error("no address in the URL is one of a server that takes writes; changes are read from the primary")]
    NoPrimary,
}

impl From<tokio_postgres::Error> for ControlError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Connect(error.into())
    }
}

/// A connection for queries to the server that takes writes.
pub(super) struct Control {
    pub(super) server: PostgresServer,
    client: Client,
}

impl Control {
    /// Connects to the first of the addresses that takes writes.
    pub(super) async fn connect(servers: &PostgresServer) -> Result<Self, ControlError> {
        let mut failed = ControlError::NoPrimary;
        for server in servers.each() {
            let client = match server.connect(Queries).await {
                Ok((client, ())) => client,
                Err(error) => {
                    failed = error.into();
                    continue;
                }
            };
            let control = Self { server, client };
            let row = control.query("SELECT pg_is_in_recovery()", &[]).await?;
            if !row.get::<_, bool>(0) {
                return Ok(control);
            }
        }
        Err(failed)
    }

    /// Looks at the server and the slot.
    pub(super) async fn look(&self, slot: &str, publication: &str) -> Result<Found, ControlError> {
        let row = self.query(LOOK, &[&slot, &publication]).await?;
        let position = |at: usize| u64::try_from(row.get::<_, i64>(at)).unwrap_or_default();
        let slot = match (row.get(3), row.get(4), row.get(5), row.get(6)) {
            (false, ..) => SlotState::Missing,
            (_, _, _, false) => SlotState::Foreign,
            (_, _, true, _) => SlotState::Lost,
            (_, true, ..) => SlotState::Taken,
            _ => SlotState::Free,
        };
        Ok(Found {
            history: History { system: row.get(0), timeline: row.get(1) },
            position: position(2),
            slot,
            confirmed: position(7),
            has_publication: row.get(8),
        })
    }

    /// Makes a slot under a passing name, which ends with this connection.
    pub(super) async fn make_passing(&self, name: &str) -> Result<(), ControlError> {
        const MAKE: &str = "SELECT pg_create_logical_replication_slot($1, 'pgoutput', true)";
        let made = timeout(MAKING, self.client.execute(MAKE, &[&name])).await;
        made.map_err(|_| ConnectError::TimedOut)?.map(drop).map_err(Into::into)
    }

    /// Gives a slot under a passing name its own. That another instance was faster is as good.
    pub(super) async fn keep_passing(&self, passing: &str, slot: &str) -> Result<(), ControlError> {
        const KEEP: &str = "SELECT pg_copy_logical_replication_slot($1, $2, false)";
        match timeout(DEADLINE, self.client.execute(KEEP, &[&passing, &slot])).await {
            Ok(Err(error)) if error.code() == Some(&SqlState::DUPLICATE_OBJECT) => {}
            kept => drop(kept.map_err(|_| ConnectError::TimedOut)??),
        }
        self.drop_slot(passing).await
    }

    /// Ends a slot.
    pub(super) async fn drop_slot(&self, slot: &str) -> Result<(), ControlError> {
        match timeout(DEADLINE, self.client.execute("SELECT pg_drop_replication_slot($1)", &[&slot])).await {
            Ok(Err(error)) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => Ok(()),
            dropped => dropped.map_err(|_| ConnectError::TimedOut)?.map(drop).map_err(Into::into),
        }
    }

    /// Waits until these transactions, whose commits are in the log, can be seen by others. PostgreSQL sends a commit as soon
    /// as it is written; who reads at that moment may still see what was before, for as long as a synchronous replica takes.
    pub(super) async fn seen(&self, transactions: &HashSet<u32>) -> Result<(), ControlError> {
        const SNAPSHOT: &str = "SELECT pg_snapshot_xmax(s)::text, ARRAY(SELECT pg_snapshot_xip(s)::text) \
                                FROM pg_current_snapshot() s";
        loop {
            let row = self.query(SNAPSHOT, &[]).await?;
            let running: HashSet<u32> = row.get::<_, Vec<String>>(1).iter().filter_map(|xid| low_half(xid)).collect();
            let end = low_half(row.get(0)).unwrap_or_default();
            // Numbers of transactions go round.
            let is_seen = |xid: &u32| !running.contains(xid) && end.wrapping_sub(*xid).cast_signed() > 0;
            if transactions.iter().all(is_seen) {
                return Ok(());
            }
            sleep(SEEING).await;
        }
    }

    async fn query(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<tokio_postgres::Row, ControlError> {
        timeout(DEADLINE, self.client.query_one(sql, values))
            .await
            .map_err(|_| ConnectError::TimedOut)?
            .map_err(Into::into)
    }
}

/// The part of a transaction's number that the stream says.
fn low_half(xid: &str) -> Option<u32> {
    xid.parse::<u64>().ok().and_then(|xid| u32::try_from(xid & u64::from(u32::MAX)).ok())
}
