//! Who may call the admin API and how, raw. The documentation of each key is its description in the JSON Schema.

use super::admin_scope::May;
use super::table::raw_table;
use super::values::{Texts, words};

raw_table! {
    /// A token with a name, besides the one of `token_file`, which may do all.
    struct RawAdminToken {
        /// Its name in the audit log: a-z, 0-9, `-`, `_` and `.`.
        #[schemars(required)]
        name: String,
        /// The file that holds it; read again when it changes.
        #[schemars(required)]
        file: String,
        /// What it may do: "read", "purge", "events", "warm", "rules", "switch", "upstreams", "all".
        #[schemars(required)]
        may: Vec<crate::config::table::Placed<MayWord>>,
        /// The tags that it may purge, and nothing else: "product:42", or patterns with `*`, "product:*". Not set: whatever
        /// can be purged.
        tags: Texts,
    }
}

raw_table! {
    /// The admin API over TLS 1.2 and 1.3. The files are watched: what is renewed is used for new connections.
    struct RawAdminTls {
        /// The certificate, with those of its issuers behind it: a PEM file.
        #[schemars(required)]
        certificate: String,
        /// Its private key: a PEM file. Default: the file of the certificate.
        key: String,
        /// Authorities, a PEM file: callers must show a certificate of one of them, besides a token. Not set: they need none.
        client_ca: String,
    }
}

words! {
    /// A kind of call.
    enum MayWord => May {
        read = May::Read,
        purge = May::Purge,
        events = May::Events,
        warm = May::Warm,
        rules = May::Rules,
        switch = May::Switch,
        upstreams = May::Upstreams,
        all = May::All,
    }
}
