//! The policy of a stored response in 56 bytes instead of 176: times in milliseconds, directives in seconds.
//!
//! Which fields `private` and `no-cache` name is not kept: they were dropped before the response was stored, and a
//! directive that names fields asks for nothing else.

use crate::clock::Timestamp;
use crate::semantics::cache_control::{Qualified, ResponseDirectives};
use crate::semantics::lifetime::{Lifetime, LifetimeSource, OriginLifetime};
use crate::semantics::policy::ResponsePolicy;
use http::StatusCode;
use std::num::NonZeroU32;
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub(super) struct KeptPolicy {
    received_at: Timestamp,
    initial_age: Millis,
    lifetime: Millis,
    max_age: Option<DeltaSeconds>,
    s_maxage: Option<DeltaSeconds>,
    unchanged_secs: u32,
    stale_while_revalidate: Option<DeltaSeconds>,
    stale_if_error: Option<DeltaSeconds>,
    status: StatusCode,
    lifetime_kind: LifetimeKind,
    no_cache: KeptQualified,
    private: KeptQualified,
    said: Said,
    lifetime_max: Option<DeltaSeconds>,
}

/// The directives without a value, one bit each.
#[derive(Debug, Clone, Copy)]
struct Said(u8);

impl Said {
    const NO_STORE: u8 = 1;
    const PUBLIC: u8 = 1 << 1;
    const MUST_REVALIDATE: u8 = 1 << 2;
    const PROXY_REVALIDATE: u8 = 1 << 3;
    const MUST_UNDERSTAND: u8 = 1 << 4;
    const NO_TRANSFORM: u8 = 1 << 5;

