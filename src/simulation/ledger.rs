//! What is true, what was promised, and every answer that breaks a promise.

use super::bodies::{self, View};
use super::{COALESCE_WAIT, MINE};
use crate::engine::outcome::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// After trouble it takes so long at most until every lease and every wait of before is over.
pub(super) const AFTERMATH: Duration = Duration::from_secs(20);

/// How long a purge takes to reach every instance, while nothing is wrong.
pub(super) const PURGE_SPREADS: Duration = Duration::from_millis(500);

/// The truth of one simulation.
#[derive(Debug)]
pub(super) struct Ledger {
    born: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    versions: BTreeMap<String, u64>,
    /// The version that each instance has acknowledged, or all of them.
    promised: BTreeMap<(usize, String), u64>,
    promised_everywhere: BTreeMap<String, u64>,
    /// The version that each life of an instance alone has promised: of writes through it.
    promised_in_life: BTreeMap<((usize, u32), String), u64>,
    /// The life of each instance that was born again.
    lives: BTreeMap<usize, u32>,
    /// The version that each write has made, by its number.
    committed: BTreeMap<u64, u64>,
    /// The versions of everything when each write was done, by its number.
    seen_by_write: BTreeMap<u64, BTreeMap<String, u64>>,
    /// Until when fetches of a path may follow one another at any distance: something was written through Larder.
    restless: BTreeMap<String, Instant>,
    /// What was purged while the log could not be reached: the one instance that was asked holds such a purge alone, and so
    /// fetches beside the others until the log has a newer entry.
    unheard: BTreeSet<String>,
    /// Purges asked for so far, by path.
    purges: BTreeMap<String, u64>,
    fetches: Vec<UnderWay>,
    next_fetch: u64,
    origin_failures: u64,
    /// None while something is wrong.
    calm_from: Option<Instant>,
    violations: Vec<String>,
    trace: String,
}

#[derive(Debug)]
struct UnderWay {
    number: u64,
    instance: (usize, u32),
    /// The path, and the view if there is one.
    asked: String,
    purges: u64,
    began: Instant,
    is_current: bool,
}

/// A fetch that the origin works on. It is over when this is dropped.
pub(super) struct FetchUnderWay {
    ledger: Arc<Ledger>,
    number: u64,
}

/// What became of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is in the log.
    Logged,
    /// The log could not be reached: it holds at the instance that was asked.
    Refused,
}

impl Fate {
    pub(super) const fn of<T, E>(asked: &Result<T, E>) -> Self {
        if asked.is_ok() { Self::Logged } else { Self::Refused }
    }
}

/// What a request may rely on when it is made.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) instance: usize,
    pub(super) path: String,
    pub(super) user: String,
    /// What it asks for by its body.
    pub(super) view: View,
    least: u64,
    /// What the stamp that it presents wants at least.
    least_by_stamp: u64,
    at: Instant,
    origin_failures: u64,
}

impl Asked {
    /// The same, for a view.
    pub(super) fn by_body(self, view: View) -> Self {
        Self { view, ..self }
    }

    /// The same, with a stamp that comes after this version.
    pub(super) fn since_stamp(self, least_by_stamp: u64) -> Self {
        Self { least_by_stamp, ..self }
    }
}

