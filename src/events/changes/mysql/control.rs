//! A connection for queries: who of a fleet reads, how far the log goes, and what of it can be seen.

use super::position::{Gtids, LogPlace, Position};
use super::relations::{KeyColumn, Relations};
use super::server::{ConnectError, MysqlServer, answered};
use super::values::Charsets;
use mysql_async::prelude::{FromRow, Queryable as _};
use mysql_async::{Conn, Row};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Between two looks at whether a commit can be seen.
const SEEING: Duration = Duration::from_millis(1);

/// How long the catalog of all tables may take.
const CATALOG_DEADLINE: Duration = Duration::from_mins(1);

/// The server closes this connection, and gives the lock away, if it hears nothing for so many seconds.
const SILENCE_SECONDS: u32 = 10;

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lease {
    /// This connection.
    Ours,
    /// Another.
    Others,
}

/// Why the log can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// The server can't be asked.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It keeps no binary log.
    #[error("the database keeps no binary log: set log_bin in its configuration, and restart it")]
    NoLog,
    /// It is no MariaDB.
    #[error("the database is no MariaDB: its transactions can't be told apart by MariaDB's GTIDs")]
    NoMariaDb,
}

impl From<mysql_async::Error> for ControlError {
    fn from(error: mysql_async::Error) -> Self {
        Self::Connect(error.into())
    }
}

/// A connection for queries.
pub(super) struct Control {
    conn: Conn,
    /// The server's number.
    server: u32,
}

impl Control {
    /// Connects to a server that keeps a binary log.
    pub(super) async fn connect(server: &MysqlServer) -> Result<Self, ControlError> {
        let mut conn = server.connect().await?;
        let asked = rows(&mut conn, "SELECT @@version, @@log_bin, @@server_id").await?;
        let (version, has_log, server): (String, bool, u32) = asked.into_iter().next().unwrap_or_default();
        if !version.contains("MariaDB") {
            return Err(ControlError::NoMariaDb);
        }
        if !has_log {
            return Err(ControlError::NoLog);
        }
        answered(conn.query_drop(format!("SET SESSION wait_timeout = {SILENCE_SECONDS}"))).await?;
        Ok(Self { conn, server })
    }

    /// Takes the lock that belongs to a reader's number, which ends with this connection. The server gives it to one at a time.
    pub(super) async fn lease(&mut self, server_id: u32) -> Result<Lease, ControlError> {
        let lock = format!("SELECT GET_LOCK('larder-reads-as-{server_id}', 0) = 1");
        let taken: Vec<Option<bool>> = rows(&mut self.conn, &lock).await?;
        Ok(if taken == [Some(true)] { Lease::Ours } else { Lease::Others })
    }

    /// The character sets of the server's collations.
    pub(super) async fn charsets(&mut self) -> Result<Charsets, ControlError> {
        const NEW: &str = "SELECT id, character_set_name FROM information_schema.collation_character_set_applicability \
                           WHERE id IS NOT NULL";
        const OLD: &str = "SELECT id, character_set_name FROM information_schema.collations WHERE id IS NOT NULL";
        let mut named = rows(&mut self.conn, NEW).await;
        if let Err(ConnectError::Refused(_)) = named {
            // MariaDB before 10.10 has the numbers elsewhere.
            named = rows(&mut self.conn, OLD).await;
        }
        Ok(Charsets::new(named?))
    }

