//! `[upstream]` and `[upstreams.NAME]`, raw. The documentation of each key is its description in the JSON Schema.

use super::table::{FromToml, Placed, Reader, raw_table};
use super::values::{DurationText, PercentageText, words};
use crate::upstream::{Balancing, Protocol};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use toml::Spanned;
use toml::de::DeValue;

raw_table! {
    /// What Larder stands in front of.
    struct RawUpstream {
        /// The servers of the API, at least one: "http://host:port", "https://host:port", "unix:/path", or
        /// { url = "http://host:port", weight = 2 }.
        #[schemars(required, length(min = 1))]
        servers: Vec<Placed<ServerItem>>,
        /// Which server is asked: "round-robin" (in turns, by weight), "least-requests" (the one with the fewest requests
        /// under way for its weight) or "consistent" (the one that the cache key names, as long as it has no more than
        /// 1.25 times its share under way; a request without a key is spread by its URL). Default: "round-robin".
        balance: BalanceWord,
        /// What is spoken to the servers: "auto" (over TLS what they choose, in clear text HTTP/1.1), "http1" or "http2"
        /// (in clear text with prior knowledge). Requests that ask to change to another protocol go by HTTP/1.1.
        /// Default: "auto".
        protocol: ProtocolWord,
        /// The Host that the servers are sent, and over TLS the name that their certificates must be for: a name, or
        /// "keep" for the client's (over TLS, the host of the server's URL). A route's own `upstream_host` precedes.
        /// Default: "keep".
        upstream_host: String,
        /// TLS to servers of "https://". Default: whom the system trusts is trusted.
        tls: RawUpstreamTls,
        /// How long connecting may take, TLS included. Default: "1s".
        connect_timeout: DurationText,
        /// How long the upstream may be silent between two reads, the head of its response included. Default: "30s".
        read_timeout: DurationText,
        /// How long a request waits for the head of its response, from its last byte on, including retries, shared
        /// fetches and queueing. Then the client gets 504, or a stale response if one may be served. A route's longer
        /// read_timeout takes precedence. Default: "60s".
        request_timeout: DurationText,
        /// How long an unused connection is kept. Keep it below the upstream's own keep-alive time, or requests run
        /// into connections that are just being closed. Default: "4s".
        idle_timeout: DurationText,
        /// Unused connections kept for each server, for as long as `idle_timeout` says. Default: 1024.
        idle_connections: u64,
        /// How servers are checked. Absent: by opening a connection while a server is left out.
        health: RawHealth,
        /// How many requests may be under way in this pool; 0: no limit. Over it, a stale response is served if one may be;
        /// else the request waits its turn within `request_timeout`, then gets 503. Connections that have changed to
        /// another protocol do not count. Default: 0.
        max_requests: u64,
        /// How long the share of requests grows of a server that is new or comes back: from a tenth to all of its weight.
        /// Default: "0s".
        slow_start: DurationText,
        /// How often names are looked up again, from 1s on; that is done at once where a server takes no connection. An
        /// address that has gone is sent nothing new. Default: "30s".
        resolve: DurationText,
        /// When a server is left out for a while: for connections that it does not take or closes without an answer,
        /// for time-outs and for answers of 502, 503 and 504. The last server is never left out.
        eject: RawEject,
        /// How often a GET or HEAD is sent to another server after a time-out, a broken connection or an answer of 502,
        /// 503 or 504. A server that takes no connection does not count: the next one is asked whatever the request.
        retries: RawRetries,
    }
}

raw_table! {
    /// One server of a pool.
    struct RawServer {
        /// "http://host:port".
        #[schemars(required)]
        url: String,
        /// Its share of the requests, among those of the other servers: from 1 to 256. Each address of its name has it.
        /// Default: 1.
        weight: u64,
    }
}

/// A server: its URL, or a table of that and more.
#[derive(Debug)]
pub(super) enum ServerItem {
    Url(String),
    Table(RawServer),
}

