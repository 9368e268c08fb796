//! Whose word on a lifetime wins, and jitter.

use super::*;
use crate::clock::Timestamp;
use crate::semantics::cache_control::ResponseDirectives;
use LifetimeSource::{Heuristic, MaxAge, Nobody, Route};
use OriginPrecedence::{Override, Respect};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn policy(status: u16, lifetime: OriginLifetime) -> ResponsePolicy {
    ResponsePolicy {
        directives: ResponseDirectives::default(),
        lifetime,
        status: StatusCode::from_u16(status).unwrap(),
        received_at: Timestamp::EPOCH,
        initial_age: Duration::ZERO,
        unchanged_for: Duration::ZERO,
        lifetime_max: None,
    }
}

#[test]
fn the_most_specific_word_of_whoever_has_precedence_wins() {
    const EXPLICIT: OriginLifetime = OriginLifetime::Explicit(secs(60), MaxAge);
    const HEURISTIC: OriginLifetime = OriginLifetime::Heuristic(secs(7));
    const ABSENT: OriginLifetime = OriginLifetime::Absent;
    let plain = LifetimeRule::by_origin();
    let ttl = LifetimeRule {
        ttl: Some(secs(300)),
        ttl_by_status: vec![(StatusCode::NOT_FOUND, secs(30)), (StatusCode::FOUND, secs(20))],
        ..LifetimeRule::by_origin()
    };
    let forced = LifetimeRule { origin: Override, ..ttl.clone() };
    for (rule, status, origin, fresh_for, source) in [
        (&plain, 200, EXPLICIT, 60, MaxAge),
        (&plain, 200, HEURISTIC, 7, Heuristic),
        (&plain, 200, ABSENT, 0, Nobody),
        (&ttl, 200, EXPLICIT, 60, MaxAge),
        (&ttl, 200, HEURISTIC, 300, Route),
        (&ttl, 200, ABSENT, 300, Route),
        (&ttl, 301, ABSENT, 300, Route),
        (&ttl, 302, ABSENT, 20, Route),
        (&ttl, 303, ABSENT, 0, Nobody),
        (&ttl, 307, ABSENT, 0, Nobody),
        (&ttl, 404, ABSENT, 30, Route),
        (&ttl, 404, EXPLICIT, 60, MaxAge),
        (&ttl, 410, ABSENT, 0, Nobody),
        (&ttl, 410, HEURISTIC, 7, Heuristic),
        (&ttl, 500, ABSENT, 0, Nobody),
        (&forced, 200, EXPLICIT, 300, Route),
        (&forced, 404, EXPLICIT, 30, Route),
        (&forced, 410, EXPLICIT, 60, MaxAge),
        (&forced, 500, ABSENT, 0, Nobody),
    ] {
        let lifetime = rule.lifetime(&policy(status, origin), 1);
        assert_eq!((lifetime.fresh_for, lifetime.source), (secs(fresh_for), source), "{status} {origin:?} {rule:?}");
    }
}

#[test]
fn stale_windows_follow_precedence_too() {
    for (origin, fresh_for, of_route, of_origin, expected) in [
        (Respect, 60, Some(10), Some(20), Some(20)),
        (Respect, 60, Some(10), None, Some(10)),
        (Respect, 60, None, Some(20), Some(20)),
        (Override, 60, Some(10), Some(20), Some(10)),
        (Override, 60, None, Some(20), Some(20)),
        (Override, 60, None, None, None),
        // Without a lifetime the route's windows hold only by `override`; the origin's own stay its own.
        (Respect, 0, Some(10), None, None),
        (Respect, 0, Some(10), Some(20), Some(20)),
        (Override, 0, Some(10), None, Some(10)),
    ] {
        let rule = LifetimeRule {
            origin,
            stale_while_revalidate: of_route.map(secs),
            stale_if_error: of_route.map(secs),
            ..LifetimeRule::by_origin()
        };
        let mut policy = policy(200, OriginLifetime::Explicit(secs(fresh_for), MaxAge));
        policy.directives.stale_while_revalidate = of_origin.map(secs);
        policy.directives.stale_if_error = of_origin.map(secs);
        let lifetime = rule.lifetime(&policy, 1);
        let lengths = |window: Option<StaleWindow>| window.map(|window| window.length);
        let windows = (lengths(lifetime.stale_while_revalidate), lengths(lifetime.stale_if_error));
        assert_eq!(
            windows,
            (expected.map(secs), expected.map(secs)),
            "{origin:?} {fresh_for} {of_route:?} {of_origin:?}"
        );
    }
}

