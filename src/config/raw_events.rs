//! `[events]`, raw. The documentation of each key is its description in the JSON Schema.

use super::raw_mysql::RawMysqlChanges;
use super::raw_webhook::RawWebhook;
use super::table::{Placed, raw_table};
use super::values::Texts;

raw_table! {
    /// Where other systems say what has changed. The rules say what that purges, in `[[event]]` and `[[change]]` blocks.
    struct RawEvents {
        /// PostgreSQL's LISTEN and NOTIFY.
        postgres: RawPostgres,
        /// The rows that change in PostgreSQL, which the rules map to purges in `[[change]]` blocks.
        postgres_changes: RawPostgresChanges,
        /// The rows that change in MariaDB, which the rules map to purges in `[[change]]` blocks.
        mysql_changes: RawMysqlChanges,
        /// What others post, signed.
        webhook: Vec<Placed<RawWebhook>>,
    }
}

raw_table! {
    /// PostgreSQL's LISTEN and NOTIFY.
    struct RawPostgres {
        /// Where it is: "postgres://user:password@host:port/database". With "?sslmode=require" over TLS, and the server's
        /// certificate is verified.
        #[schemars(required)]
        url: String,
        /// A PEM file of certificates that are trusted instead of the system's.
        ca_file: String,
        /// The channel to listen on. Default: "larder_events".
        channel: String,
    }
}

raw_table! {
    /// The rows that change in PostgreSQL, by logical replication. `larder changes plan` prints the SQL that it needs.
    struct RawPostgresChanges {
        /// Where the primary is: "postgres://user:password@host:port/database", or several hosts, of which the one that takes
        /// writes is read. With "?sslmode=require" over TLS, and the server's certificate is verified.
        #[schemars(required)]
        url: String,
        /// A PEM file of certificates that are trusted instead of the system's.
        ca_file: String,
        /// The publication. Default: "larder".
        publication: String,
        /// The replication slot, which is this fleet's alone and made if there is none. Default: "larder".
        slot: String,
        /// The replicas that origins read from, each as "postgres://user:password@host:port/database": what a change purges is purged
        /// again once all of them have replayed it. Default: none.
        replicas: Texts,
    }
}
