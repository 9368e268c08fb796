//! `[[warm]]`: what is fetched before anyone asks, when, and how fast.

use super::warm_url::Base;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

/// The most that may be fetched at once.
pub(crate) const CONCURRENT_MAX: usize = 64;

/// How many are fetched at once where nobody says.
const CONCURRENT_DEFAULT: NonZeroUsize = NonZeroUsize::new(4).expect("it is not zero");

/// So many fetches in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Rate {
    /// The mean time between two.
    each: Duration,
}

/// What is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no rate like \"50/s\", \"300/m\" or \"1000/h\"")]
pub(crate) struct NoRate;

impl Rate {
    /// The mean time between two.
    pub(crate) const fn each(self) -> Duration {
        self.each
    }

    /// Reads `50/s`, `300/m` or `1000/h`.
    ///
    /// # Errors
    /// Where it is something else, or no fetch at all.
    pub(crate) fn parse(text: &str) -> Result<Self, NoRate> {
        let (count, unit) = text.split_once('/').ok_or(NoRate)?;
        let secs = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(NoRate),
        };
        let count: NonZeroU32 = count.trim().parse().map_err(|_| NoRate)?;
        Ok(Self { each: Duration::from_secs(secs) / count.get() })
    }
}

/// How fast a list is warmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pace {
    /// How many are fetched at once.
    pub(crate) concurrent: NonZeroUsize,
    /// How many are fetched in a time; `None`: as fast as the origin answers.
    pub(crate) rate: Option<Rate>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { concurrent: CONCURRENT_DEFAULT, rate: None }
    }
}

/// One block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct WarmBlock {
    /// What is warmed.
    pub(crate) from: WarmFrom,
    /// Where paths without a host belong; `None`: to `listen.default_host`.
    pub(crate) base: Option<Base>,
    /// How often.
    pub(crate) every: Option<Duration>,
    /// Whether it is done at the start, before the instance is ready.
    pub(crate) at_start: AtStart,
    /// How fast.
    pub(crate) pace: Pace,
}

/// Whether a block is done at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AtStart {
    Warmed,
    Left,
}

/// What a block warms.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum WarmFrom {
    /// These, absolute or paths.
    Urls(Vec<Box<str>>),
    /// What this sitemap names.
    Sitemap(Box<str>),
    /// What this access log names most often, so many at most.
    Log(PathBuf, usize),
    /// What is asked for most, or was before the stop, so many at most.
    Top(usize),
}

impl WarmFrom {
    /// What it is, in a few words.
    pub(crate) fn about(&self) -> String {
        match self {
            Self::Urls(urls) => format!("[[warm]] of {} URLs", urls.len()),
            Self::Sitemap(sitemap) => format!("[[warm]] of the sitemap {sitemap}"),
            Self::Log(log, top) => format!("[[warm]] of the top {top} in {}", log.display()),
            Self::Top(top) => format!("[[warm]] of the top {top}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_and_a_unit() {
        let each = |text: &str| Rate::parse(text).map(|rate| rate.each);
        assert_eq!(each("50/s"), Ok(Duration::from_millis(20)));
        assert_eq!(each(" 30 / m "), Ok(Duration::from_secs(2)));
        assert_eq!(each("3600/h"), Ok(Duration::from_secs(1)));
        for wrong in ["", "50", "/s", "0/s", "-1/s", "1.5/s", "50/d", "50/s/s", "99999999999/s"] {
            assert_eq!(each(wrong), Err(NoRate), "{wrong:?}");
        }
    }
}
