//! The rules in force, and reading them anew while running.
//!
//! One mutex holds the status and is held for a whole reload, so that two reloads never put their rules in force out
//! of order. Nothing awaits inside it; a reload reads files, so async callers send it to a blocking thread.

use super::Config;
use super::problem::{ConfigErrors, Problem, ProblemReport};
use super::rules_file::{LoadedRules, Pools, check_rules_text_for, read_sources, resolve_rules};
use crate::clock::{Clock, Timestamp};
use crate::metric::{Measured, Metric, Samples};
use crate::rules::RuleSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

const RULES_RELOADS: Metric = Metric::counter("larder_rules_reload_total", &["result"], "Attempts to load rules.");
const RULES_REJECTED: Metric =
    Metric::gauge("larder_rules_rejected", &[], "1 while newer rules than those in force stand rejected.");
const CONFIGURATION_REJECTED: Metric = Metric::gauge(
    "larder_configuration_rejected",
    &[],
    "1 while the last proxy.toml that a reload has read stands rejected.",
);
const CONFIGURATION_WAITING: Metric = Metric::gauge(
    "larder_configuration_waiting",
    &[],
    "Keys of proxy.toml that have changed and are in force after a restart.",
);

/// The metrics of the rules.
pub(crate) const METRICS: &[&Metric] =
    &[&RULES_RELOADS, &RULES_REJECTED, &CONFIGURATION_REJECTED, &CONFIGURATION_WAITING];

/// What is in force and what was refused since.
#[derive(Debug, Clone)]
pub struct RulesStatus {
    /// The files in force and their texts.
    pub sources: Arc<[(PathBuf, String)]>,
    /// What hardly means what it says.
    pub warnings: Vec<ProblemReport>,
    /// When they were put in force.
    pub loaded_at: Timestamp,
    /// The newer rules that could not be, if any.
    pub rejected: Option<RejectedRules>,
    /// The newer `proxy.toml` that could not be, if any.
    pub configuration_rejected: Option<RejectedRules>,
    /// The keys of `proxy.toml` that have changed since the start and are in force after a restart.
    pub waiting: Vec<String>,
}

/// `proxy.toml` as it was read again and judged, not in force yet.
pub(crate) struct Pending {
    /// The pools that rules may name by it.
    pub(crate) pools: Pools,
    /// Puts in force what needs no restart.
    pub(crate) apply: Box<dyn FnOnce() -> Reconfigured + Send>,
}

/// What came of a `proxy.toml` that was put in force.
#[derive(Debug, Default)]
pub(crate) struct Reconfigured {
    /// The keys that have changed since the start and are in force after a restart.
    pub(crate) waiting: Vec<String>,
    /// What is to be said of it.
    pub(crate) said: Vec<ProblemReport>,
}

/// Reads `proxy.toml` again and judges it, without putting it in force.
type ReadConfiguration = dyn Fn() -> Result<Pending, ConfigErrors> + Send + Sync;

/// Rules, or a `proxy.toml`, that never came into force.
#[derive(Debug, Clone)]
pub struct RejectedRules {
    /// When they were read.
    pub at: Timestamp,
    /// Why.
    pub errors: ConfigErrors,
}

/// What a check for changes found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The files say what they said at the last reading, good or bad.
    None,
    /// Other rules are in force now.
    Applied,
}

/// Reads the rules anew, puts them in force, and logs what became of it.
pub struct RulesReloader {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    apply: Box<dyn Fn(RuleSet) + Send + Sync>,
    /// What is read anew whenever a reload is asked for.
    others: Box<dyn Fn() + Send + Sync>,
    /// `None` if `proxy.toml` is not read again.
    configuration: OnceLock<Box<ReadConfiguration>>,
    state: Mutex<State>,
}

struct State {
    status: RulesStatus,
    /// The pools that rules may name.
    pools: Pools,
    /// The texts last read, whatever became of them; `None` if they could not be read.
    seen: Option<Arc<[(PathBuf, String)]>>,
    /// How often rules were put in force, at the start too, and how often they were refused.
    accepted: u64,
    refused: u64,
}