    fn of(directives: &ResponseDirectives) -> Self {
        let bits = [
            (directives.no_store, Self::NO_STORE),
            (directives.public, Self::PUBLIC),
            (directives.must_revalidate, Self::MUST_REVALIDATE),
            (directives.proxy_revalidate, Self::PROXY_REVALIDATE),
            (directives.must_understand, Self::MUST_UNDERSTAND),
            (directives.no_transform, Self::NO_TRANSFORM),
        ];
        Self(bits.iter().filter(|(is_said, _)| *is_said).map(|(_, bit)| bit).sum())
    }

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

/// An [`OriginLifetime`] without its duration.
#[derive(Debug, Clone, Copy)]
enum LifetimeKind {
    Explicit(LifetimeSource),
    Heuristic,
    Absent,
}

/// A [`Qualified`] without the names of the fields.
#[derive(Debug, Clone, Copy)]
enum KeptQualified {
    Absent,
    Whole,
    Fields,
}

/// A duration in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Millis(u64);

impl Millis {
    fn of(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// Delta-seconds, at most 2^31 (RFC 9111 section 1.2.2); held as one more, so that none takes no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DeltaSeconds(NonZeroU32);

impl DeltaSeconds {
    fn of(duration: Duration) -> Self {
        let seconds = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        Self(NonZeroU32::MIN.saturating_add(seconds))
    }

    const fn duration(self) -> Duration {
        Duration::from_secs((self.0.get() - 1) as u64)
    }
}

impl KeptQualified {
    const fn of(directive: &Qualified) -> Self {
        match directive {
            Qualified::Absent => Self::Absent,
            Qualified::Whole => Self::Whole,
            Qualified::Fields(_) => Self::Fields,
        }
    }

    fn qualified(self) -> Qualified {
        match self {
            Self::Absent => Qualified::Absent,
            Self::Whole => Qualified::Whole,
            Self::Fields => Qualified::Fields(Box::default()),
        }
    }
}

impl KeptPolicy {
    /// Of this policy.
    pub(super) fn of(policy: &ResponsePolicy) -> Self {
        let directives = &policy.directives;
        let (lifetime, lifetime_kind) = match policy.lifetime {
            OriginLifetime::Explicit(fresh_for, source) => (fresh_for, LifetimeKind::Explicit(source)),
            OriginLifetime::Heuristic(fresh_for) => (fresh_for, LifetimeKind::Heuristic),
            OriginLifetime::Absent => (Duration::ZERO, LifetimeKind::Absent),
        };
        Self {
            received_at: policy.received_at,
            initial_age: Millis::of(policy.initial_age),
            lifetime: Millis::of(lifetime),
            max_age: directives.max_age.map(DeltaSeconds::of),
            s_maxage: directives.s_maxage.map(DeltaSeconds::of),
            unchanged_secs: u32::try_from(policy.unchanged_for.as_secs()).unwrap_or(u32::MAX),
            stale_while_revalidate: directives.stale_while_revalidate.map(DeltaSeconds::of),
            stale_if_error: directives.stale_if_error.map(DeltaSeconds::of),
            status: policy.status,
            lifetime_kind,
            no_cache: KeptQualified::of(&directives.no_cache),
            private: KeptQualified::of(&directives.private),
            said: Said::of(directives),
            lifetime_max: policy.lifetime_max.map(DeltaSeconds::of),
        }
    }

    /// The status of the response.
    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// See [`ResponsePolicy::current_age`].
    pub(super) fn current_age(&self, now: Timestamp) -> Duration {
        self.initial_age.duration().saturating_add(now.since(self.received_at))
    }

    /// See [`ResponsePolicy::spent`].
    pub(super) fn spent(&self, lifetime: &Lifetime, now: Timestamp) -> Duration {
        match lifetime.source {
            LifetimeSource::Route => now.since(self.received_at),
            _ => self.current_age(now),
        }
    }

    /// The policy; of fields that `private` and `no-cache` name, only that there are some.
    #[inline]
    pub(super) fn policy(&self) -> ResponsePolicy {
        let lifetime = self.lifetime.duration();
        ResponsePolicy {
            directives: ResponseDirectives {
                no_store: self.said.has(Said::NO_STORE),
                no_cache: self.no_cache.qualified(),
                private: self.private.qualified(),
                public: self.said.has(Said::PUBLIC),
                max_age: self.max_age.map(DeltaSeconds::duration),
                s_maxage: self.s_maxage.map(DeltaSeconds::duration),
                must_revalidate: self.said.has(Said::MUST_REVALIDATE),
                proxy_revalidate: self.said.has(Said::PROXY_REVALIDATE),
                must_understand: self.said.has(Said::MUST_UNDERSTAND),
                no_transform: self.said.has(Said::NO_TRANSFORM),
                stale_while_revalidate: self.stale_while_revalidate.map(DeltaSeconds::duration),
                stale_if_error: self.stale_if_error.map(DeltaSeconds::duration),
            },
            lifetime: match self.lifetime_kind {
                LifetimeKind::Explicit(source) => OriginLifetime::Explicit(lifetime, source),
                LifetimeKind::Heuristic => OriginLifetime::Heuristic(lifetime),
                LifetimeKind::Absent => OriginLifetime::Absent,
            },
            status: self.status,
            received_at: self.received_at,
            initial_age: self.initial_age.duration(),
            unchanged_for: Duration::from_secs(self.unchanged_secs.into()),
            lifetime_max: self.lifetime_max.map(DeltaSeconds::duration),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semantics::policy::ExchangeTimes;
    use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, LAST_MODIFIED};
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn parsed(lines: &[(HeaderName, &'static str)]) -> ResponsePolicy {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        let received_at = Timestamp::from_millis(1_790_000_000_123);
        let times = ExchangeTimes { requested_at: Timestamp::from_millis(1_790_000_000_001), received_at };
        ResponsePolicy::parse(StatusCode::OK, &headers, times)
    }

    #[test]
    fn what_is_kept_is_what_was_read() {
        let date = (DATE, "Mon, 21 Sep 2026 14:13:20 GMT");
        let rows = [
            vec![],
            vec![(CACHE_CONTROL, "max-age=0, s-maxage=60, stale-while-revalidate=0, stale-if-error=86400")],
            vec![(CACHE_CONTROL, "max-age=99999999999, s-maxage=2147483648"), (AGE, "99999999999")],
            vec![(CACHE_CONTROL, "no-cache, private, no-store, public, no-transform, must-understand")],
            vec![(CACHE_CONTROL, "must-revalidate, proxy-revalidate, stale-if-error=1")],
            vec![date.clone(), (EXPIRES, "Fri, 31 Dec 9999 23:59:59 GMT")],
            vec![(EXPIRES, "Fri, 31 Dec 9999 23:59:59 GMT")],
            vec![date, (LAST_MODIFIED, "Mon, 21 Sep 2026 14:13:15 GMT")],
        ];
        for lines in rows {
            let policy = parsed(&lines);
            let lifetime_max = Some(Duration::from_mins(1));
            let policy = ResponsePolicy { unchanged_for: Duration::from_hours(24), lifetime_max, ..policy };
            let kept = KeptPolicy::of(&policy);
            assert_eq!(kept.policy(), policy, "{lines:?}");
            let later = policy.received_at.saturating_add(Duration::from_secs(7));
            assert_eq!(kept.current_age(later), policy.current_age(later), "{lines:?}");
        }
    }

    #[test]
    fn of_named_fields_it_is_kept_that_there_are_some() {
        let kept = KeptPolicy::of(&parsed(&[(CACHE_CONTROL, "no-cache=\"x-a\", private=\"x-b\"")])).policy();
        let some = Qualified::Fields(Box::default());
        assert_eq!((&kept.directives.no_cache, &kept.directives.private), (&some, &some));
    }

    #[test]
    fn it_takes_56_bytes() {
        assert_eq!(size_of::<KeptPolicy>(), 56);
    }
}
