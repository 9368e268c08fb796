//! `proxy.toml`, raw. The documentation of each key is its description in the JSON Schema.

use super::raw_admin::{RawAdminTls, RawAdminToken};
use super::raw_cdn::RawCdn;
use super::raw_events::RawEvents;
use super::raw_jwt::RawJwt;
use super::raw_listen::RawListen;
use super::raw_stamps::RawStamps;
use super::raw_trace::RawTrace;
use super::raw_upstream::{NamedPools, RawUpstream};
use super::table::{Placed, raw_table};
use super::values::{DurationText, ShareOrSize, SizeText, Texts, words};
use super::{LogFormat, LogLevel};

raw_table! {
    /// Larder's configuration: where it listens, what it stands in front of, and how much it may use.
    struct RawProxyFile {
        /// The rules: a file, or a folder of *.toml files read in name order. A relative path is relative to this
        /// file's folder. Default: "rules".
        rules: String,
        /// Where clients connect.
        listen: RawListen,
        /// What Larder stands in front of.
        #[schemars(required)]
        upstream: RawUpstream,
        /// Other pools by name, each with the keys of `upstream` but `request_timeout`, which holds for all. A route chooses
        /// one by `upstream = "NAME"`.
        upstreams: NamedPools,
        /// The cache in this process.
        memory: RawMemory,
        /// What is done after a purge.
        refresh: RawRefresh,
        /// What instances share. Absent: this instance stands alone, with the cache in this process.
        redis: RawRedis,
        /// Where other systems say what has changed, besides `POST /events` and the Redis stream.
        events: RawEvents,
        /// The caches in front of Larder that are purged as well.
        cdn: Vec<Placed<RawCdn>>,
        /// Which bearer tokens are believed, for routes with `claims`. Absent: none.
        jwt: RawJwt,
        /// Read-your-writes.
        stamps: RawStamps,
        /// The admin API: purge, explain, rules, metrics.
        admin: RawAdmin,
        /// What is logged, and how.
        log: RawLog,
        /// Traces of requests by OpenTelemetry.
        trace: RawTrace,
        /// How large requests and the heads of answers may be, and how many connections there may be.
        limits: RawLimits,
        /// How long clients may take.
        timeouts: RawTimeouts,
    }
}

raw_table! {
    /// The cache in this process.
    struct RawMemory {
        /// The most memory that the cache takes, with everything charged: heads, bodies, keys, tags, bookkeeping. A size, or a
        /// share of what the process may use, which is the container's limit (its control group's) or else the machine's
        /// memory: "50%". It is read at start. Default: "256MiB".
        size: ShareOrSize,
        /// The most variants (by Vary) kept of one resource; the oldest goes first. Default: 32.
        variants_per_key: u64,
        /// A file to which the cache is written when Larder stops, and from which it is read when it starts. Only its owner
        /// may read it, it is removed once it is opened, and what was purged or can't be proven is not served from it. A
        /// relative path is relative to this file's folder. Default: none.
        snapshot: String,
    }
}

raw_table! {
    /// What is done after a purge: what clients ask for most is fetched again before they come for it.
    struct RawRefresh {
        /// If a purge affected more hot keys than this, they are fetched again, hottest first. Default: 16.
        after_purge: u64,
        /// How many keys are remembered as hot; 0 turns the refresh off. Default: 1024.
        hot_keys: u64,
        /// How many are fetched at once, within each route's `miss_limit`. Default: 4.
        concurrent: u64,
    }
}

raw_table! {
    /// What instances share: stored responses, the log of purges, the leases of fetches.
    struct RawRedis {
        /// Where Redis is: "redis://[[user]:password@]host:port[/db]", "rediss://…" with TLS,
        /// "redis+sentinel://host:port,host:port/service", "redis-cluster://host:port,host:port".
        #[schemars(required)]
        url: String,
        /// The prefix of the names of all keys; instances with the same namespace are one fleet. Default: "larder".
        namespace: String,
        /// The name of this instance in receipts, unique in the fleet. Default: the host's name and a random number.
        instance: String,
        /// How long one operation may delay a request; after that Redis counts as unavailable. Default: "50ms".
        timeout: DurationText,
        /// How long hits are served while it cannot be proven that no purge was missed; then they are validated at the
        /// origin. Default: "30s".
        partition_grace: DurationText,
        /// A PEM file of certificates that are trusted instead of the system's.
        ca_file: String,
        /// Larger responses are kept in memory only. Default: "1MiB".
        max_value: SizeText,
        /// How much may wait to be written; beyond it the oldest is dropped. Default: "16MiB".
        write_queue: SizeText,
        /// How long purges are remembered, and so the longest that anything stored is used without asking the origin.
        /// Default: "24h".
        log_retention: DurationText,
        /// How long an instance waits at start to read the log of purges to its end before it is ready. After that it
        /// starts anyway, and validates what is stored until it has read it. Default: "2s".
        join_wait: DurationText,
    }
}

