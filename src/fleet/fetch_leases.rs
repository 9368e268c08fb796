//! One fetch of a key at a time in the whole fleet: the leaders of several instances agree on one of them.
//!
//! A leader claims a short **lease** in Redis, and renews it while it fetches: who dies with one holds up the others no
//! longer than that. Who finds it taken waits for the holder's **word** on a stream that one task per instance reads
//! ([`FetchLeases::listen`]), and asks for the lease now and then in case the word is lost. Everything here may fail
//! without harm: then each instance fetches on its own.
//!
//! `waiting` is locked briefly and never across an await. A lease is released by the task behind
//! [`FetchLeases::release_ended`], since it may be dropped anywhere.

#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::fleet::link::{Link, LinkError, LinkFailure};
use crate::fleet::options::FleetOptions;
use crate::fleet::streams::{self, EntryId, StreamEntry};
use crate::key::PrimaryKey;
use crate::stamp::Stamp;
use redis::{cmd, from_redis_value};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// How long a lease lasts without renewal.
const LEASE: Duration = Duration::from_secs(1);

/// Time between two renewals.
const RENEWAL: Duration = Duration::from_millis(300);

/// Time between two attempts to get a lease that is taken: for words that are lost.
const LOOK: Duration = Duration::from_millis(200);

/// How long a command may take that no request waits for.
const BACKGROUND_DEADLINE: Duration = Duration::from_secs(1);

/// How long one read waits for words.
const LISTEN: Duration = Duration::from_secs(5);

/// The pause after words could not be read.
const RETRY: Duration = Duration::from_millis(500);

/// So many of the last words stay in the stream.
const WORDS_MAX: usize = 1_000;

/// What a leader is to do.
#[derive(Debug)]
pub enum Claim {
    /// Fetch, for the whole fleet. The answer may have come just before, so look again first.
    Won(FetchLease),
    /// Another instance has fetched: look again.
    Answered,
    /// Fetch for this instance alone.
    Alone(WhyAlone),
}

/// Why a leader fetches without a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyAlone {
    /// The instance that held the lease has brought nothing that can be shared.
    NothingShared,
    /// What the instance that held the lease has brought is for nobody else: everyone asks on their own.
    NotShareable,
    /// It takes longer than this request waits.
    Slow,
    /// Redis is away.
    Away,
}

impl WhyAlone {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NothingShared, Self::NotShareable, Self::Slow, Self::Away];

    /// The stable label in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NothingShared => "nothing-shared",
            Self::NotShareable => "not-shareable",
            Self::Slow => "slow",
            Self::Away => "away",
        }
    }
}

/// The word of whoever held a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The answer is in Redis.
    Stored,
    /// The answer is for nobody else.
    Alone,
    /// There is no answer.
    Nothing,
}

impl Word {
    const fn label(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Alone => "alone",
            Self::Nothing => "nothing",
        }
    }

    /// What a label means; a label of another version of this program: that there is no answer.
    fn parse(label: Option<&String>) -> Self {
        let is = |word: &Self| label.is_some_and(|label| label == word.label());
        [Self::Stored, Self::Alone].into_iter().find(is).unwrap_or(Self::Nothing)
    }
}

/// The right to fetch a key for the whole fleet. It ends when it is dropped, and the others hear of it.
pub struct FetchLease {
    leases: Weak<FetchLeases>,
    name: String,
    value: String,
    word: OnceLock<Word>,
    renewal: tokio::task::AbortHandle,
}

/// The leases of one instance.
pub struct FetchLeases {
    requests: Arc<dyn Link>,
    background: Arc<dyn Link>,
    listening: Arc<dyn Link>,
    options: FleetOptions,
    run: u32,
    claims: AtomicU64,
    waiting: Mutex<HashMap<String, watch::Sender<Option<Word>>>>,
    ended: mpsc::UnboundedSender<Ended>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    won: AtomicU64,
    answered: AtomicU64,
    alone: [AtomicU64; WhyAlone::ALL.len()],
}

/// The links that leases need.
#[derive(Debug, Clone)]
pub struct LeaseLinks {
    /// For claims: requests wait for them.
    pub requests: Arc<dyn Link>,
    /// For renewals and releases.
    pub background: Arc<dyn Link>,
    /// For reading words alone: it blocks.
    pub listening: Arc<dyn Link>,
}

/// A lease that is over.
struct Ended {
    name: String,
    value: String,
    word: Word,
}

/// What a claim found.
enum Attempt {
    Won,
    Taken { since: Stamp },
}

