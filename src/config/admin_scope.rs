//! The kinds of calls of the admin API, by which tokens are distinguished.

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum May {
    /// Whatever changes nothing.
    Read,
    /// Purge, by whichever call.
    Purge,
    /// Send events.
    Events,
    /// Warm, and cancel jobs.
    Warm,
    /// Reload the rules, and put others beside them.
    Rules,
    /// Set and end incident switches.
    Switch,
    /// Take servers out and in.
    Upstreams,
    /// All of these.
    All,
}

impl May {
    /// Its name in the configuration.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Purge => "purge",
            Self::Events => "events",
            Self::Warm => "warm",
            Self::Rules => "rules",
            Self::Switch => "switch",
            Self::Upstreams => "upstreams",
            Self::All => "all",
        }
    }
}