impl Ledger {
    pub(super) fn new(born: Instant) -> Arc<Self> {
        // Instances begin without proof of anything, which is trouble enough.
        let state = State { calm_from: Some(born + AFTERMATH), ..State::default() };
        Arc::new(Self { born, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what happens, for who compares or debugs runs.
    pub(super) fn note(&self, what: &str) {
        let at = self.born.elapsed().as_micros();
        // Writing to a string does not fail.
        let _ = writeln!(self.state().trace, "{at:>12} {what}");
    }

    pub(super) fn trace(&self) -> String {
        self.state().trace.clone()
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    fn violated(&self, invariant: u8, what: &str) {
        self.note(&format!("INVARIANT {invariant}: {what}"));
        self.state().violations.push(format!("invariant {invariant}: {what}"));
    }

    /// Something is wrong from now on.
    pub(super) fn trouble(&self) {
        self.state().calm_from = None;
    }

    /// Nothing is wrong any more.
    pub(super) fn mended(&self) {
        self.state().calm_from = Some(Instant::now() + AFTERMATH);
    }

    pub(super) fn version(&self, path: &str) -> u64 {
        self.state().versions.get(path).copied().unwrap_or_default()
    }

    /// The shop changes something: what is to be purged next.
    pub(super) fn write(&self, path: &str) -> u64 {
        self.purge_begins(path);
        let mut state = self.state();
        let version = state.versions.entry(path.to_owned()).or_default();
        *version += 1;
        *version
    }

    /// A purge that may take `path` is asked for.
    pub(super) fn purge_begins(&self, path: &str) {
        let mut state = self.state();
        *state.purges.entry(path.to_owned()).or_default() += 1;
        // Until all have applied it, who has asks beside who has not.
        let until = Instant::now() + PURGE_SPREADS;
        let restless = state.restless.entry(path.to_owned()).or_insert(until);
        *restless = until.max(*restless);
    }

    /// An instance has died, and lives anew.
    pub(super) fn reborn(&self, instance: (usize, u32)) {
        self.state().lives.insert(instance.0, instance.1);
    }

    /// An instance has acknowledged the purge for a version.
    pub(super) fn promise(&self, instance: usize, path: &str, version: u64) {
        let mut state = self.state();
        let promised = state.promised.entry((instance, path.to_owned())).or_default();
        *promised = version.max(*promised);
    }

    /// A receipt was complete.
    pub(super) fn promise_everywhere(&self, path: &str, version: u64) {
        let mut state = self.state();
        let promised = state.promised_everywhere.entry(path.to_owned()).or_default();
        *promised = version.max(*promised);
    }

    /// A purge of `path` is over.
    pub(super) fn purge_ends(&self, path: &str, fate: Fate) {
        let mut state = self.state();
        *state.purges.entry(path.to_owned()).or_default() += 1;
        match fate {
            Fate::Refused => drop(state.unheard.insert(path.to_owned())),
            Fate::Logged => {
                let unheard = std::mem::take(&mut state.unheard);
                drop(state);
                for path in &unheard {
                    self.purge_begins(path);
                }
            }
        }
    }

    /// The shop has done a write that came through an instance.
    pub(super) fn commit(&self, path: &str, number: u64) {
        let version = self.write(path);
        self.note(&format!("write {number}: {path} is {version} now"));
        let mut state = self.state();
        // It changes what it does not name, too: nothing is purged for that, and only its stamp tells.
        state.versions.iter_mut().filter(|(other, _)| *other != path).for_each(|(_, version)| *version += 1);
        let versions = state.versions.clone();
        state.seen_by_write.insert(number, versions);
        // Where the log can't be reached, what a write invalidates is only as good as its instance's own memory.
        if state.calm_from.is_some() {
            state.committed.insert(number, version);
        } else {
            state.unheard.insert(path.to_owned());
        }
        state.restless.insert(path.to_owned(), Instant::now() + AFTERMATH);
    }

    /// The versions of everything when a write was done.
    pub(super) fn seen_by_write(&self, number: u64) -> Option<BTreeMap<String, u64>> {
        self.state().seen_by_write.get(&number).cloned()
    }

    /// For a while fetches of a path may follow one another at any distance.
    pub(super) fn unsettle(&self, path: &str) {
        self.state().restless.insert(path.to_owned(), Instant::now() + AFTERMATH);
    }

    /// A write through an instance has come to its end, whether or not its client waited for it.
    pub(super) fn write_ended(&self, instance: (usize, u32), path: &str, number: u64) {
        let mut state = self.state();
        let Some(version) = state.committed.get(&number).copied() else { return };
        let promised = state.promised_in_life.entry((instance, path.to_owned())).or_default();
        *promised = version.max(*promised);
    }

    pub(super) fn asked(&self, instance: (usize, u32), path: &str, user: &str) -> Asked {
        let state = self.state();
        let here = state.promised.get(&(instance.0, path.to_owned())).copied().unwrap_or_default();
        let everywhere = state.promised_everywhere.get(path).copied().unwrap_or_default();
        let in_life = state.promised_in_life.get(&(instance, path.to_owned())).copied().unwrap_or_default();
        // Whoever has died hears of no purge any more, and is asked only by those who had it in hand.
        let is_alive = state.lives.get(&instance.0).copied().unwrap_or_default() == instance.1;
        let least = if is_alive { here.max(everywhere).max(in_life) } else { in_life };
        let (path, user, at) = (path.to_owned(), user.to_owned(), Instant::now());
        let (view, least_by_stamp, origin_failures) = (None, 0, state.origin_failures);
        Asked { instance: instance.0, path, user, view, least, least_by_stamp, at, origin_failures }
    }

    pub(super) fn origin_failed(&self) {
        self.state().origin_failures += 1;
    }

    /// Checks an answer: invariants 1, 4, 5 and 10.
    pub(super) fn answered(&self, asked: &Asked, outcome: Outcome, body: Option<&str>, origin_slowest: Duration) {
        let Asked { instance, path, user, least, .. } = asked;
        let took = asked.at.elapsed();
        self.note(&format!("instance {instance} answers {user} on {path}: {} {body:?}", outcome.label()));
        let Some(body) = body else {
            if self.state().origin_failures == asked.origin_failures {
                self.violated(5, &format!("{path} at {instance}: an error that the origin did not give"));
            }
            return;
        };
        let Some(body) = bodies::told(body, asked.view) else {
            self.violated(4, &format!("{path} at {instance}: {body:?} is not the answer to view {:?}", asked.view));
            return;
        };
        if path.starts_with(MINE) {
            if body != user {
                self.violated(4, &format!("{path} at {instance}: {user} was given what is {body}'s"));
            }
        } else if outcome != Outcome::Stale && body.parse::<u64>().unwrap_or_default() < *least {
            let outcome = outcome.label();
            self.violated(1, &format!("{path} at {instance}: {outcome} of {body} after {least} was acknowledged"));
        }
        if !path.starts_with(MINE) && body.parse::<u64>().unwrap_or_default() < asked.least_by_stamp {
            let (outcome, least) = (outcome.label(), asked.least_by_stamp);
            self.violated(10, &format!("{path} at {instance}: {outcome} of {body} to a stamp of {least}"));
        }
        // A few operations with their deadlines, the wait for another's fetch, and the origin itself, twice.
        let slowest = COALESCE_WAIT * 4 + origin_slowest * 4 + Duration::from_secs(1);
        if took > slowest {
            self.violated(5, &format!("{path} at {instance}: took {took:?}"));
        }
    }

    /// A command was sent to Redis while requests knew that it is away, and took so long: invariant 5.
    pub(super) fn waited_in_window(&self, instance: usize, took: Duration) {
        if !took.is_zero() {
            self.violated(5, &format!("instance {instance}: waited {took:?} for a Redis that is known to be away"));
        }
    }

    /// A request was not answered at all.
    pub(super) fn stranded(&self, asked: &Asked) {
        self.violated(2, &format!("{} at {}: a request has no end", asked.path, asked.instance));
    }

    /// Checks a fetch that begins: invariant 2.
    pub(super) fn fetch_begins(
        self: &Arc<Self>,
        instance: (usize, u32),
        (path, view): (&str, View),
        is_current: bool,
    ) -> FetchUnderWay {
        let asked = bodies::named(path, view);
        self.note(&format!("instance {} asks for {asked}", instance.0));
        let mut broken = None;
        let mut state = self.state();
        let purges = state.purges.get(path).copied().unwrap_or_default();
        let is_calm = state.calm_from.is_some_and(|from| from < Instant::now());
        // What is each user's own is asked for by each.
        let others = state.fetches.iter().filter(|other| other.asked == asked && !path.starts_with(MINE));
        let is_restless = state.restless.get(path).is_some_and(|until| *until >= Instant::now());
        let is_calm = is_calm && !is_restless && !state.unheard.contains(path);
        for other in others {
            let is_separate = other.purges != purges || other.began.elapsed() >= COALESCE_WAIT;
            let is_here = other.instance == instance;
            if !is_separate && is_here && is_current && other.is_current && is_calm {
                broken = Some(format!("{asked}: two fetches at once by instance {}", instance.0));
            } else if !is_separate && is_calm && is_current && other.is_current {
                broken = Some(format!("{asked}: fetched at once by {} and {}", other.instance.0, instance.0));
            }
        }
        let number = state.next_fetch;
        state.next_fetch += 1;
        let began = Instant::now();
        state.fetches.push(UnderWay { number, instance, asked, purges, began, is_current });
        drop(state);
        if let Some(broken) = broken {
            self.violated(2, &broken);
        }
        FetchUnderWay { ledger: Arc::clone(self), number }
    }
}

impl Drop for FetchUnderWay {
    fn drop(&mut self) {
        self.ledger.state().fetches.retain(|fetch| fetch.number != self.number);
    }
}
