//! `larder changes plan`: the SQL that makes a database ready.

use super::{literal, quoted, table};
use crate::cli::changes::Needed;
use crate::cli::client::print;
use crate::events::changes::postgres::PostgresChangesOptions;

/// Whether the columns are in what a table says of an old row.
const IDENTITY: &str = "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
                 JOIN pg_class c ON c.oid = indrelid
                 WHERE indrelid = TABLE::regclass AND CASE relreplident WHEN 'd' THEN indisprimary ELSE indisreplident END";

/// Prints it.
///
/// # Errors
/// Where nobody reads it.
pub(in crate::cli::changes) fn run(options: &PostgresChangesOptions, needed: &Needed) -> anyhow::Result<()> {
    let user = options.server.connect.get_user().unwrap_or("larder");
    let publication = quoted(&options.publication);
    let tables = needed.keys().map(table).collect::<Vec<_>>().join(", ");
    let mut sql = format!(
        "-- As a superuser, once. wal_level needs a restart of PostgreSQL.
ALTER SYSTEM SET wal_level = 'logical';
-- What is kept at most while nobody reads; without it the disk may fill up.
ALTER SYSTEM SET max_slot_wal_keep_size = '10GB';

-- In the database of the tables. The role reads no table: what it sees is the publication.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {role}) THEN
    CREATE ROLE {user}; -- and its password: \\password {user}
  END IF;
END $$;
ALTER ROLE {user} LOGIN REPLICATION;
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_publication WHERE pubname = {name}) THEN
    ALTER PUBLICATION {publication} SET TABLE {tables};
    ALTER PUBLICATION {publication} SET (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);
  ELSE
    CREATE PUBLICATION {publication} FOR TABLE {tables} WITH (publish_via_partition_root = true);
  END IF;
END $$;
",
        role = literal(user),
        name = literal(&options.publication),
        user = quoted(user),
    );
    for (name, columns) in needed.iter().filter(|(_, columns)| !columns.is_empty()) {
        let columns = columns.iter().map(|column| literal(column)).collect::<Vec<_>>().join(", ");
        let regclass = literal(&table(name));
        let identity = IDENTITY.replace("TABLE", &regclass);
        let table = table(name);
        let full = format!(
            "
-- Of a changed row of {name}, what these columns were before must be said.
DO $$ BEGIN
  IF EXISTS (SELECT unnest(ARRAY[{columns}]) EXCEPT {identity}) THEN
    ALTER TABLE {table} REPLICA IDENTITY FULL;
  END IF;
END $$;
"
        );
        sql.push_str(&full);
    }
    let slot = &options.slot;
    let last = format!(
        "-- Larder makes the replication slot {slot} itself, and purges what changes before it could have named."
    );
    print(&format!("{sql}\n{last}"))
}