impl State {
    /// Puts a `proxy.toml` in force. What is to be said of it is returned.
    fn reconfigure(&mut self, Pending { pools, apply }: Pending) -> Vec<ProblemReport> {
        let Reconfigured { waiting, said } = apply();
        self.pools = pools;
        self.status.configuration_rejected = None;
        self.status.waiting = waiting;
        said
    }
}

impl std::fmt::Debug for RulesReloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RulesReloader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Measured for RulesReloader {
    fn sample(&self, samples: &mut Samples) {
        let State { status, accepted, refused, .. } = &*self.lock();
        samples.numbers(&RULES_RELOADS, &[], [("accepted", *accepted), ("refused", *refused)]);
        samples.number(&RULES_REJECTED, &[], u64::from(status.rejected.is_some()));
        samples.number(&CONFIGURATION_REJECTED, &[], u64::from(status.configuration_rejected.is_some()));
        samples.number(&CONFIGURATION_WAITING, &[], status.waiting.len() as u64);
    }
}

impl RulesReloader {
    /// Where the rules are: a file or a folder, as the file system names it.
    pub(crate) fn place(&self) -> String {
        self.path.canonicalize().unwrap_or_else(|_| self.path.clone()).display().to_string()
    }

    /// For the rules at `path`, of which these were put in force at the start. `apply` puts other ones in force; it is
    /// called only with rules that resolve.
    pub fn new(
        path: &Path,
        warnings: &[Problem],
        sources: Vec<(PathBuf, String)>,
        clock: Arc<dyn Clock>,
        apply: impl Fn(RuleSet) + Send + Sync + 'static,
    ) -> Self {
        let sources: Arc<[_]> = sources.into();
        let status = RulesStatus {
            sources: Arc::clone(&sources),
            warnings: warnings.iter().map(Problem::report).collect(),
            loaded_at: clock.now(),
            rejected: None,
            configuration_rejected: None,
            waiting: Vec::new(),
        };
        status.warnings.iter().for_each(ProblemReport::log);
        let state = Mutex::new(State { status, pools: Pools::Any, seen: Some(sources), accepted: 1, refused: 0 });
        Self {
            path: path.to_owned(),
            clock,
            apply: Box::new(apply),
            others: Box::new(|| ()),
            configuration: OnceLock::new(),
            state,
        }
    }

    /// The same for rules that may name the pools of this configuration only.
    #[must_use]
    pub fn within(self, config: &Config) -> Self {
        self.lock().pools = config.pools();
        self
    }

    /// The same, with what else is read anew whenever a reload is asked for.
    #[must_use]
    pub(crate) fn with(self, others: impl Fn() + Send + Sync + 'static) -> Self {
        Self { others: Box::new(others), ..self }
    }

    /// From now on a reload that is asked for is one of `proxy.toml`, too, which `read` reads.
    pub(crate) fn read_with_rules(&self, read: impl Fn() -> Result<Pending, ConfigErrors> + Send + Sync + 'static) {
        let _ = self.configuration.set(Box::new(read));
    }

    /// Resolves the text of one rules file by itself, without putting it in force.
    ///
    /// # Errors
    /// Where the text holds problems: all of them.
    pub fn check(&self, text: &str) -> Result<LoadedRules, ConfigErrors> {
        check_rules_text_for(text, &self.lock().pools)
    }

    /// What is in force and what was refused since.
    #[must_use]
    pub fn status(&self) -> RulesStatus {
        self.lock().status.clone()
    }

