//! The rules' keeper as the admin API sees it.

use crate::clock::Timestamp;
use serde::Serialize;

/// Keeps the rules: loads, checks and replaces them.
#[async_trait::async_trait]
pub trait RulesControl: Send + Sync + 'static {
    /// Where the rules in force come from, and what stands rejected.
    fn in_force(&self) -> RulesInForce;

    /// What there is to say of a rules file with this text. It is valid where nothing is an error. Changes nothing.
    fn check(&self, text: &str) -> Vec<RulesDiagnostic>;

    /// Reads the rules anew and puts them in force, if they are good.
    ///
    /// # Errors
    /// Where they are not; the rules in force stay.
    async fn reload(&self) -> Result<Reloaded, Vec<RulesDiagnostic>>;
}

/// Where the rules in force come from.
#[derive(Debug, Clone, Default)]
pub struct RulesInForce {
    /// When they were put in force.
    pub loaded_at: Timestamp,
    /// The files, in the order in which they were read.
    pub files: Vec<RulesFile>,
    /// Newer ones that were refused, if any.
    pub rejected: Option<RejectedRules>,
}

/// One rules file.
#[derive(Debug, Clone, Serialize)]
pub struct RulesFile {
    /// Its path as configured.
    pub path: String,
    /// Its text when it was read.
    pub text: String,
}

/// Rules that were refused.
#[derive(Debug, Clone)]
pub struct RejectedRules {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub diagnostics: Vec<RulesDiagnostic>,
}

/// What a successful reload did.
#[derive(Debug, Clone, Default)]
pub struct Reloaded {
    /// Things to mend that do not stand in the way.
    pub warnings: Vec<RulesDiagnostic>,
}

/// How grave a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The rules are refused.
    Error,
    /// The rules work, but not as meant.
    Warning,
}

/// One thing to say of a rules file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RulesDiagnostic {
    /// How grave it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// In which file, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// In which line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// In which column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What stands there, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl RulesDiagnostic {
    /// One that stands nowhere in a file.
    pub(crate) fn of(severity: Severity, message: String) -> Self {
        Self { severity, message, file: None, line: None, column: None, value: None, hint: None }
    }
}
