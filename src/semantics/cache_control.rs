//! Cache-Control of requests and responses: RFC 9111 section 5.2, RFC 5861.
//!
//! Where a field is malformed or contradicts itself the more restrictive reading wins: a directive that forbids counts
//! even with a broken argument, one that allows counts only where it is well-formed.

use super::age::parse_delta_seconds;
use super::directives::{Argument, Directive, directives};
use http::HeaderMap;
use http::header::{self, HeaderName};
use std::time::Duration;

/// A directive that may name fields: `no-cache`, `private`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Qualified {
    /// The directive is absent.
    #[default]
    Absent,
    /// It stands alone and covers the whole response.
    Whole,
    /// It covers these fields only.
    Fields(Box<[HeaderName]>),
}

/// The most fields that one directive may name; a longer list covers the whole response.
const FIELDS_MAX: usize = 64;

/// Fields that a stored response can't do without: a directive that names one covers the whole response.
static INDISPENSABLE: [HeaderName; 5] =
    [header::CONTENT_ENCODING, header::CONTENT_LENGTH, header::CONTENT_RANGE, header::CONTENT_TYPE, header::VARY];

impl Qualified {
    /// Reads the field list of a directive: names separated by commas or white space. What is no list of names covers
    /// the whole response.
    #[must_use]
    pub fn from_field_list(list: &[u8]) -> Self {
        let separates = |byte: &u8| matches!(byte, b',' | b' ' | b'\t');
        let names = list.split(separates).filter(|name| !name.is_empty()).take(FIELDS_MAX + 1);
        match names.map(HeaderName::from_bytes).collect::<Result<Vec<_>, _>>() {
            Ok(fields) if !fields.is_empty() => Self::of_fields(fields),
            _ => Self::Whole,
        }
    }

    fn of_fields(mut fields: Vec<HeaderName>) -> Self {
        fields.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        fields.dedup();
        let keeps_a_response = !fields.iter().any(|field| INDISPENSABLE.contains(field));
        if fields.len() <= FIELDS_MAX && keeps_a_response { Self::Fields(fields.into()) } else { Self::Whole }
    }

    /// Both together, for a directive that is repeated.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Absent, only) | (only, Self::Absent) => only,
            (Self::Whole, _) | (_, Self::Whole) => Self::Whole,
            (Self::Fields(one), Self::Fields(another)) => Self::of_fields(one.into_iter().chain(another).collect()),
        }
    }

    /// The fields that it covers, where it covers fields only.
    #[must_use]
    pub fn fields(&self) -> &[HeaderName] {
        match self {
            Self::Fields(fields) => fields,
            Self::Absent | Self::Whole => &[],
        }
    }

    /// As if the directive were absent, where it covers the whole response.
    pub fn forget_if_whole(&mut self) {
        if *self == Self::Whole {
            *self = Self::Absent;
        }
    }

    fn of_argument(argument: &Argument<'_>) -> Self {
        match argument {
            Argument::Value(list) => Self::from_field_list(list),
            Argument::Absent | Argument::Broken => Self::Whole,
        }
    }
}

