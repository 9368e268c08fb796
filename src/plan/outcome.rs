//! What became of a request.

/// The outcome label of metrics and log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered from the cache, fresh.
    Hit,
    /// Answered from the cache, stale.
    Stale,
    /// Answered from the cache after the origin confirmed it.
    Revalidated,
    /// Fetched.
    Miss,
    /// Shared another request's fetch.
    Collapsed,
    /// A cacheable route, passed by.
    Bypass,
    /// No cacheable route.
    Pass,
    /// Sent to TLS.
    Redirect,
    /// Larder's own error.
    Error,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 9] = [
        Self::Hit,
        Self::Stale,
        Self::Revalidated,
        Self::Miss,
        Self::Collapsed,
        Self::Bypass,
        Self::Pass,
        Self::Redirect,
        Self::Error,
    ];

    /// The stable label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Miss => "miss",
            Self::Collapsed => "collapsed",
            Self::Bypass => "bypass",
            Self::Pass => "pass",
            Self::Redirect => "redirect",
            Self::Error => "error",
        }
    }

    /// One sentence for people.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Hit => "Answered from the cache, fresh.",
            Self::Stale => "Answered from the cache, stale.",
            Self::Revalidated => "Answered from the cache after the origin confirmed it.",
            Self::Miss => "Fetched.",
            Self::Collapsed => "Shared another request's fetch.",
            Self::Bypass => "A cacheable route, passed by.",
            Self::Pass => "No cacheable route.",
            Self::Redirect => "Sent to TLS.",
            Self::Error => "Larder's own error.",
        }
    }
}
