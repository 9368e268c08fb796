//! From one raw `[[warm]]` to [`WarmBlock`].

use super::problem::{Place, Problems};
use super::raw_warm::RawWarm;
use super::table::Placed;
use crate::rules::warm::{AtStart, CONCURRENT_MAX, Pace, Rate, WarmBlock, WarmFrom};
use crate::rules::warm_url::{Base, UrlProblem, url};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

/// How many URLs of a log are warmed by default.
const LOG_TOP_DEFAULT: usize = 1_000;

/// The most URLs of a block.
const URLS_MAX: usize = 10_000;

/// The most of what is asked for most, or of a log.
const TOP_MAX: u64 = 100_000;

/// The shortest time after which a block is done again.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// Whether `proxy.toml` says where paths without a host belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefaultHost {
    Named,
    None,
    /// `proxy.toml` is not known.
    Unknown,
}

/// Resolves a block of a file in `folder`. What is wrong is noted.
pub(super) fn resolve_warm(
    raw: &Placed<RawWarm>,
    folder: &Path,
    default_host: DefaultHost,
    problems: &mut Problems,
) -> Option<WarmBlock> {
    let base = raw.value.host.as_ref().and_then(|host| base(host, problems));
    let has_host = raw.value.host.is_some() || default_host != DefaultHost::None;
    let from = from(raw, folder, has_host, problems);
    let at_start = match raw.value.at_start {
        Some(Placed { value: true, .. }) => AtStart::Warmed,
        _ => AtStart::Left,
    };
    let every = raw.value.every.as_ref().map(|every| {
        if every.value.0 < EVERY_MIN {
            problems.error(&every.place, "too short a time", Some("write at least 1s"));
        }
        every.value.0
    });
    if every.is_none() && at_start == AtStart::Left && !problems.has_errors_within(&raw.place) {
        let hint = "set at_start = true, or every = \"10m\"";
        problems.error(&raw.place, "the warm block is never done", Some(hint));
    }
    let pace = pace(&raw.value, problems);
    Some(WarmBlock { from: from?, base, every, at_start, pace })
}

fn base(host: &Placed<String>, problems: &mut Problems) -> Option<Base> {
    let base = Base::parse(&host.value).ok();
    if base.is_none() {
        let hint = "write \"shop.example.com\" or \"https://shop.example.com\"";
        problems.error(&host.place, format!("`{}` is no host", host.value), Some(hint));
    }
    base
}

fn from(raw: &Placed<RawWarm>, folder: &Path, has_host: bool, problems: &mut Problems) -> Option<WarmFrom> {
    let RawWarm { urls, sitemap, log, top, .. } = &raw.value;
    let named = [urls.is_some(), sitemap.is_some(), log.is_some() || top.is_some()];
    if named.iter().filter(|named| **named).count() != 1 {
        if !problems.has_errors_within(&raw.place) {
            let hint = "write one of urls = [\"/api/products\"], sitemap = \"/sitemap.xml\", log = \"access.jsonl\", top = 500";
            problems.error(&raw.place, "a warm block names one of `urls`, `sitemap`, `log` and `top`", Some(hint));
        }
        return None;
    }
    let mut checked = |text: &Placed<String>| checked(&text.value, &text.place, has_host, problems);
    if let Some(urls) = urls {
        let all: Vec<Box<str>> =
            urls.value.iter().filter_map(|url| checked(url).map(|()| url.value.as_str().into())).collect();
        if urls.value.is_empty() || urls.value.len() > URLS_MAX {
            let message = format!("a block names 1 to {URLS_MAX} URLs");
            problems.error(&urls.place, message, Some("write several blocks, or a `sitemap`"));
        }
        return Some(WarmFrom::Urls(all));
    }
    if let Some(sitemap) = sitemap {
        return checked(sitemap).map(|()| WarmFrom::Sitemap(sitemap.value.as_str().into()));
    }
    let top = match top {
        Some(top) if top.value == 0 || top.value > TOP_MAX => {
            problems.error(&top.place, format!("write a number from 1 to {TOP_MAX}"), None::<String>);
            return None;
        }
        Some(top) => Some(usize::try_from(top.value).unwrap_or(usize::MAX)),
        None => None,
    };
    Some(match log {
        Some(log) => WarmFrom::Log(folder.join(&log.value), top.unwrap_or(LOG_TOP_DEFAULT)),
        None => WarmFrom::Top(top?),
    })
}

/// Whether a text is a URL that can be warmed. Where it is not known which host a path belongs to, any will do for now.
fn checked(text: &str, place: &Place, has_host: bool, problems: &mut Problems) -> Option<()> {
    let any = Base::parse("host.invalid").ok().filter(|_| has_host);
    match url(text, any.as_ref()) {
        Ok(_) => Some(()),
        Err(error @ UrlProblem::NoHost) => {
            problems.error(place, format!("`{text}` names no host"), Some(error.hint()));
            None
        }
        Err(error) => {
            problems.error(place, error.to_string(), Some(error.hint()));
            None
        }
    }
}

fn pace(raw: &RawWarm, problems: &mut Problems) -> Pace {
    let mut pace = Pace::default();
    if let Some(written) = &raw.concurrent {
        let number = usize::try_from(written.value).ok().filter(|number| *number <= CONCURRENT_MAX);
        if let Some(concurrent) = number.and_then(NonZeroUsize::new) {
            pace.concurrent = concurrent;
        } else {
            let message = format!("write a number from 1 to {CONCURRENT_MAX}");
            problems.error(&written.place, message, None::<String>);
        }
    }
    if let Some(written) = &raw.rate {
        match Rate::parse(&written.value) {
            Ok(rate) => pace.rate = Some(rate),
            Err(error) => problems.error(&written.place, error.to_string(), None::<String>),
        }
    }
    pace
}
