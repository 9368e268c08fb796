//! `[events.mysql_changes]`, raw. The documentation of each key is its description in the JSON Schema.

use super::table::raw_table;

raw_table! {
    /// The rows that change in MariaDB, from its binary log. `larder changes plan` prints the settings and the SQL that it needs.
    struct RawMysqlChanges {
        /// Where the primary is: "mysql://user:password@host:port/database". With "?require_ssl=true" over TLS, and the server's
        /// certificate is verified. A `table` without a schema is one of this database.
        #[schemars(required)]
        url: String,
        /// A PEM file of certificates that are trusted instead of the system's.
        ca_file: String,
        /// The number by which the server knows its reader: this fleet's alone, and no server's. Default: made from the fleet's Redis and
        /// namespace; without Redis, a random one.
        #[schemars(range(min = 1, max = 4_294_967_295_u64))]
        server_id: u64,
    }
}