    /// The foreign keys that change rows, as far as this user may know them.
    pub(super) async fn relations(&mut self) -> Result<Relations, ControlError> {
        const KEYS: &str = "SELECT k.table_schema, k.table_name, k.constraint_name, k.referenced_table_schema, \
            k.referenced_table_name, k.referenced_column_name, r.update_rule, r.delete_rule \
            FROM information_schema.key_column_usage k LEFT JOIN information_schema.referential_constraints r \
            ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name \
            AND r.table_name = k.table_name WHERE k.referenced_table_name IS NOT NULL";
        type Key = (String, String, String, String, String, String, Option<String>, Option<String>);
        // Of many tables, the server looks at each.
        let asked = timeout(CATALOG_DEADLINE, self.conn.query(KEYS)).await.map_err(|_| ConnectError::TimedOut)??;
        let keys: Vec<Key> = understood(asked)?;
        Ok(Relations::of(keys.into_iter().map(|key| {
            let (child_schema, child, constraint, parent_schema, parent, column, update, delete) = key;
            let (child, parent) = ((child_schema, child), (parent_schema, parent));
            KeyColumn { child, constraint, parent, column, rules: (update, delete) }
        })))
    }

    /// The end of the log.
    pub(super) async fn end(&mut self) -> Result<LogPlace, ControlError> {
        let said: Vec<Row> = rows(&mut self.conn, "SHOW MASTER STATUS").await?;
        let row = said.first().ok_or(ControlError::NoLog)?;
        match (row.get_opt(0), row.get_opt(1)) {
            (Some(Ok(file)), Some(Ok(position))) => Ok(LogPlace { file, position }),
            _ => Err(ConnectError::Strange.into()),
        }
    }

    /// How many bytes of the log lie between two places, as far as its files are still there.
    pub(super) async fn bytes_between(&mut self, from: &LogPlace, to: &LogPlace) -> Result<u64, ControlError> {
        if from.file == to.file {
            return Ok(to.position.saturating_sub(from.position));
        }
        let files: Vec<(String, u64)> = rows(&mut self.conn, "SHOW BINARY LOGS").await?;
        let between = files.into_iter().filter(|(file, _)| {
            let (number, _) = LogPlace { file: file.clone(), position: 0 }.ordinal();
            (from.ordinal().0..to.ordinal().0).contains(&number)
        });
        let written: u64 = between.map(|(_, bytes)| bytes).sum();
        Ok((written + to.position).saturating_sub(from.position))
    }

    /// The present end of the log, once all before it can be seen.
    pub(super) async fn present(&mut self) -> Result<Position, ControlError> {
        let gtids: Vec<Option<String>> = rows(&mut self.conn, "SELECT @@gtid_binlog_pos").await?;
        let place = self.end().await?;
        self.seen(&place).await?;
        let gtids = Gtids::parse(&gtids.into_iter().flatten().next().unwrap_or_default());
        Ok(Position { server: self.server, place, begun: 0, gtids })
    }

    /// Waits until what is in the log up to here can be seen by others. A transaction is sent as soon as it is in the log; who reads
    /// at that moment may still see what was before, for as long as a semi-synchronous replica takes.
    pub(super) async fn seen(&mut self, place: &LogPlace) -> Result<(), ControlError> {
        loop {
            let said: Vec<(String, String)> = rows(&mut self.conn, "SHOW STATUS LIKE 'binlog_snapshot_%'").await?;
            let mut seen = LogPlace::default();
            for (name, value) in said {
                if name.eq_ignore_ascii_case("binlog_snapshot_file") {
                    seen.file = value;
                } else if name.eq_ignore_ascii_case("binlog_snapshot_position") {
                    seen.position = value.parse().unwrap_or_default();
                }
            }
            if seen.reaches(place) {
                return Ok(());
            }
            sleep(SEEING).await;
        }
    }
}

/// What a query gives.
async fn rows<T: FromRow>(conn: &mut Conn, sql: &str) -> Result<Vec<T>, ConnectError> {
    understood(answered(conn.query(sql)).await?)
}

/// Rows of the form that is expected. Reading them as mysql_async does by itself would panic where they are of another.
fn understood<T: FromRow>(rows: Vec<Row>) -> Result<Vec<T>, ConnectError> {
    rows.into_iter().map(|row| T::from_row_opt(row).map_err(|_| ConnectError::Strange)).collect()
}
