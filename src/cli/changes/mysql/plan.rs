//! `larder changes plan` for MariaDB: the settings and the SQL that make a database ready.

use super::{literal, located, quoted};
use crate::cli::changes::Needed;
use crate::cli::client::print;
use crate::events::changes::mysql::MysqlChangesOptions;
use std::collections::BTreeSet;

/// Prints it.
///
/// # Errors
/// Where nobody reads it.
pub(in crate::cli::changes) fn run(options: &MysqlChangesOptions, needed: &Needed) -> anyhow::Result<()> {
    let user = format!("{}@'%'", literal(options.server.user().unwrap_or("larder")));
    let own = options.server.database();
    let schemas: BTreeSet<&str> = needed.keys().map(|table| located(table, own).0).collect();
    let sql = format!(
        "-- In the server's configuration; log_bin needs a restart, and each server a server_id of its own.
--   [mariadb]
--   log_bin = binlog
--   server_id = 1
--   binlog_format = ROW
--   binlog_row_image = FULL
--   binlog_row_metadata = FULL
--   binlog_expire_logs_seconds = 259200
-- As an administrator; these settings hold for connections that begin after them, until the server restarts.
SET GLOBAL binlog_format = 'ROW';
SET GLOBAL binlog_row_image = 'FULL';
SET GLOBAL binlog_row_metadata = 'FULL';

-- The user reads no row of any table: what it sees is the binary log. It has no password that would do yet:
-- ALTER USER {user} IDENTIFIED BY '…';
CREATE USER IF NOT EXISTS {user} IDENTIFIED VIA mysql_native_password USING 'invalid';
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {user};

-- It sees which foreign keys there are: what they delete and change is in no binary log.
"
    );
    // In the name of a schema, these two would stand for others.
    let pattern = |schema: &str| quoted(schema).replace('_', "\\_").replace('%', "\\%");
    let grant = |schema: &str| format!("GRANT REFERENCES ON {}.* TO {user};", pattern(schema));
    let grants: Vec<String> = schemas.into_iter().map(grant).collect();
    print(&format!("{sql}{}", grants.join("\n")))
}
