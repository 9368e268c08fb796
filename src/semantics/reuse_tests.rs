//! Reuse, RFC 9111 section 4 and RFC 5861.

use super::OnOriginFailure::{Fail, ServeStale, ServeStaleWhenUnreachable};
use super::*;
use crate::semantics::policy::ExchangeTimes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use proptest::prelude::*;

const RECEIVED: Timestamp = Timestamp::from_secs(1_795_305_600);

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn cache_control(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_str(value).expect("a field value"))])
}

fn stored(value: &str) -> ResponsePolicy {
    let times = ExchangeTimes { requested_at: RECEIVED, received_at: RECEIVED };
    ResponsePolicy::parse(StatusCode::OK, &cache_control(value), times)
}

fn judged(response: &str, request: &str, age_secs: u64, validity: Validity) -> Judgement {
    let presented = match request {
        "" => RequestDirectives::default(),
        "pragma" => {
            RequestDirectives::parse(&HeaderMap::from_iter([(header::PRAGMA, HeaderValue::from_static("no-cache"))]))
        }
        directives => RequestDirectives::parse(&cache_control(directives)),
    };
    let policy = stored(response);
    judge(&policy, &policy.lifetime_by_origin(), validity, &presented, RECEIVED.saturating_add(secs(age_secs)))
}

fn check(rows: &[(&str, &str, u64, Judgement)]) {
    for (response, request, age_secs, expected) in rows {
        let judgement = judged(response, request, *age_secs, Validity::ByAge);
        assert_eq!(judgement, *expected, "stored {response:?}, presented {request:?}, age {age_secs}");
    }
}

const fn fresh(ttl: u64) -> Judgement {
    Judgement::Fresh { ttl: secs(ttl) }
}

const fn revalidate(why: MustValidate, on_failure: OnOriginFailure) -> Judgement {
    Judgement::Revalidate { why, on_failure }
}

#[test]
fn rfc_9111_section_4_2_fresh_while_the_lifetime_is_greater_than_the_age() {
    check(&[
        ("max-age=10", "", 0, fresh(10)),
        ("max-age=10", "", 9, fresh(1)),
        ("max-age=10", "", 10, revalidate(MustValidate::Expired, ServeStaleWhenUnreachable)),
        ("max-age=0", "", 0, revalidate(MustValidate::Expired, Fail)),
        ("public", "", 0, revalidate(MustValidate::Expired, Fail)),
        ("max-age=10, must-revalidate, proxy-revalidate", "", 5, fresh(5)),
        ("s-maxage=10", "", 5, fresh(5)),
    ]);
}

#[test]
fn rfc_9111_section_5_2_2_4_no_cache_is_validated_each_time() {
    check(&[
        ("no-cache, max-age=10", "", 0, revalidate(MustValidate::ResponseNoCache, Fail)),
        ("no-cache, max-age=10", "max-stale", 0, revalidate(MustValidate::ResponseNoCache, Fail)),
        ("no-cache=\"x\", max-age=10", "", 0, fresh(10)),
    ]);
}

#[test]
fn rfc_9111_section_5_2_1_4_a_request_with_no_cache_wants_the_origins_word() {
    check(&[
        ("max-age=10", "no-cache", 0, revalidate(MustValidate::RequestNoCache, Fail)),
        ("max-age=10", "no-cache, max-stale", 20, revalidate(MustValidate::RequestNoCache, Fail)),
        ("max-age=10", "pragma", 0, revalidate(MustValidate::RequestPragma, Fail)),
        ("max-age=10, stale-if-error=60", "no-cache", 0, revalidate(MustValidate::RequestNoCache, Fail)),
    ]);
}

#[test]
fn rfc_9111_section_5_2_1_1_a_request_with_max_age_wants_a_fresh_response_no_older_than_that() {
    let too_old = |on_failure| revalidate(MustValidate::RequestMaxAge, on_failure);
    let expired = revalidate(MustValidate::Expired, ServeStaleWhenUnreachable);
    check(&[
        ("max-age=3600", "max-age=600", 600, fresh(3000)),
        ("max-age=3600", "max-age=600", 601, too_old(ServeStaleWhenUnreachable)),
        ("max-age=3600", "max-age=0", 0, too_old(ServeStaleWhenUnreachable)),
        ("max-age=3600, stale-if-error=1", "max-age=0", 5, too_old(ServeStale)),
        ("max-age=3600, must-revalidate", "max-age=0", 5, too_old(ServeStaleWhenUnreachable)),
        ("max-age=10", "max-age=60", 20, expired),
        (
            "max-age=10, stale-while-revalidate=60",
            "max-age=60",
            20,
            revalidate(MustValidate::Expired, ServeStaleWhenUnreachable),
        ),
        ("max-age=10", "max-age=60, max-stale", 20, Judgement::StaleAccepted { staleness: secs(10) }),
        ("max-age=10", "max-age=15, max-stale", 20, expired),
    ]);
}

