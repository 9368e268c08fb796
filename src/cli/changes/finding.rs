//! What is missing in a database, and how that is said.

use crate::cli::client::print;
use serde_json::json;

/// Something that is not as it should be.
pub(super) struct Finding {
    weight: Weight,
    what: String,
    sql: String,
}

/// How much it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Changes are not read, or not all.
    Missing,
    /// They are read, but more is purged than must be, or the disk may fill up.
    Warning,
}

impl Weight {
    const fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Warning => "warning",
        }
    }
}

pub(super) fn finding(weight: Weight, what: impl Into<String>, sql: impl Into<String>) -> Finding {
    Finding { weight, what: what.into(), sql: sql.into() }
}

/// Prints what was found.
///
/// # Errors
/// Where something is missing.
pub(super) fn report(findings: &[Finding], as_json: bool) -> anyhow::Result<()> {
    let missing = findings.iter().filter(|finding| finding.weight == Weight::Missing).count();
    if as_json {
        let said = |found: &Finding| json!({"kind": found.weight.label(), "what": found.what, "sql": found.sql});
        let all: Vec<_> = findings.iter().map(said).collect();
        print(&json!({"complete": missing == 0, "findings": all}).to_string())?;
    } else {
        for Finding { weight, what, sql } in findings {
            print(&format!("{}: {what}\n  {sql}", weight.label()))?;
        }
        if missing == 0 {
            print("the database has what the rules need")?;
        }
    }
    anyhow::ensure!(missing == 0, "the database lacks {missing} of what the rules need");
    Ok(())
}
