//! What became of one cluster of URLs: a route that is proposed, or why it is left out.

use super::lifetime::Lifetime;
use super::sequences::Findings;
use super::swings::Swings;

/// A route that is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposed {
    /// What of its requests counts.
    pub(super) cookies: Vec<String>,
    pub(super) headers: Vec<String>,
    /// Cookies and headers whose bearers pass the cache by.
    pub(super) bypass_cookies: Vec<String>,
    pub(super) bypass_headers: Vec<String>,
    /// Parameters that never change the answer.
    pub(super) dropped: Vec<Dropped>,
    pub(super) lifetime: Lifetime,
    pub(super) findings: Findings,
    /// How many requests would pass the cache by.
    pub(super) bypassed: usize,
}

/// A parameter that never changes the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) name: String,
    /// How many pairs of answers differed in it and were the same.
    pub(super) same: usize,
}

/// Why no route is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// It would match too much.
    FirstSegmentVaries,
    /// It looks like a check of health, or like numbers of now.
    LooksLikeCheck,
    TooFewClients {
        clients: usize,
        wanted: usize,
    },
    TooFewAnswers {
        answers: usize,
        wanted: usize,
    },
    /// No two answers could be compared.
    NotCompared {
        same: usize,
        wanted: usize,
    },
    /// Answers set a cookie.
    SetsCookie {
        answers: usize,
        of: usize,
    },
    /// Answers are `private`, `no-store`, `no-cache` or `max-age=0`.
    Kept {
        answers: usize,
        of: usize,
    },
    VariesByAll,
    /// Answers depend on something that is neither in the URL nor a cookie or header that was found.
    Differs {
        returned: usize,
        of: usize,
        worst: Option<(usize, usize)>,
    },
    /// Answers go back and forth, with time or by who asks.
    Undecided {
        returned: usize,
        of: usize,
        swings: Swings,
    },
    /// Answers change with the client's address, or a name that is not to be shown.
    DependsOnClient {
        changed: usize,
        of: usize,
    },
    ChangesTooOften {
        changed: usize,
        of: usize,
    },
}

impl LeftOut {
    /// The stable label.
    pub(super) const fn label(&self) -> &'static str {
        match self {
            Self::FirstSegmentVaries => "first-segment-varies",
            Self::LooksLikeCheck => "looks-like-check",
            Self::TooFewClients { .. } => "too-few-clients",
            Self::TooFewAnswers { .. } => "too-few-answers",
            Self::NotCompared { .. } => "not-compared",
            Self::SetsCookie { .. } => "sets-cookie",
            Self::Kept { .. } => "kept-by-origin",
            Self::VariesByAll => "varies-by-all",
            Self::Differs { .. } => "differs-by-request",
            Self::Undecided { .. } => "undecided",
            Self::DependsOnClient { .. } => "differs-by-client",
            Self::ChangesTooOften { .. } => "changes-too-often",
        }
    }

    /// Whether answers look like someone's own: a wider route must not take them.
    pub(super) const fn looks_personal(&self) -> bool {
        matches!(
            self,
            Self::SetsCookie { .. }
                | Self::Kept { .. }
                | Self::VariesByAll
                | Self::Differs { .. }
                | Self::Undecided { .. }
                | Self::DependsOnClient { .. }
        )
    }

    /// One sentence, with its counts.
    pub(super) fn explanation(&self) -> String {
        match self {
            Self::FirstSegmentVaries => "its first segment varies, so that it would match too much".to_owned(),
            Self::LooksLikeCheck => "it looks like a check of health or like metrics".to_owned(),
            Self::TooFewClients { clients, wanted } => {
                format!("{} could be compared; {wanted} are wanted", counted(*clients, "client"))
            }
            Self::TooFewAnswers { answers, wanted } => {
                format!("{} could be looked at; {wanted} are wanted", counted(*answers, "answer"))
            }
            Self::NotCompared { same, wanted } => format!(
                "only {} of two answers in a row to one URL found them the same for different requests; {wanted} are wanted",
                counted(*same, "comparison")
            ),
            Self::SetsCookie { answers, of } => format!("{answers} of {of} answers set a cookie"),
            Self::Kept { answers, of } => {
                format!("{answers} of {of} answers say private, no-store, no-cache or max-age=0")
            }
            Self::VariesByAll => "answers say Vary: *".to_owned(),
            Self::Differs { returned, of, worst } => {
                let example = worst.map_or_else(String::new, |(digests, clients)| {
                    format!(
                        "; one URL gave {} to {} in turn",
                        counted(digests, "different answer"),
                        counted(clients, "client")
                    )
                });
                format!(
                    "answers differ by who asks, or by chance: {returned} of {of} came back after another had been given{example}"
                )
            }
            Self::Undecided { returned, of, swings: Swings { followed, kept, torn, own, alone } } => format!(
                "{returned} of {of} answers came back after another had been given, and it is not clear whether with time or by who \
                 asks: {followed} times someone got what another had just got, {kept} times their own again, too often at {torn} URLs; \
                 {own} were only ever one's own; {alone} clients or values stand out"
            ),
            Self::DependsOnClient { changed, of } => {
                format!(
                    "answers differ by client: {changed} of {of} changed from one client to the next, far more than otherwise"
                )
            }
            Self::ChangesTooOften { changed, of } => {
                format!("answers change too often: {changed} of {of} differed from the one before")
            }
        }
    }
}

/// A number with its noun.
pub(super) fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
