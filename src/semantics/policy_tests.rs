//! Lifetimes and ages, RFC 9111 section 4.2.

use super::super::date::format_http_date;
use super::LifetimeSource::{Expires, MaxAge, SharedMaxAge, Targeted};
use super::OriginLifetime::{Absent, Explicit, Heuristic};
use super::*;
use http::HeaderValue;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_305_600_000);
const DAY: i64 = 86_400;
const AT_ONCE: ExchangeTimes = ExchangeTimes { requested_at: NOW, received_at: NOW };

type Lines<'a> = &'a [(&'static str, &'a str)];

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// `@N` stands for the date that many seconds from now.
fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let offset = value.strip_prefix('@').and_then(|offset| offset.parse::<i64>().ok());
        let value = match offset {
            Some(offset) => format_http_date(Timestamp::from_secs(NOW.as_secs().saturating_add_signed(offset))),
            None => HeaderValue::from_str(value).expect("a field value"),
        };
        headers.append(*name, value);
    }
    headers
}

fn policy(status: u16, lines: &[(&'static str, &str)]) -> ResponsePolicy {
    ResponsePolicy::parse(StatusCode::from_u16(status).expect("a status"), &headers(lines), AT_ONCE)
}

#[test]
fn section_4_2_1_the_first_source_that_applies_gives_the_lifetime() {
    const CC: &str = "cache-control";
    const CDN: &str = "cdn-cache-control";
    let rows: &[(Lines<'_>, OriginLifetime)] = &[
        (&[], Absent),
        (&[(CC, "max-age=60")], Explicit(secs(60), MaxAge)),
        (&[(CC, "s-maxage=60")], Explicit(secs(60), SharedMaxAge)),
        (&[(CC, "max-age=1, s-maxage=60")], Explicit(secs(60), SharedMaxAge)),
        (&[(CC, "s-maxage=1"), (CC, "max-age=60")], Explicit(secs(1), SharedMaxAge)),
        (&[(CC, "max-age=0, s-maxage=60"), ("expires", "@-10")], Explicit(secs(60), SharedMaxAge)),
        // max-age over Expires, whatever Expires says.
        (&[(CC, "max-age=60"), ("expires", "@-7200"), ("date", "@0")], Explicit(secs(60), MaxAge)),
        (&[(CC, "max-age=60"), ("expires", "0"), ("date", "@0")], Explicit(secs(60), MaxAge)),
        (&[(CC, "max-age=0"), ("expires", "@3600"), ("date", "@0")], Explicit(secs(0), MaxAge)),
        (&[(CC, "max-age=x"), ("expires", "@3600")], Explicit(secs(0), MaxAge)),
        // Expires minus Date.
        (&[("expires", "@3600"), ("date", "@0")], Explicit(secs(3600), Expires)),
        (&[("expires", "@0"), ("date", "@0")], Explicit(secs(0), Expires)),
        (&[("expires", "@300"), ("date", "@400")], Explicit(secs(0), Expires)),
        (&[("expires", "@20"), ("date", "@10")], Explicit(secs(10), Expires)),
        (&[("expires", "@10"), ("date", "@-10")], Explicit(secs(20), Expires)),
        (&[("expires", "@10")], Explicit(secs(10), Expires)),
        (&[("expires", "@10"), ("date", "foo")], Explicit(secs(10), Expires)),
        // Section 5.3: an invalid Expires is in the past; section 4.2.1: so are two.
        (&[("expires", "0"), ("date", "@0"), ("last-modified", "@-1000")], Explicit(secs(0), Expires)),
        (&[("expires", "@10"), ("expires", "@10")], Explicit(secs(0), Expires)),
        // RFC 9213 section 2.2: a targeted field replaces both.
        (&[(CDN, "max-age=60"), (CC, "max-age=1")], Explicit(secs(60), Targeted)),
        (&[(CDN, "max-age=0"), ("expires", "@60")], Explicit(secs(0), Targeted)),
        (&[(CDN, "max-age=60"), (CC, "s-maxage=1"), ("expires", "0")], Explicit(secs(60), Targeted)),
        (&[(CDN, "s-maxage=60, max-age=1")], Explicit(secs(60), Targeted)),
        (&[(CDN, "foo"), (CC, "max-age=60"), ("expires", "@60")], Absent),
        (&[(CDN, "max-age=5, &"), (CC, "max-age=60")], Explicit(secs(60), MaxAge)),
    ];
    for (lines, expected) in rows {
        assert_eq!(policy(200, lines).lifetime, *expected, "{lines:?}");
    }
    assert!(!policy(200, &[(CDN, "max-age=60"), (CC, "no-store, private")]).directives.no_store);
    assert!(policy(200, &[(CDN, "no-store"), (CC, "max-age=60")]).directives.no_store);
}

#[test]
fn section_4_2_2_a_tenth_of_the_time_since_last_modified() {
    let day_ago = ("last-modified", "@-86400");
    let rows: &[(u16, Lines<'_>, OriginLifetime)] = &[
        (200, &[day_ago, ("date", "@0")], Heuristic(secs(8640))),
        (200, &[day_ago], Heuristic(secs(8640))),
        (200, &[("last-modified", "@-5"), ("date", "@0")], Heuristic(Duration::from_millis(500))),
        (200, &[("last-modified", "@-8640001"), ("date", "@0")], Heuristic(HEURISTIC_MAX)),
        (200, &[("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT")], Heuristic(HEURISTIC_MAX)),
        (200, &[("last-modified", "@5"), ("date", "@0")], Absent),
        (200, &[("last-modified", "yesterday"), ("date", "@0")], Absent),
        (200, &[day_ago, ("cache-control", "max-age=5")], Explicit(secs(5), MaxAge)),
        // Marked as cacheable by `public`.
        (599, &[day_ago], Absent),
        (599, &[day_ago, ("cache-control", "public")], Heuristic(secs(8640))),
        (200, &[day_ago, ("cache-control", "public")], Heuristic(secs(8640))),
    ];
    for (status, lines, expected) in rows {
        assert_eq!(policy(*status, lines).lifetime, *expected, "{status} {lines:?}");
    }
    // RFC 9110 section 15.1
    let heuristically_cacheable: Vec<_> =
        (200..600).filter(|&status| policy(status, &[day_ago]).lifetime != Absent).collect();
    assert_eq!(heuristically_cacheable, [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);
}

#[test]
fn section_4_2_3_the_initial_age_is_the_greater_of_two_estimates() {
    let rows: &[(Lines<'_>, u64, u64)] = &[
        // Lines, response delay in milliseconds, age in milliseconds.
        (&[], 0, 0),
        (&[("date", "@0")], 0, 0),
        (&[("date", "@-7200")], 0, 7_200_000),
        (&[("date", "@7200")], 0, 0),
        (&[("date", "nonsense")], 0, 0),
        (&[("age", "30")], 0, 30_000),
        (&[("age", "30"), ("date", "@-7200")], 0, 7_200_000),
        (&[("age", "7200"), ("date", "@-30")], 0, 7_200_000),
        (&[("age", "-30")], 0, 0),
        (&[], 2_300, 2_300),
        (&[("age", "30")], 2_300, 32_300),
        (&[("date", "@-2")], 2_300, 2_300),
        (&[("date", "@-3")], 2_300, 3_000),
    ];
    for (lines, delay, expected) in rows {
        let times = ExchangeTimes { requested_at: NOW.saturating_sub(Duration::from_millis(*delay)), received_at: NOW };
        let policy = ResponsePolicy::parse(StatusCode::OK, &headers(lines), times);
        assert_eq!(policy.initial_age, Duration::from_millis(*expected), "{lines:?} {delay}");
        assert_eq!(policy.current_age(NOW.saturating_add(secs(5))), Duration::from_millis(expected + 5_000));
    }
    // Within the second in which the origin wrote its Date no age is apparent.
    let received_at = NOW.saturating_add(Duration::from_millis(999));
    let times = ExchangeTimes { requested_at: received_at, received_at };
    assert_eq!(ResponsePolicy::parse(StatusCode::OK, &headers(&[("date", "@0")]), times).initial_age, Duration::ZERO);
}

#[test]
fn the_lifetime_by_origin_carries_its_stale_windows() {
    let policy = policy(200, &[("cache-control", "max-age=1, stale-while-revalidate=2, stale-if-error=3")]);
    let expected = Lifetime {
        fresh_for: secs(1),
        source: MaxAge,
        stale_while_revalidate: StaleWindow::of_origin(Some(secs(2))),
        stale_if_error: StaleWindow::of_origin(Some(secs(3))),
        ends_at: None,
    };
    assert_eq!(policy.lifetime_by_origin(), expected);
}

proptest! {
    #[test]
    fn age_is_monotone_and_saturates(age in any::<u64>(), delay in any::<u64>(), one in any::<u64>(), other in any::<u64>()) {
        let received_at = Timestamp::from_millis(u64::MAX / 2);
        let times = ExchangeTimes { requested_at: received_at.saturating_sub(Duration::from_millis(delay)), received_at };
        let policy = ResponsePolicy::parse(StatusCode::OK, &headers(&[("age", &age.to_string())]), times);
        let (earlier, later) = (one.min(other), one.max(other));
        let age_at = |millis| policy.current_age(Timestamp::from_millis(millis));
        prop_assert!(age_at(earlier) <= age_at(later));
        prop_assert!(age_at(earlier) >= policy.initial_age);
    }

    #[test]
    fn any_dates_make_a_lifetime_within_its_bounds(
        expires in -40_000 * DAY..40_000 * DAY,
        last_modified in -40_000 * DAY..40_000 * DAY,
        date in -40_000 * DAY..40_000 * DAY,
        says_expires in any::<bool>(),
    ) {
        let (expires, last_modified, date) = (format!("@{expires}"), format!("@{last_modified}"), format!("@{date}"));
        let mut lines = vec![("last-modified", last_modified.as_str()), ("date", date.as_str())];
        if says_expires {
            lines.push(("expires", expires.as_str()));
        }
        match policy(200, &lines).lifetime {
            Explicit(_, source) => prop_assert!(says_expires && source == Expires),
            Heuristic(lifetime) => prop_assert!(!says_expires && lifetime <= HEURISTIC_MAX),
            Absent => prop_assert!(!says_expires),
        }
    }
}
