//! Path and host patterns.

/// A path pattern: `{name}` one segment, `{name...}` the rest, `*` and `**` as in globs.
#[derive(Debug, Clone)]
pub struct PathPattern {
    source: String,
}

impl PathPattern {
    /// The pattern as the operator wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// A host pattern, compared without regard to case.
#[derive(Debug, Clone)]
pub struct HostPattern {
    source: String,
}

impl HostPattern {
    /// The pattern as the operator wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}