    /// Reads `proxy.toml` and the rules and puts them in force, changed or not. The warnings are those of `proxy.toml`, then those
    /// of the rules.
    ///
    /// # Errors
    /// Where one of them doesn't resolve: then neither is put in force, and the status reports the refusal.
    pub fn reload(&self) -> Result<RulesStatus, ConfigErrors> {
        (self.others)();
        let mut state = self.lock();
        let pending = match self.configuration.get().map(|read| read()).transpose() {
            Ok(pending) => pending,
            Err(errors) => {
                tracing::error!(
                    "the new configuration has errors and is not used; the instance keeps the one that it has:\n{errors}"
                );
                state.status.configuration_rejected = Some(self.rejected(&errors));
                return Err(errors);
            }
        };
        let sources = self.read(&state);
        let said = self.take(&mut state, sources, pending)?;
        let mut status = state.status.clone();
        status.warnings.splice(0..0, said);
        Ok(status)
    }

    fn rejected(&self, errors: &ConfigErrors) -> RejectedRules {
        RejectedRules { at: self.clock.now(), errors: errors.clone() }
    }

    /// Reads the rules and puts them in force if their text is another than at the last reading.
    ///
    /// # Errors
    /// Where they are other ones and don't resolve.
    pub fn reload_if_changed(&self) -> Result<Change, ConfigErrors> {
        let mut state = self.lock();
        let sources = self.read(&state);
        match (&sources, &state.seen) {
            (Ok(read), Some(seen)) if read[..] == seen[..] => Ok(Change::None),
            (Err(_), None) => Ok(Change::None),
            _ => self.take(&mut state, sources, None).map(|_| Change::Applied),
        }
    }

    /// The texts as they are now. Where there have never been any, there need not be any now.
    fn read(&self, state: &State) -> Result<Vec<(PathBuf, String)>, ConfigErrors> {
        if state.status.sources.is_empty() && !self.path.exists() {
            return Ok(Vec::new());
        }
        read_sources(&self.path)
    }

    /// Puts these rules in force, and before them the `proxy.toml` that goes with them, whose warnings are returned.
    fn take(
        &self,
        state: &mut State,
        sources: Result<Vec<(PathBuf, String)>, ConfigErrors>,
        pending: Option<Pending>,
    ) -> Result<Vec<ProblemReport>, ConfigErrors> {
        state.seen = sources.as_ref().ok().map(|sources| sources.clone().into());
        let pools = pending.as_ref().map_or(&state.pools, |pending| &pending.pools);
        let resolved = sources.and_then(|sources| resolve_rules(&self.path, sources, pools));
        match resolved.and_then(|rules| self.not_emptied(state, rules)) {
            Ok(LoadedRules { rule_set, warnings, sources }) => {
                let said = pending.map(|pending| state.reconfigure(pending)).unwrap_or_default();
                (self.apply)(rule_set);
                state.accepted += 1;
                state.status = RulesStatus {
                    configuration_rejected: state.status.configuration_rejected.take(),
                    waiting: std::mem::take(&mut state.status.waiting),
                    sources: sources.into(),
                    warnings: warnings.iter().map(Problem::report).collect(),
                    loaded_at: self.clock.now(),
                    rejected: None,
                };
                tracing::info!(path = %self.path.display(), "the rules were reloaded");
                state.status.warnings.iter().for_each(ProblemReport::log);
                Ok(said)
            }
            Err(errors) => {
                tracing::error!("the new rules have errors; the rules in force stay:\n{errors}");
                state.refused += 1;
                state.status.rejected = Some(self.rejected(&errors));
                Err(errors)
            }
        }
    }

    /// Rules without a route in place of rules with some are no rules: a file that was truncated, or the last one of a
    /// folder that was deleted, must not switch the cache off.
    fn not_emptied(&self, state: &State, rules: LoadedRules) -> Result<LoadedRules, ConfigErrors> {
        let had_routes = || {
            let before = state.status.sources.to_vec();
            resolve_rules(&self.path, before, &state.pools).is_ok_and(|before| !before.rule_set.routes().is_empty())
        };
        if !rules.rule_set.routes().is_empty() || !had_routes() {
            return Ok(rules);
        }
        let message = format!("there is no route left in `{}`", self.path.display());
        let hint = "to cache nothing, say so: `[[route]]` with `path = \"/**\"` and `cache = false`";
        Err(ConfigErrors::one(Problem::without_place(&message, Some(hint))))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole at every moment, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