impl FetchLeases {
    /// No leases, and the task that must run for as long as they are used: it reads words and releases what has ended.
    pub fn new(
        links: LeaseLinks,
        options: FleetOptions,
        run: u32,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + use<>) {
        let (ended, releases) = mpsc::unbounded_channel();
        let leases = Arc::new(Self {
            requests: links.requests,
            background: links.background,
            listening: links.listening,
            options,
            run,
            claims: AtomicU64::new(0),
            waiting: Mutex::default(),
            ended,
            counts: Counts::default(),
        });
        let working = Arc::clone(&leases);
        (leases, async move {
            tokio::join!(working.listen(), working.release_ended(releases));
        })
    }

    /// Claims the fetch of `key` for a flight of `stamp`, or waits until whoever holds it has brought the answer, at most
    /// `wait`. `may_share` judges by its stamp whether the holder's answer would be of use; where it says no, the lease is
    /// taken over.
    pub async fn claim(
        self: &Arc<Self>,
        key: &PrimaryKey,
        stamp: Stamp,
        wait: Duration,
        may_share: impl Fn(Stamp) -> bool + Send,
    ) -> Claim {
        let name = self.options.names.fetch(key.fingerprint());
        let number = self.claims.fetch_add(1, Ordering::Relaxed);
        let value = format!("{stamp} {}-{:08x}-{number}", self.options.instance, self.run);
        let claim = self.claim_or_wait(&name, &value, wait, may_share).await;
        let count = match &claim {
            Claim::Won(_) => &self.counts.won,
            Claim::Answered => &self.counts.answered,
            Claim::Alone(why) => &self.counts.alone[*why as usize],
        };
        count.fetch_add(1, Ordering::Relaxed);
        claim
    }

    /// How many claims there were, by what came of them.
    #[must_use]
    pub fn claims(&self) -> Vec<(&'static str, u64)> {
        let alone = WhyAlone::ALL.iter().zip(&self.counts.alone).map(|(why, count)| (why.label(), count));
        let others = [("won", &self.counts.won), ("answered", &self.counts.answered)];
        others.into_iter().chain(alone).map(|(label, count)| (label, count.load(Ordering::Relaxed))).collect()
    }

    async fn claim_or_wait(
        self: &Arc<Self>,
        name: &str,
        value: &str,
        wait: Duration,
        may_share: impl Fn(Stamp) -> bool + Send,
    ) -> Claim {
        let deadline = Instant::now() + wait;
        // Before the first attempt: the word may come right after it.
        let mut listener = Listener::of(self, name);
        loop {
            match self.attempt(name, value, "NX").await {
                Ok(Attempt::Won) => return Claim::Won(self.lease(name, value, wait)),
                Ok(Attempt::Taken { since }) if !may_share(since) => {
                    return match self.attempt(name, value, "").await {
                        Ok(_) => Claim::Won(self.lease(name, value, wait)),
                        Err(_) => Claim::Alone(WhyAlone::Away),
                    };
                }
                Ok(Attempt::Taken { .. }) => {}
                Err(_) => return Claim::Alone(WhyAlone::Away),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Claim::Alone(WhyAlone::Slow);
            }
            match timeout(left.min(LOOK), listener.word()).await {
                Ok(Word::Stored) => return Claim::Answered,
                Ok(Word::Alone) => return Claim::Alone(WhyAlone::NotShareable),
                Ok(Word::Nothing) => return Claim::Alone(WhyAlone::NothingShared),
                Err(_) => {}
            }
        }
    }

