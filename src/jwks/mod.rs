//! The keys that bearer tokens are signed by, kept up to date: read at the start, by schedule, when a token names a key that is
//! not there, and at a reload. What can't be read changes nothing: the last good keys stay.

mod source;

pub(crate) use source::{JwksSource, JwksUrl, NotRead};

use crate::clock::Clock;
use crate::metric::{Measured, Metric, Samples};
use crate::rules::tokens::{KeySet, Replaced, TokenTrust, Tokens};
use source::Source;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How long after a failure the keys are read again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// How often tokens with unknown keys may have them read: anyone can send such tokens.
const STRANGERS_EVERY: Duration = Duration::from_secs(10);

const JWKS_REFRESHES: Metric = Metric::counter(
    "larder_jwks_refreshes_total",
    &["result"],
    "How often the keys of `jwt.jwks` were read: accepted or failed.",
);
const JWKS_KEYS: Metric =
    Metric::gauge("larder_jwks_keys", &[], "Keys of `jwt.jwks` in force, by which tokens are verified.");
const JWKS_AGE: Metric = Metric::gauge(
    "larder_jwks_age_seconds",
    &[],
    "Time since the keys of `jwt.jwks` were last read successfully, or since the start.",
);

/// The metrics of the keys.
pub(crate) const METRICS: &[&Metric] = &[&JWKS_REFRESHES, &JWKS_KEYS, &JWKS_AGE];

/// `[jwt]`, resolved.
#[derive(Debug, Clone)]
pub(crate) struct JwtOptions {
    /// `jwks`: where the keys are.
    pub(crate) source: JwksSource,
    /// Which tokens are believed.
    pub(crate) trust: TokenTrust,
    /// `refresh`: how often the keys are read.
    pub(crate) refresh: Duration,
}

impl JwtOptions {
    /// Reads the keys once.
    ///
    /// # Errors
    /// Where they can't be read or used.
    pub(crate) async fn read(&self) -> Result<KeySet, NotRead> {
        Source::new(&self.source).read(&self.trust.algorithms).await
    }
}

/// Keeps the keys.
pub(crate) struct JwksKeeper {
    source: Source,
    refresh: Duration,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
    asked: Notify,
    /// Notified when a token names a key that is not there.
    stranger: Arc<Notify>,
    accepted: AtomicU64,
    failed: AtomicU64,
    /// Whether the last reading succeeded.
    is_well: AtomicBool,
    /// By the monotonic clock, in milliseconds.
    read_at: AtomicU64,
}

impl JwksKeeper {
    /// Of the keys by which these tokens are verified; none are there yet.
    pub(crate) fn new(options: &JwtOptions, tokens: Arc<Tokens>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let stranger = Arc::new(Notify::new());
        let told = Arc::clone(&stranger);
        tokens.tell_of_strangers(move || told.notify_one());
        let keeper = Self {
            source: Source::new(&options.source),
            refresh: options.refresh,
            tokens,
            clock,
            asked: Notify::new(),
            stranger,
            accepted: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            is_well: AtomicBool::new(false),
            read_at: AtomicU64::new(0),
        };
        keeper.read_at.store(keeper.monotonic_millis(), Ordering::Relaxed);
        Arc::new(keeper)
    }

    /// Has the keys read again soon.
    pub(crate) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Reads the keys and puts them in force.
    pub(crate) async fn read(&self) -> Result<(), NotRead> {
        let Some(trust) = self.tokens.trust() else { return Ok(()) };
        match self.source.read(&trust.algorithms).await {
            Ok(set) => {
                let keys = set.len();
                if self.tokens.replace_keys(set) == Replaced::Keys {
                    tracing::info!(keys, "the keys of jwt.jwks are in force");
                }
                self.read_at.store(self.monotonic_millis(), Ordering::Relaxed);
                self.accepted.fetch_add(1, Ordering::Relaxed);
                self.is_well.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                let keys = self.tokens.keys();
                tracing::warn!(%error, keys, "the keys of jwt.jwks cannot be read; those that were stay in force");
                self.failed.fetch_add(1, Ordering::Relaxed);
                self.is_well.store(false, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Keeps them for as long as the instance lives, once they were read a first time.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut strangers_from = Instant::now();
        loop {
            let due = Instant::now()
                + if self.is_well.load(Ordering::Relaxed) { self.refresh } else { self.refresh.min(RETRY_AFTER) };
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.asked.notified() => {}
                () = self.stranger(strangers_from) => strangers_from = Instant::now() + STRANGERS_EVERY,
            }
            // What keeps them from being read has been logged.
            let _ = self.read().await;
        }
    }

    /// Waits for a token whose key is not there, and until the keys may be read because of one.
    async fn stranger(&self, not_before: Instant) {
        self.stranger.notified().await;
        sleep_until(not_before).await;
    }

    fn monotonic_millis(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Measured for JwksKeeper {
    fn sample(&self, samples: &mut Samples) {
        let counts = [("accepted", &self.accepted), ("failed", &self.failed)];
        samples.numbers(&JWKS_REFRESHES, &[], counts.map(|(result, count)| (result, count.load(Ordering::Relaxed))));
        samples.number(&JWKS_KEYS, &[], self.tokens.keys() as u64);
        let age_millis = self.monotonic_millis().saturating_sub(self.read_at.load(Ordering::Relaxed));
        samples.time(&JWKS_AGE, &[], Duration::from_millis(age_millis));
    }
}