raw_table! {
    /// The admin API: purge, explain, rules, metrics.
    struct RawAdmin {
        /// Its address and port, never the one that clients use. Anything but loopback needs a token.
        /// Default: "127.0.0.1:9180".
        listen: String,
        /// A file with the token that callers must present, which may do all; read again when it changes. The environment
        /// variable LARDER_ADMIN_TOKEN takes precedence.
        token_file: String,
        /// Names, without port, under which callers may reach it besides its address, "localhost" and loopback.
        hosts: Texts,
        /// Tokens with names, each for some calls only.
        tokens: Vec<Placed<RawAdminToken>>,
        /// Serve it over TLS. Not set: in clear text.
        tls: RawAdminTls,
        /// The addresses and networks from which PURGE, BAN and the purges of Fastly's and Cloudflare's APIs are taken without
        /// a token and under any host: "10.0.0.0/8", "10.1.2.3". Default: none.
        purge_from: Texts,
    }
}

raw_table! {
    /// What is logged, and how.
    struct RawLog {
        /// "text" for people or "json", one object per line. Default: "text".
        format: FormatWord,
        /// The least severe messages logged. Default: "info".
        level: LevelWord,
        /// Whether each request is logged with its outcome and reason. Default: true.
        access: bool,
    }
}

raw_table! {
    /// How large requests and the heads of answers may be, and how many connections there may be.
    struct RawLimits {
        /// The whole head of a request; a larger one is answered 431. Default: "64KiB".
        header_bytes: SizeText,
        /// Field lines of a request; more are answered 431. Default: 100.
        headers: u64,
        /// The target of a request; a longer one is answered 414. Default: "8KiB".
        uri_bytes: SizeText,
        /// Concurrent connections. Above this, the one that has been idle longest is closed for each new one; if none
        /// is idle, new ones wait. Default: 16384.
        connections: u64,
        /// The whole head of an upstream's response; a larger one is answered 502. Default: "256KiB".
        upstream_header_bytes: SizeText,
        /// Field lines of an upstream's response, and of its trailers; more are answered 502. Default: 256.
        upstream_headers: u64,
        /// What bodies in transfer may hold that their readers have not taken: a share of `memory.size`, or a size. It
        /// is in addition to `memory.size`. Above it the readers furthest behind are cut off, and new fetches are
        /// neither shared nor stored. A body larger than half of it is not stored. Default: "25%".
        in_flight_bytes: ShareOrSize,
        /// What one client may take at once.
        per_client: RawPerClient,
    }
}

raw_table! {
    /// What one client may take at once: an IPv4 address, or the first 64 bits of an IPv6 address, as trusted proxies
    /// report it. Trusted proxies themselves are not limited. Over a limit, requests are answered 429.
    struct RawPerClient {
        /// Open connections of one client that come without a trusted proxy, or by the PROXY protocol. Requests on others are
        /// answered 429, and beyond twice as many, connections are closed. 0: no limit. Default: 0.
        connections: u64,
        /// Requests of one client in a second, hits included. 0: no limit. Default: 0.
        requests_per_second: u64,
        /// Requests of one client that wait for the upstream at once: misses, validations, and what passes through. A hit is
        /// never refused, and something stale is served where it may be. 0: no limit. Default: 0.
        misses: u64,
    }
}

raw_table! {
    /// How long clients may take.
    struct RawTimeouts {
        /// From the first byte of a request's head to its last. Default: "10s".
        header_read: DurationText,
        /// Between two requests on a connection. Default: "60s".
        idle: DurationText,
        /// How long requests under way may take once Larder is asked to stop. Default: "8s",
        /// which fits into the ten seconds that `docker stop` waits.
        drain: DurationText,
        /// How long both ports stay open once Larder is asked to stop, while /readyz says that it is not ready: the time
        /// that a balancer takes to notice. Default: "0s".
        drain_delay: DurationText,
        /// How long a client may neither send the next piece of its body nor read the next of a response.
        /// Default: "30s".
        stall: DurationText,
    }
}

words! {
    /// `log.format`
    enum FormatWord => LogFormat {
        text = LogFormat::Text,
        json = LogFormat::Json,
    }
}

words! {
    /// `log.level`
    enum LevelWord => LogLevel {
        error = LogLevel::Error,
        warn = LogLevel::Warn,
        info = LogLevel::Info,
        debug = LogLevel::Debug,
        trace = LogLevel::Trace,
    }
}

/// The table at a key, or an empty one.
pub(super) fn table<T: Default>(placed: Option<Placed<T>>) -> T {
    placed.map(|placed| placed.value).unwrap_or_default()
}
