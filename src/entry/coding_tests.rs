//! Which bodies are coded at rest.

use super::*;
use http::HeaderValue;

type Lines = [(&'static str, &'static str)];

fn headers(lines: &Lines) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn only_large_uncoded_whole_text_is_coded() {
    use Compressibility::{AsReceived, Worthwhile};
    let json = ("content-type", "application/json");
    let rows: &[(&str, u16, &Lines, usize, Compressibility)] = &[
        ("JSON", 200, &[json], 1024, Worthwhile),
        ("parameters and case do not matter", 200, &[("content-type", "Text/HTML; charset=utf-8")], 4096, Worthwhile),
        ("a +json suffix", 200, &[("content-type", "application/problem+json")], 4096, Worthwhile),
        ("an error page", 404, &[json], 4096, Worthwhile),
        ("just under 1 KiB", 200, &[json], 1023, AsReceived),
        ("an image that is coded by itself", 200, &[("content-type", "image/png")], 4096, AsReceived),
        ("no type", 200, &[], 4096, AsReceived),
        ("a type that only begins alike", 200, &[("content-type", "application/json5")], 4096, AsReceived),
        ("coded by the origin", 200, &[json, ("content-encoding", "br")], 4096, AsReceived),
        ("a part", 206, &[json, ("content-range", "bytes 0-4095/9000")], 4096, AsReceived),
        ("no-transform", 200, &[json, ("cache-control", "max-age=5, no-transform")], 4096, AsReceived),
        ("a digest of the content", 200, &[json, ("content-digest", "sha-256=:AA==:")], 4096, AsReceived),
    ];
    for (what, status, lines, body_bytes, expected) in rows {
        let status = StatusCode::from_u16(*status).expect("a status");
        assert_eq!(compressibility(status, &headers(lines), *body_bytes), *expected, "{what}");
    }
}

#[test]
fn what_saves_less_than_a_tenth_stays_as_received() {
    // A congruential generator's high bytes: nothing that a coder finds.
    let noise: Vec<u8> = (0..4096u32)
        .scan(7u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes().first().copied()
        })
        .collect();
    let noise = Bytes::from(noise);
    for coding in Coding::ALL {
        assert!(matches!(coded(noise.clone(), coding), StoredBody::AsReceived(_)), "{coding:?}");
    }
}

#[tokio::test]
async fn small_and_large_bodies_are_coded_alike_on_and_off_the_path() {
    let policy = super::super::samples::policy(StatusCode::OK);
    let json = headers(&[("content-type", "application/json")]);
    for (repeats, coding) in [100, 10_000].into_iter().flat_map(|repeats| Coding::ALL.map(|coding| (repeats, coding))) {
        let body = Bytes::from("the same words over and over; ".repeat(repeats));
        let pieces = || vec![body.slice(..100), body.slice(100..)];
        let kept = at_rest(pieces(), &json, &policy, Some(coding)).await;
        assert_eq!((&kept, kept.coding()), (&coded(body.clone(), coding), Some(coding)));
        assert_eq!(at_rest(pieces(), &headers(&[]), &policy, Some(coding)).await, StoredBody::AsReceived(body.clone()));
        assert_eq!(at_rest(pieces(), &json, &policy, None).await, StoredBody::AsReceived(body.clone()));
    }
}

#[tokio::test]
async fn no_transform_counts_in_a_targeted_field_too() {
    let mut policy = super::super::samples::policy(StatusCode::OK);
    policy.directives.no_transform = true;
    let body = Bytes::from("the same words over and over; ".repeat(100));
    let kept =
        at_rest(vec![body.clone()], &headers(&[("content-type", "text/plain")]), &policy, Some(Coding::Gzip)).await;
    assert_eq!(kept, StoredBody::AsReceived(body));
}
