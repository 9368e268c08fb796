//! The rules' keeper: what the admin API, signals and the file watcher ask to reload the rules.

use super::certificates::CertificateKeeper;
use super::restart_notice::RestartNotice;
use crate::admin::rules_control::{
    RejectedRules, Reloaded, RulesControl, RulesDiagnostic, RulesFile, RulesInForce, Severity,
};
use crate::config::ConfigErrors;
use crate::config::problem::{self, ProblemReport};
use crate::config::reload::{Change, RulesReloader, RulesStatus};
use crate::metric::{Measured, Samples};
use std::sync::{Arc, OnceLock};

/// Reloads rules and logs what became of it.
#[derive(Debug)]
pub(super) struct RulesKeeper {
    reloader: RulesReloader,
    certificates: Arc<CertificateKeeper>,
    /// What is told of `proxy.toml` with each reload that is asked for; none where there is no such file.
    notice: OnceLock<Arc<RestartNotice>>,
}

impl RulesKeeper {
    /// Logs what the rules at the start warn of.
    pub(super) fn new(reloader: RulesReloader, certificates: Arc<CertificateKeeper>) -> Arc<Self> {
        log_warnings(&reloader.status().warnings);
        Arc::new(Self { reloader, certificates, notice: OnceLock::new() })
    }

    /// From now on reloads tell of `proxy.toml`, too.
    pub(super) fn tell_of(&self, notice: RestartNotice) {
        let _ = self.notice.set(Arc::new(notice));
    }

    /// Looks at `proxy.toml`, and says what of it is not in force.
    fn look_at_configuration(&self) -> Vec<RulesDiagnostic> {
        let said = self.notice.get().map(|notice| notice.log()).unwrap_or_default();
        said.into_iter().map(|message| RulesDiagnostic::of(Severity::Warning, message)).collect()
    }

    /// As a signal asks for: all that became of it is in the log.
    pub(super) fn reload_all(&self) {
        self.look_at_configuration();
        drop(self.reload_now());
    }

    /// Reads the rules and puts them in force, changed or not, and the certificates too. Blocks on the file system.
    pub(super) fn reload_now(&self) -> Result<RulesStatus, ConfigErrors> {
        self.certificates.reload();
        let result = self.reloader.reload();
        match &result {
            Ok(_) => self.note_accepted(),
            Err(errors) => Self::note_refused(errors),
        }
        result
    }

    /// Reads the rules and puts them in force if the files changed. Blocks on the file system.
    pub(super) fn reload_if_changed(&self) {
        match self.reloader.reload_if_changed() {
            Ok(Change::None) => {}
            Ok(Change::Applied) => self.note_accepted(),
            Err(errors) => Self::note_refused(&errors),
        }
    }

    fn note_accepted(&self) {
        tracing::info!(path = %self.reloader.path().display(), "the rules were reloaded");
        log_warnings(&self.reloader.status().warnings);
    }

    fn note_refused(errors: &ConfigErrors) {
        tracing::error!("the new rules were refused, the old ones stay in force:\n{errors}");
    }
}

impl Measured for RulesKeeper {
    fn sample(&self, samples: &mut Samples) {
        self.reloader.sample(samples);
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
        match self.reloader.check(text) {
            Ok(loaded) => diagnostics(loaded.warnings.iter().map(problem::Problem::report).collect()),
            Err(errors) => diagnostics(errors.reports()),
        }
    }

    async fn reload(&self) -> Result<Reloaded, Vec<RulesDiagnostic>> {
        let keeper = Self::clone(self);
        let reload = move || (keeper.look_at_configuration(), keeper.reload_now());
        match tokio::task::spawn_blocking(reload).await {
            Ok((mut warnings, Ok(status))) => {
                warnings.extend(diagnostics(status.warnings));
                Ok(Reloaded { warnings })
            }
            Ok((_, Err(errors))) => Err(diagnostics(errors.reports())),
            Err(error) => Err(vec![RulesDiagnostic::of(Severity::Error, format!("reading the rules failed: {error}"))]),
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