#[test]
fn rfc_9111_section_5_2_1_3_a_request_with_min_fresh_wants_that_much_left() {
    check(&[
        ("max-age=1500", "min-fresh=1000", 500, fresh(1000)),
        ("max-age=1500", "min-fresh=1000", 501, revalidate(MustValidate::RequestMinFresh, ServeStaleWhenUnreachable)),
        ("max-age=1500", "min-fresh=2000", 0, revalidate(MustValidate::RequestMinFresh, ServeStaleWhenUnreachable)),
        ("max-age=10", "min-fresh=1, max-stale", 20, revalidate(MustValidate::Expired, ServeStaleWhenUnreachable)),
        (
            "max-age=10, stale-while-revalidate=60",
            "min-fresh=1",
            20,
            revalidate(MustValidate::Expired, ServeStaleWhenUnreachable),
        ),
    ]);
}

#[test]
fn rfc_9111_section_5_2_1_2_a_request_with_max_stale_accepts_that_much() {
    let accepted = |staleness| Judgement::StaleAccepted { staleness: secs(staleness) };
    check(&[
        ("max-age=10", "max-stale=5", 9, fresh(1)),
        ("max-age=10", "max-stale=5", 15, accepted(5)),
        ("max-age=10", "max-stale=5", 16, revalidate(MustValidate::Expired, ServeStaleWhenUnreachable)),
        ("max-age=10", "max-stale", 100_000, accepted(99_990)),
        (
            "max-age=10, stale-while-revalidate=5",
            "max-stale",
            12,
            Judgement::StaleWhileRevalidate { staleness: secs(2) },
        ),
        ("max-age=10, stale-while-revalidate=5", "max-stale", 16, accepted(6)),
    ]);
}

#[test]
fn rfc_9111_section_4_2_4_some_directives_forbid_every_stale_answer() {
    for directive in ["must-revalidate", "proxy-revalidate", "s-maxage=10"] {
        let response = format!("max-age=10, stale-while-revalidate=60, stale-if-error=60, {directive}");
        for request in ["", "max-stale", "stale-if-error=60"] {
            let judgement = judged(&response, request, 11, Validity::ByAge);
            assert_eq!(judgement, revalidate(MustValidate::Expired, Fail), "{response} {request}");
            let purged = judged(&response, request, 1, Validity::SoftPurged);
            assert_eq!(purged, revalidate(MustValidate::SoftPurged, Fail), "{response} {request}");
        }
    }
}

#[test]
fn rfc_5861_section_3_stale_while_revalidate_up_to_its_window() {
    let stale = |staleness| Judgement::StaleWhileRevalidate { staleness: secs(staleness) };
    check(&[
        ("max-age=10, stale-while-revalidate=5", "", 9, fresh(1)),
        ("max-age=10, stale-while-revalidate=5", "", 10, stale(0)),
        ("max-age=10, stale-while-revalidate=5", "", 15, stale(5)),
        ("max-age=10, stale-while-revalidate=5", "", 16, revalidate(MustValidate::Expired, ServeStaleWhenUnreachable)),
        ("max-age=0, stale-while-revalidate=5", "", 0, stale(0)),
        ("max-age=10, stale-while-revalidate=0", "", 10, revalidate(MustValidate::Expired, ServeStaleWhenUnreachable)),
    ]);
}

#[test]
fn rfc_5861_section_4_stale_if_error_up_to_its_window() {
    check(&[
        ("max-age=10, stale-if-error=5", "", 15, revalidate(MustValidate::Expired, ServeStale)),
        ("max-age=10, stale-if-error=5", "", 16, revalidate(MustValidate::Expired, Fail)),
        ("max-age=10", "stale-if-error=5", 15, revalidate(MustValidate::Expired, ServeStale)),
        ("max-age=10", "stale-if-error=5", 16, revalidate(MustValidate::Expired, Fail)),
        // Either may allow it.
        ("max-age=10, stale-if-error=5", "stale-if-error=50", 16, revalidate(MustValidate::Expired, ServeStale)),
        ("max-age=10, stale-if-error=50", "stale-if-error=5", 16, revalidate(MustValidate::Expired, ServeStale)),
        ("max-age=10, stale-if-error=0", "", 10, revalidate(MustValidate::Expired, Fail)),
    ]);
}

#[test]
fn a_soft_purge_makes_stale_and_the_windows_still_help() {
    let rows: &[(&str, &str, u64, Judgement)] = &[
        ("max-age=10", "", 1, revalidate(MustValidate::SoftPurged, ServeStaleWhenUnreachable)),
        ("max-age=10, stale-while-revalidate=5", "", 9, Judgement::StaleWhileRevalidate { staleness: secs(0) }),
        ("max-age=10, stale-if-error=5", "", 9, revalidate(MustValidate::SoftPurged, ServeStale)),
        // Past its lifetime already, it is as stale as it was.
        ("max-age=10, stale-while-revalidate=5", "", 14, Judgement::StaleWhileRevalidate { staleness: secs(4) }),
        (
            "max-age=10, stale-while-revalidate=5",
            "",
            16,
            revalidate(MustValidate::SoftPurged, ServeStaleWhenUnreachable),
        ),
        ("max-age=10, stale-if-error=5", "", 16, revalidate(MustValidate::SoftPurged, Fail)),
    ];
    for (response, request, age_secs, expected) in rows {
        assert_eq!(judged(response, request, *age_secs, Validity::SoftPurged), *expected, "{response} {age_secs}");
    }
}