#[test]
fn jitter_shortens_only_what_the_route_gives_and_uses_its_whole_share() {
    let rule = LifetimeRule { ttl: Some(secs(1000)), jitter: 0.1, ..LifetimeRule::by_origin() };
    let spread = |origin| {
        let lifetimes = (0..1000).map(|spread| rule.lifetime(&policy(200, origin), spread).fresh_for);
        let lifetimes: Vec<Duration> = lifetimes.collect();
        (*lifetimes.iter().min().unwrap(), *lifetimes.iter().max().unwrap())
    };
    let (shortest, longest) = spread(OriginLifetime::Absent);
    assert!((secs(900)..secs(905)).contains(&shortest), "{shortest:?}");
    assert!((secs(995)..=secs(1000)).contains(&longest), "{longest:?}");
    let explicit = OriginLifetime::Explicit(secs(60), MaxAge);
    assert_eq!(spread(explicit), (secs(60), secs(60)));
    assert_eq!(shortened(secs(10), f64::NAN, 3), secs(10));
    assert_eq!(shortened(Duration::MAX, 0.5, 3).min(Duration::MAX), shortened(Duration::MAX, 0.5, 3));
}

#[test]
fn no_lifetime_crosses_a_moment_that_the_route_names() {
    let received_at = Timestamp::from_secs(10_000);
    let after = |seconds| received_at.saturating_add(secs(seconds));
    let before = received_at.saturating_sub(secs(30));
    let rule = LifetimeRule {
        ttl: Some(secs(1000)),
        not_after: vec![before, after(100), after(500)],
        ..LifetimeRule::by_origin()
    };
    let with_age = |age, lifetime| ResponsePolicy { received_at, initial_age: secs(age), ..policy(200, lifetime) };
    let explicit = |lifetime| OriginLifetime::Explicit(secs(lifetime), MaxAge);
    for (policy, fresh_for, ends_at) in [
        (with_age(0, OriginLifetime::Absent), 100, after(100)),
        (with_age(20, OriginLifetime::Absent), 100, after(100)),
        (with_age(0, explicit(60)), 60, after(100)),
        (with_age(0, explicit(3600)), 100, after(100)),
        // It counts as age, 20 s of which are over.
        (with_age(20, explicit(3600)), 120, after(100)),
        // Made before the moment that is past, whenever it came.
        (with_age(40, OriginLifetime::Absent), 0, before),
        (with_age(40, explicit(3600)), 10, before),
    ] {
        let lifetime = rule.lifetime(&policy, 1);
        assert_eq!((lifetime.fresh_for, lifetime.ends_at), (secs(fresh_for), Some(ends_at)), "{policy:?}");
        assert!(policy.spent(&lifetime, ends_at) >= lifetime.fresh_for, "{policy:?}");
    }
    let last = rule.end_after(after(500));
    assert_eq!((last, rule.end_after(after(100))), (None, Some(after(500))));
}

#[test]
fn an_adaptive_lifetime_is_half_of_the_time_without_a_change_within_its_bounds() {
    let rule = LifetimeRule { ttl: Some(secs(10)), adaptive_max: Some(secs(100)), ..LifetimeRule::by_origin() };
    for (unchanged, fresh_for) in [(0, 10), (19, 10), (20, 10), (60, 30), (200, 100), (u64::MAX, 100)] {
        let policy = ResponsePolicy { unchanged_for: secs(unchanged), ..policy(200, OriginLifetime::Absent) };
        assert_eq!(rule.lifetime(&policy, 1).fresh_for, secs(fresh_for), "{unchanged}");
    }
    let error = ResponsePolicy { unchanged_for: secs(60), ..policy(404, OriginLifetime::Absent) };
    assert_eq!(rule.lifetime(&error, 1).fresh_for, secs(0));
    let explicit = ResponsePolicy { unchanged_for: secs(60), ..policy(200, OriginLifetime::Explicit(secs(5), MaxAge)) };
    assert_eq!(rule.lifetime(&explicit, 1).fresh_for, secs(5), "the origin knows better");
}