    /// Sets the lease if it is free, or in any case; tells who held it.
    async fn attempt(&self, name: &str, value: &str, condition: &str) -> Result<Attempt, LinkError> {
        let mut set = cmd("SET");
        set.arg(name).arg(value);
        if !condition.is_empty() {
            set.arg(condition);
        }
        set.arg("GET").arg("PX").arg(millis(LEASE));
        let reply = self.requests.call(&set, self.options.timeout).await?;
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::EveryClaimWins) {
            return Ok(Attempt::Won);
        }
        let held: Option<String> = from_redis_value(reply).map_err(|_| LinkError::of(LinkFailure::Unexpected))?;
        Ok(match held {
            None => Attempt::Won,
            // What says nothing of its stamp began before everything.
            Some(held) => Attempt::Taken {
                since: held.split_once(' ').and_then(|(stamp, _)| Stamp::parse(stamp)).unwrap_or(Stamp::ZERO),
            },
        })
    }

    fn lease(self: &Arc<Self>, name: &str, value: &str, wait: Duration) -> FetchLease {
        let renewal = tokio::spawn(renew(Arc::clone(&self.background), name.to_owned(), wait)).abort_handle();
        let (name, value) = (name.to_owned(), value.to_owned());
        FetchLease { leases: Arc::downgrade(self), name, value, word: OnceLock::new(), renewal }
    }

    /// Passes words on to those who wait for them.
    async fn listen(&self) {
        let stream = self.options.names.fetched();
        let mut last = "$".to_owned();
        loop {
            let command = streams::read_after(&stream, &last, WORDS_MAX, LISTEN);
            let reply = self.listening.call(&command, LISTEN + BACKGROUND_DEADLINE).await;
            let Ok(entries) = reply.and_then(streams::read) else {
                // It may be another Redis, with lower ids.
                "$".clone_into(&mut last);
                sleep(RETRY).await;
                continue;
            };
            for entry in entries {
                self.heard(&entry);
                last = entry.id.to_string();
            }
        }
    }

    fn heard(&self, entry: &StreamEntry) {
        let Some(name) = entry.fields.get("fetch") else { return };
        let Some(waiting) = self.waiting().remove(name) else { return };
        waiting.send_replace(Some(Word::parse(entry.fields.get("word"))));
    }

    async fn release_ended(&self, mut ended: mpsc::UnboundedReceiver<Ended>) {
        while let Some(ended) = ended.recv().await {
            if let Err(error) = self.release(&ended).await {
                tracing::debug!(%error, "a lease for a fetch could not be released; it ends by itself");
            }
        }
    }

    /// First the lease, then the word: who hears it and asks for the lease finds it free. Where another has taken it over,
    /// whoever waits now waits for that one's word.
    async fn release(&self, ended: &Ended) -> Result<(), LinkError> {
        let mut get = cmd("GET");
        get.arg(&ended.name);
        let held = self.background.call(&get, BACKGROUND_DEADLINE).await?;
        // Between this look and the next command another may get the lease; losing it costs a fetch, nothing else.
        match from_redis_value::<Option<String>>(held).ok().flatten() {
            Some(held) if held != ended.value => return Ok(()),
            Some(_) => {
                let mut del = cmd("DEL");
                del.arg(&ended.name);
                self.background.call(&del, BACKGROUND_DEADLINE).await?;
            }
            None => {}
        }
        let fields = [("fetch", ended.name.clone()), ("word", ended.word.label().to_owned())];
        let word = streams::append(&self.options.names.fetched(), None::<EntryId>, Some(WORDS_MAX), &fields);
        self.background.call(&word, BACKGROUND_DEADLINE).await.map(drop)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Option<Word>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a lease while its holder fetches, as long as others would wait for that.
async fn renew(link: Arc<dyn Link>, name: String, wait: Duration) {
    let until = Instant::now() + wait;
    loop {
        sleep(RENEWAL).await;
        if Instant::now() >= until {
            return;
        }
        // Not SET: should another have taken it over, that stays so.
        let mut expire = cmd("PEXPIRE");
        expire.arg(&name).arg(millis(LEASE));
        // A lease that can't be renewed ends, which is what it is for.
        drop(link.call(&expire, BACKGROUND_DEADLINE).await);
    }
}

impl FetchLease {
    /// Notes that the answer is where the others find it.
    pub fn stored(&self) {
        let _ = self.word.set(Word::Stored);
    }

    /// Notes that the answer is for nobody else: whoever waits is to ask on their own once this is dropped.
    pub fn alone(&self) {
        let _ = self.word.set(Word::Alone);
    }
}

impl Drop for FetchLease {
    fn drop(&mut self) {
        self.renewal.abort();
        let word = self.word.get().copied().unwrap_or(Word::Nothing);
        let ended = Ended { name: std::mem::take(&mut self.name), value: std::mem::take(&mut self.value), word };
        if let Some(leases) = self.leases.upgrade() {
            // Nobody takes it any more once the instance ends; then the lease ends by itself.
            drop(leases.ended.send(ended));
        }
    }
}

/// One that waits for a word. Forgotten when it is dropped.
struct Listener<'a> {
    leases: &'a FetchLeases,
    name: &'a str,
    word: Option<watch::Receiver<Option<Word>>>,
}

impl<'a> Listener<'a> {
    fn of(leases: &'a FetchLeases, name: &'a str) -> Self {
        let mut waiting = leases.waiting();
        let sender = waiting.entry(name.to_owned()).or_insert_with(|| watch::Sender::new(None));
        Self { leases, name, word: Some(sender.subscribe()) }
    }

    /// Waits for it; without end where there will be none.
    async fn word(&mut self) -> Word {
        if let Some(word) = &mut self.word
            && let Ok(word) = word.wait_for(Option::is_some).await
            && let Some(word) = *word
        {
            return word;
        }
        std::future::pending().await
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.word = None;
        let mut waiting = self.leases.waiting();
        if waiting.get(self.name).is_some_and(watch::Sender::is_closed) {
            waiting.remove(self.name);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for FetchLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchLeases").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl fmt::Debug for FetchLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchLease").field("name", &self.name).field("value", &self.value).finish_non_exhaustive()
    }
}