fn response_directives() -> impl Strategy<Value = String> {
    let directive = prop_oneof![
        (0_u64..100).prop_map(|n| format!("max-age={n}")),
        (0_u64..100).prop_map(|n| format!("s-maxage={n}")),
        (0_u64..100).prop_map(|n| format!("stale-while-revalidate={n}")),
        (0_u64..100).prop_map(|n| format!("stale-if-error={n}")),
        Just("must-revalidate".to_owned()),
        Just("proxy-revalidate".to_owned()),
        Just("no-cache".to_owned()),
        Just("public".to_owned()),
    ];
    prop::collection::vec(directive, 0..4).prop_map(|all| all.join(", "))
}

fn request_directives() -> impl Strategy<Value = String> {
    let directive = prop_oneof![
        (0_u64..100).prop_map(|n| format!("max-age={n}")),
        (0_u64..100).prop_map(|n| format!("min-fresh={n}")),
        (0_u64..100).prop_map(|n| format!("max-stale={n}")),
        (0_u64..100).prop_map(|n| format!("stale-if-error={n}")),
        Just("max-stale".to_owned()),
        Just("no-cache".to_owned()),
    ];
    prop::collection::vec(directive, 0..3).prop_map(|all| all.join(", "))
}

/// How little a judgement lets the stored response be used.
const fn strictness(judgement: Judgement) -> u8 {
    match judgement {
        Judgement::Fresh { .. } => 0,
        Judgement::StaleWhileRevalidate { .. } => 1,
        Judgement::StaleAccepted { .. } => 2,
        Judgement::Revalidate { .. } => 3,
    }
}

proptest! {
    #[test]
    fn a_stale_response_stays_stale_as_time_goes_on(
        response in response_directives(), request in request_directives(), one in 0_u64..300, other in 0_u64..300,
    ) {
        let earlier = judged(&response, &request, one.min(other), Validity::ByAge);
        let later = judged(&response, &request, one.max(other), Validity::ByAge);
        prop_assert!(strictness(earlier) <= strictness(later), "{:?} then {:?}", earlier, later);
    }

    #[test]
    fn a_soft_purged_response_is_never_fresh_nor_used_where_an_expired_one_is_not(
        response in response_directives(), request in request_directives(), age in 0_u64..300,
    ) {
        let by_age = judged(&response, &request, age, Validity::ByAge);
        let purged = judged(&response, &request, age, Validity::SoftPurged);
        let is_fresh = matches!(purged, Judgement::Fresh { .. });
        prop_assert!(!is_fresh);
        prop_assert!(strictness(by_age) <= strictness(purged));
    }

    #[test]
    fn must_revalidate_never_lets_a_stale_response_out(
        response in response_directives(), request in request_directives(), age in 100_u64..300,
    ) {
        let judgement = judged(&format!("{response}, must-revalidate"), &request, age, Validity::ByAge);
        let fails = matches!(judgement, Judgement::Revalidate { on_failure: Fail, .. });
        prop_assert!(fails, "{:?}", judgement);
    }
}

#[test]
fn nothing_is_served_past_the_end_of_its_lifetime_without_the_origins_word() {
    let end = RECEIVED.saturating_add(secs(60));
    let policy = stored("max-age=30, stale-while-revalidate=3600, stale-if-error=3600");
    let lifetime = Lifetime { ends_at: Some(end), ..policy.lifetime_by_origin() };
    let said = |directives| RequestDirectives::parse(&cache_control(directives));
    let at = |validity, directives, second| {
        judge(&policy, &lifetime, validity, &said(directives), RECEIVED.saturating_add(secs(second)))
    };
    assert_eq!(at(Validity::ByAge, "", 59), Judgement::StaleWhileRevalidate { staleness: secs(29) });
    for validity in [Validity::ByAge, Validity::SoftPurged, Validity::Unproven] {
        for directives in ["", "max-stale", "stale-if-error=3600", "max-age=3600, max-stale"] {
            let judgement = at(validity, directives, 60);
            assert_eq!(judgement, revalidate(MustValidate::NotAfter, Fail), "{validity:?} {directives}");
        }
        for hold in [Hold::StaleOnly, Hold::Freeze] {
            assert!(!may_be_held(&policy, &lifetime, validity, hold, end), "{validity:?} {hold:?}");
        }
    }
    assert!(may_be_held(&policy, &lifetime, Validity::ByAge, Hold::Freeze, RECEIVED));
}
