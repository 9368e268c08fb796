//! What all users share.

use crate::choices::Choices;
use crate::freshness::Acknowledged;
use crate::options::Options;
use crate::record::{Changes, Phase, Record};
use anyhow::Context as _;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder};
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

/// Options, choices, the record, and what has been acknowledged.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) choices: Choices,
    pub(crate) record: Record,
    pub(crate) acknowledged: Acknowledged,
    /// For events.
    pub(crate) admin_client: Client,
    begun: OnceLock<Instant>,
    /// Who has come so far.
    come: AtomicU16,
}

impl World {
    /// Before anybody has come.
    ///
    /// # Errors
    /// Where an option makes no sense, or there can be no HTTP client.
    pub(crate) fn new(options: Options) -> anyhow::Result<Self> {
        Ok(Self {
            choices: Choices::new(&options)?,
            record: record(&options)?,
            acknowledged: Acknowledged::new(options.products),
            admin_client: client(&options).build().context("cannot make an HTTP client")?,
            begun: OnceLock::new(),
            come: AtomicU16::new(0),
            options,
        })
    }

    /// The client of the next user that comes, from one of the addresses in turn.
    pub(crate) fn newcomer(&self) -> ClientBuilder {
        let nth = self.come.fetch_add(1, Ordering::Relaxed).checked_rem(self.options.addresses);
        let last = nth.and_then(|nth| u8::try_from(nth + 1).ok());
        client(&self.options).local_address(last.map(|last| IpAddr::from([127, 0, 1, last])))
    }

    /// The part of the run that a request sent now belongs to. The first caller begins the run.
    pub(crate) fn phase(&self, now: Instant) -> Phase {
        let begun = *self.begun.get_or_init(|| now);
        if now.saturating_duration_since(begun) < self.options.ramp_time() { Phase::Ramp } else { Phase::Hold }
    }
}

/// A record that knows what is in the cache.
fn record(options: &Options) -> anyhow::Result<Record> {
    let known = match &options.known {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => String::new(),
    };
    let changes = if options.refreshed { Changes::Refreshed } else { Changes::New };
    Ok(Record::knowing(known.lines().map(str::to_owned), changes))
}

/// A client of one user, with connections of its own: plain HTTP, so no certificates are read. It takes gzip as browsers
/// do, but leaves unpacking to who needs the text, after the clock has stopped.
fn client(options: &Options) -> ClientBuilder {
    let fields = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
    Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .http1_only()
        .gzip(false)
        .default_headers(fields)
        .user_agent("shop-load")
        .timeout(options.timeout())
}