/// The directives of a response that govern a shared cache.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseDirectives {
    /// `no-store`
    pub no_store: bool,
    /// `no-cache`, whole or for named fields
    pub no_cache: Qualified,
    /// `private`, whole or for named fields
    pub private: Qualified,
    /// `public`
    pub public: bool,
    /// `max-age`
    pub max_age: Option<Duration>,
    /// `s-maxage`
    pub s_maxage: Option<Duration>,
    /// `must-revalidate`
    pub must_revalidate: bool,
    /// `proxy-revalidate`
    pub proxy_revalidate: bool,
    /// `must-understand`
    pub must_understand: bool,
    /// `no-transform`
    pub no_transform: bool,
    /// `stale-while-revalidate`, RFC 5861 section 3
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error`, RFC 5861 section 4
    pub stale_if_error: Option<Duration>,
}

/// How much staleness a request accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxStale {
    /// Any.
    Any,
    /// Up to this much.
    UpTo(Duration),
}

/// The directives of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestDirectives {
    /// `no-cache`
    pub no_cache: bool,
    /// `Pragma: no-cache` without any Cache-Control, RFC 9111 section 5.4
    pub pragma_no_cache: bool,
    /// `no-store`
    pub no_store: bool,
    /// `no-transform`
    pub no_transform: bool,
    /// `only-if-cached`
    pub only_if_cached: bool,
    /// `max-age`
    pub max_age: Option<Duration>,
    /// `min-fresh`
    pub min_fresh: Option<Duration>,
    /// `max-stale`
    pub max_stale: Option<MaxStale>,
    /// `stale-if-error`, RFC 5861 section 4
    pub stale_if_error: Option<Duration>,
}

impl RequestDirectives {
    /// What else the request says.
    #[must_use]
    pub fn without_validation(self) -> Self {
        let max_age = self.max_age.filter(|age| !age.is_zero());
        Self { no_cache: false, pragma_no_cache: false, max_age, ..self }
    }

    /// The same without what only says how fresh an answer is wanted: a cache may leave that unheeded.
    #[must_use]
    pub fn without_freshness(self) -> Self {
        Self { no_cache: false, pragma_no_cache: false, max_age: None, min_fresh: None, ..self }
    }

    /// Reads Cache-Control and Pragma of a request. A repeated directive counts in its most demanding form, an
    /// invalid number not at all.
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        let mut read = Self::default();
        for directive in directives(headers, header::CACHE_CONTROL) {
            read.apply(&directive);
        }
        // RFC 9111 section 5.4: Pragma counts only where there is no Cache-Control.
        if !headers.contains_key(header::CACHE_CONTROL) {
            read.pragma_no_cache = directives(headers, header::PRAGMA).any(|directive| directive.is("no-cache"));
        }
        read
    }

    fn apply(&mut self, directive: &Directive<'_>) {
        let seconds = seconds_of(&directive.argument);
        match directive {
            // RFC 9111 section 5.2.1.1
            it if it.is("max-age") => self.max_age = least(self.max_age, seconds),
            // RFC 9111 section 5.2.1.2
            it if it.is("max-stale") => self.apply_max_stale(&it.argument),
            // RFC 9111 section 5.2.1.3
            it if it.is("min-fresh") => self.min_fresh = self.min_fresh.max(seconds),
            // RFC 9111 section 5.2.1.4
            it if it.is("no-cache") => self.no_cache = true,
            // RFC 9111 section 5.2.1.5
            it if it.is("no-store") => self.no_store = true,
            // RFC 9111 section 5.2.1.6
            it if it.is("no-transform") => self.no_transform = true,
            // RFC 9111 section 5.2.1.7
            it if it.is("only-if-cached") => self.only_if_cached = true,
            // RFC 5861 section 4
            it if it.is("stale-if-error") => self.stale_if_error = least(self.stale_if_error, seconds),
            _ => {}
        }
    }

    fn apply_max_stale(&mut self, argument: &Argument<'_>) {
        let accepted = match argument {
            Argument::Absent => Some(MaxStale::Any),
            Argument::Value(_) | Argument::Broken => seconds_of(argument).map(MaxStale::UpTo),
        };
        self.max_stale = match (self.max_stale, accepted) {
            (Some(MaxStale::UpTo(one)), Some(MaxStale::UpTo(other))) => Some(MaxStale::UpTo(one.min(other))),
            (Some(MaxStale::UpTo(one)), _) => Some(MaxStale::UpTo(one)),
            (earlier, accepted) => accepted.or(earlier),
        };
    }
}

impl ResponseDirectives {
    /// Reads Cache-Control of a response (not the targeted fields, see [`super::targeted`]).
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        let mut read = Self::default();
        for directive in directives(headers, header::CACHE_CONTROL) {
            read.apply(&directive);
        }
        read
    }

    fn apply(&mut self, directive: &Directive<'_>) {
        let argument = &directive.argument;
        let stands_alone = *argument == Argument::Absent;
        match directive {
            // RFC 9111 section 5.2.2.1
            it if it.is("max-age") => self.max_age = self.max_age.or(Some(lifetime_of(argument))),
            // RFC 9111 section 5.2.2.2
            it if it.is("must-revalidate") => self.must_revalidate = true,
            // RFC 9111 section 5.2.2.3: it lets no-store be ignored, so it must be well-formed.
            it if it.is("must-understand") => self.must_understand |= stands_alone,
            // RFC 9111 section 5.2.2.4
            it if it.is("no-cache") => {
                self.no_cache = std::mem::take(&mut self.no_cache).union(Qualified::of_argument(argument));
            }
            // RFC 9111 section 5.2.2.5
            it if it.is("no-store") => self.no_store = true,
            // RFC 9111 section 5.2.2.6
            it if it.is("no-transform") => self.no_transform = true,
            // RFC 9111 section 5.2.2.7
            it if it.is("private") => {
                self.private = std::mem::take(&mut self.private).union(Qualified::of_argument(argument));
            }
            // RFC 9111 section 5.2.2.8
            it if it.is("proxy-revalidate") => self.proxy_revalidate = true,
            // RFC 9111 section 5.2.2.9: it allows, so it must be well-formed.
            it if it.is("public") => self.public |= stands_alone,
            // RFC 9111 section 5.2.2.10
            it if it.is("s-maxage") => self.s_maxage = self.s_maxage.or(Some(lifetime_of(argument))),
            // RFC 5861 section 3
            it if it.is("stale-while-revalidate") => {
                self.stale_while_revalidate = least(self.stale_while_revalidate, seconds_of(argument));
            }
            // RFC 5861 section 4
            it if it.is("stale-if-error") => self.stale_if_error = least(self.stale_if_error, seconds_of(argument)),
            _ => {}
        }
    }
}

/// The delta-seconds of an argument, a token or a quoted string.
fn seconds_of(argument: &Argument<'_>) -> Option<Duration> {
    match argument {
        Argument::Value(value) => parse_delta_seconds(value),
        Argument::Absent | Argument::Broken => None,
    }
}

/// A freshness lifetime; zero where it is invalid: RFC 9111 section 4.2.1 encourages to take such a response as stale.
/// Of repeated ones the callers take the first, the other reading which that section allows.
fn lifetime_of(argument: &Argument<'_>) -> Duration {
    seconds_of(argument).unwrap_or(Duration::ZERO)
}

fn least(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
#[path = "cache_control_tests.rs"]
mod tests;
