//! `[stamps]`, raw. The documentation of each key is its description in the JSON Schema.

use super::table::raw_table;
use super::values::DurationText;

raw_table! {
    /// Read-your-writes. Answers to successful unsafe requests carry a Larder-Stamp, and a request that presents one is
    /// answered from nothing that was fetched before that write, whichever instance it reaches. Absent: stamps are neither given
    /// nor taken.
    struct RawStamps {
        /// A file with the secret that stamps are signed with, at least 32 characters, the same for all instances. Of several
        /// lines the first signs and all are accepted. A relative path is relative to this file's folder.
        #[schemars(required)]
        secret_file: String,
        /// How long a request waits for this instance to learn of its stamp; then the origin is asked. Default: "100ms".
        wait: DurationText,
        /// Whether browsers keep stamps, too: as a cookie, `larder-stamp`, that is set with each and reaches no origin.
        /// Default: false.
        cookie: bool,
        /// How long a browser keeps it after its last write: at least as long as an instance may be cut off from Redis, so
        /// write twice `redis.partition_grace` or more. Default: "2m", or more where that is longer.
        cookie_max_age: DurationText,
    }
}
