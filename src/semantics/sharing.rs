//! What an answer is to the requests that wait for it, or come while it is under way. Sharing is reuse: a request that
//! could be given the answer by a look-up at this moment, without asking the origin, may take it; no other may.

use super::cache_control::RequestDirectives;
use super::lifetime::Lifetime;
use super::policy::ResponsePolicy;
use super::reuse::{Judgement, MustValidate, Validity, judge};
use crate::clock::Timestamp;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};

/// Whether a request may take what another one fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shareability {
    /// It may: a look-up would give it the same.
    Shared,
    /// It may not, and why: it asks the origin on its own, at once.
    Alone(MustValidate),
}

/// Judges an answer that may be stored for a request with these directives: RFC 9111 section 4, and section 5.2.2.4 for
/// no-cache. Only what is fresh is shared; that something stale may be served says nothing of whose page it is.
pub(crate) fn shareability(
    answer: &ResponsePolicy,
    lifetime: &Lifetime,
    presented: &RequestDirectives,
    now: Timestamp,
) -> Shareability {
    #[cfg(test)]
    if deliberate_fault::is_on(Fault::UnaskedIsShared) {
        return Shareability::Shared;
    }
    match judge(answer, lifetime, Validity::ByAge, presented, now) {
        Judgement::Fresh { .. } => Shareability::Shared,
        Judgement::StaleAccepted { .. } | Judgement::StaleWhileRevalidate { .. } => {
            Shareability::Alone(MustValidate::Expired)
        }
        Judgement::Revalidate { why, .. } => Shareability::Alone(why),
    }
}

/// The same for any request that asks for nothing in particular.
pub(crate) fn shareability_for_anyone(answer: &ResponsePolicy, lifetime: &Lifetime, now: Timestamp) -> Shareability {
    shareability(answer, lifetime, &RequestDirectives::default(), now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semantics::policy::ExchangeTimes;
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn judged(lines: &[(&str, &str)], presented: &str, later: Duration) -> Shareability {
        let headers = |lines: &[(&str, &str)]| {
            let line = |(name, value): &(&str, &str)| {
                (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
            };
            lines.iter().map(line).collect::<HeaderMap>()
        };
        let times = ExchangeTimes { requested_at: NOW, received_at: NOW };
        let policy = ResponsePolicy::parse(StatusCode::OK, &headers(lines), times);
        let presented = RequestDirectives::parse(&headers(&[("cache-control", presented)]));
        shareability(&policy, &policy.lifetime_by_origin(), &presented, NOW.saturating_add(later))
    }

    #[test]
    fn rfc_9111_4_only_what_a_look_up_could_give_without_asking_is_shared() {
        let alone = Shareability::Alone;
        let at_once = Duration::ZERO;
        for (answer, presented, later, expected) in [
            ("max-age=60", "", at_once, Shareability::Shared),
            ("max-age=60", "", Duration::from_secs(61), alone(MustValidate::Expired)),
            ("max-age=60", "min-fresh=90", at_once, alone(MustValidate::RequestMinFresh)),
            ("max-age=60", "max-age=5", at_once, Shareability::Shared),
            ("max-age=60", "max-age=5", Duration::from_secs(6), alone(MustValidate::RequestMaxAge)),
            ("max-age=60", "no-cache", at_once, alone(MustValidate::RequestNoCache)),
            ("no-cache, max-age=60", "", at_once, alone(MustValidate::ResponseNoCache)),
            ("no-cache=\"x-user\", max-age=60", "", at_once, Shareability::Shared),
            ("max-age=0", "", at_once, alone(MustValidate::Expired)),
            ("max-age=0", "max-stale", at_once, alone(MustValidate::Expired)),
            ("max-age=0, stale-while-revalidate=60", "", at_once, alone(MustValidate::Expired)),
            ("s-maxage=0, max-age=60", "", at_once, alone(MustValidate::Expired)),
            ("public", "", at_once, alone(MustValidate::Expired)),
        ] {
            assert_eq!(judged(&[("cache-control", answer)], presented, later), expected, "{answer}; {presented}");
        }
        for lines in [[("pragma", "no-cache")], [("expires", "0")], [("etag", "\"a\"")]] {
            assert_ne!(judged(&lines, "", at_once), Shareability::Shared, "{lines:?}");
        }
        let old = [("cache-control", "max-age=8"), ("age", "9")];
        assert_eq!(judged(&old, "", at_once), alone(MustValidate::Expired));
    }
}
