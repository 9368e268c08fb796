//! The rules' keeper: what the admin API, signals and the file watcher ask to reload the rules.

use crate::admin::rules_control::{
    RejectedRules, Reloaded, RulesControl, RulesDiagnostic, RulesFile, RulesInForce, Severity,
};
use crate::config::problem::{self, ProblemReport};
use crate::config::reload::{Change, RulesReloader, RulesStatus};
use crate::config::{ConfigErrors, check_rules_text};
use crate::metrics::sources::RulesUsage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reloads rules, logs what became of it, and counts.
#[derive(Debug)]
pub(super) struct RulesKeeper {
    reloader: RulesReloader,
    accepted: AtomicU64,
    refused: AtomicU64,
}

impl RulesKeeper {
    /// The rules at the start count as accepted.
    pub(super) fn new(reloader: RulesReloader) -> Arc<Self> {
        log_warnings(&reloader.status().warnings);
        Arc::new(Self { reloader, accepted: AtomicU64::new(1), refused: AtomicU64::new(0) })
    }

    /// Reads the rules and puts them in force, changed or not. Blocks on the file system.
    pub(super) fn reload_now(&self) -> Result<RulesStatus, ConfigErrors> {
        let result = self.reloader.reload();
        match &result {
            Ok(_) => self.note_accepted(),
            Err(errors) => self.note_refused(errors),
        }
        result
    }

    /// Reads the rules and puts them in force if the files changed. Blocks on the file system.
    pub(super) fn reload_if_changed(&self) {
        match self.reloader.reload_if_changed() {
            Ok(Change::None) => {}
            Ok(Change::Applied) => self.note_accepted(),
            Err(errors) => self.note_refused(&errors),
        }
    }

    /// What became of the attempts so far.
    pub(super) fn usage(&self) -> RulesUsage {
        RulesUsage {
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            rejected_now: u64::from(self.reloader.status().rejected.is_some()),
        }
    }

    fn note_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        tracing::info!(path = %self.reloader.path().display(), "the rules were reloaded");
        log_warnings(&self.reloader.status().warnings);
    }

    fn note_refused(&self, errors: &ConfigErrors) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        tracing::error!("the new rules were refused, the old ones stay in force:\n{errors}");
    }
}

#[async_trait::async_trait]
impl RulesControl for Arc<RulesKeeper> {
    fn in_force(&self) -> RulesInForce {
        let status = self.reloader.status();
        let file = |(path, text): &(std::path::PathBuf, String)| RulesFile {
            path: path.display().to_string(),
            text: text.clone(),
        };
        RulesInForce {
            loaded_at: status.loaded_at,
            files: status.sources.iter().map(file).collect(),
            rejected: status
                .rejected
                .map(|rejected| RejectedRules { at: rejected.at, diagnostics: diagnostics(rejected.errors.reports()) }),
        }
    }

    fn check(&self, text: &str) -> Vec<RulesDiagnostic> {
        match check_rules_text(text) {
            Ok(loaded) => diagnostics(loaded.warnings.iter().map(problem::Problem::report).collect()),
            Err(errors) => diagnostics(errors.reports()),
        }
    }

    async fn reload(&self) -> Result<Reloaded, Vec<RulesDiagnostic>> {
        let keeper = Self::clone(self);
        match tokio::task::spawn_blocking(move || keeper.reload_now()).await {
            Ok(Ok(status)) => Ok(Reloaded { warnings: diagnostics(status.warnings) }),
            Ok(Err(errors)) => Err(diagnostics(errors.reports())),
            Err(error) => Err(vec![RulesDiagnostic {
                severity: Severity::Error,
                message: format!("reading the rules failed: {error}"),
                file: None,
                line: None,
                column: None,
                value: None,
                hint: None,
            }]),
        }
    }
}

/// Logs what `larder check` would print.
pub(super) fn log_warnings(warnings: &[ProblemReport]) {
    for ProblemReport { file, line, message, hint, .. } in warnings {
        let place = file.as_ref().map(|file| format!("{file}:{}", line.unwrap_or_default()));
        let (place, hint) =
            (place.as_deref().map(tracing::field::display), hint.as_deref().map(tracing::field::display));
        tracing::warn!(place, hint, "{message}");
    }
}

fn diagnostics(reports: Vec<ProblemReport>) -> Vec<RulesDiagnostic> {
    let diagnostic = |report: ProblemReport| RulesDiagnostic {
        severity: match report.severity {
            problem::Severity::Error => Severity::Error,
            problem::Severity::Warning => Severity::Warning,
        },
        message: report.message,
        file: report.file,
        line: report.line,
        column: report.column,
        value: report.value,
        hint: report.hint,
    };
    reports.into_iter().map(diagnostic).collect()
}