impl FromToml for ServerItem {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        if let Some(url) = value.get_ref().as_str() {
            return Some(Self::Url(url.to_owned()));
        }
        if value.get_ref().is_table() {
            return RawServer::from_toml(value, reader).map(Self::Table);
        }
        reader.wrong_type(value, "a URL, or a table such as { url = \"http://host:port\", weight = 2 }", None);
        None
    }
}

impl JsonSchema for ServerItem {
    fn schema_name() -> Cow<'static, str> {
        "ServerItem".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<RawServer>();
        json_schema!({ "anyOf": [{ "type": "string", "examples": ["http://127.0.0.1:8000"] }, table] })
    }
}

words! {
    /// `upstream.balance`
    enum BalanceWord => Balancing {
        round_robin as "round-robin" = Balancing::RoundRobin,
        least_requests as "least-requests" = Balancing::LeastRequests,
        consistent = Balancing::Consistent,
    }
}

words! {
    /// `upstream.protocol`
    enum ProtocolWord => Protocol {
        auto = Protocol::Auto,
        http1 = Protocol::Http1,
        http2 = Protocol::Http2,
    }
}

raw_table! {
    /// TLS to servers. Relative paths are relative to this file's folder.
    struct RawUpstreamTls {
        /// Certificates in PEM that are trusted in place of the system's.
        ca_file: String,
        /// A certificate in PEM for servers that ask for one, with those of its issuers after it.
        certificate: String,
        /// Its private key in PEM. Default: it is in the same file.
        key: String,
        /// The name that is asked for (SNI) and that certificates must be for. Default: `upstream_host`, else the host
        /// of the server's URL.
        server_name: String,
    }
}

raw_table! {
    /// When a server is left out for a while.
    struct RawEject {
        /// After this many failures, in a row or at least as many as its other responses. Default: 5.
        failures: u64,
        /// Within this time. Default: "10s".
        within: DurationText,
        /// For this time; then, once it accepts connections, one request at a time tries it. Default: "10s".
        r#for: DurationText,
    }
}

raw_table! {
    /// How servers are checked: each address by a GET request of its own.
    struct RawHealth {
        /// What is asked for, such as "/healthz". Host is the server's, or `upstream_host`.
        #[schemars(required)]
        path: String,
        /// How often. Default: "5s".
        interval: DurationText,
        /// How long a check may take, the connection included. Default: "1s".
        timeout: DurationText,
        /// The statuses of a healthy server: "200-399", "200,204". A server that gives another is asked only if no other
        /// can be; one that gives no answer is not asked. Default: "200-399".
        expect: String,
        /// After this many passed checks in a row a server that was down is up; the first is enough if no other is up.
        /// Default: 2.
        rise: u64,
        /// After this many failed checks in a row a server is down. Default: 3.
        fall: u64,
    }
}

raw_table! {
    /// How often a request is sent to another server that the first may have received.
    struct RawRetries {
        /// Retries of one request. 0 turns them off. Default: 2.
        attempts: u64,
        /// Retries as a share of the requests of the last ten seconds; ten in that time if that is more. Default:
        /// "20%".
        budget: PercentageText,
    }
}

/// `[upstreams.NAME]`: pools by name, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct NamedPools(pub(super) Vec<(Placed<String>, Placed<RawUpstream>)>);

impl FromToml for NamedPools {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            reader.wrong_type(value, "tables such as [upstreams.search]", None);
            return None;
        };
        let mut pools = Vec::new();
        for (key, value) in table {
            let name = Placed { value: key.get_ref().to_string(), place: reader.place(key.span()) };
            pools.extend(reader.value::<RawUpstream>(value).map(|pool| (name, pool)));
        }
        pools.sort_by_key(|(name, _)| name.place.span.start);
        Some(Self(pools))
    }
}

impl JsonSchema for NamedPools {
    fn schema_name() -> Cow<'static, str> {
        "NamedPools".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let pool = generator.subschema_for::<RawUpstream>();
        json_schema!({ "type": "object", "propertyNames": { "pattern": "^[a-z0-9_-]+$" }, "additionalProperties": pool })
    }
}
