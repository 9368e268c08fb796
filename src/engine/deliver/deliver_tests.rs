//! What a client gets from an entry, by the clauses of RFC 9110 on preconditions, ranges and codings.

use super::*;
use crate::entry::body::StoredBody;
use crate::entry::coding;
use crate::entry::samples::Sample;
use crate::semantics::partial::Part;
use bytes::Bytes;
use http_body_util::BodyExt;
use std::sync::Arc;

type Lines = [(&'static str, &'static str)];

const NOW: Timestamp = Timestamp::from_secs(90);
const DATE: (&str, &str) = ("date", "Thu, 01 Jan 1970 00:00:00 GMT");
const JSON: (&str, &str) = ("content-type", "application/json");
const TAG: (&str, &str) = ("etag", "\"v1\"");

fn headers(lines: &Lines) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

/// `0123456789` as received, with a type, a tag and a date.
fn digits() -> Arc<Entry> {
    let body = StoredBody::AsReceived(Bytes::from_static(b"0123456789"));
    Sample { headers: vec![DATE, JSON, TAG], body, ..Sample::default() }.entry()
}

/// Bytes 10 to 19 of a representation of 100.
fn digits_of_a_hundred() -> Arc<Entry> {
    let part = Part { range: ByteRange { first: 10, last: 19 }, complete_length: Some(100) };
    let body = StoredBody::AsReceived(Bytes::from_static(b"0123456789"));
    let headers = vec![DATE, JSON, TAG, ("content-range", "bytes 10-19/100")];
    Sample { status: 206, headers, body, part: Some(part), ..Sample::default() }.entry()
}

fn text() -> String {
    "all work and no play makes a dull cache. ".repeat(5000)
}

/// [`text`], gzip-coded by Larder.
fn coded() -> Arc<Entry> {
    let body = coding::coded(text().into(), Coding::Gzip);
    assert_eq!(body.coding(), Some(Coding::Gzip), "the text shrinks");
    Sample { headers: vec![DATE, JSON, TAG], body, ..Sample::default() }.entry()
}

/// Delivers a GET, and collects the body; its length must be what Content-Length says.
async fn get(entry: &Entry, request: &Lines) -> Response<Bytes> {
    get_of(entry, &[Coding::Gzip], request).await
}

/// The same, where these codings are sent.
async fn get_of(entry: &Entry, codings: &[Coding], request: &Lines) -> Response<Bytes> {
    let (head, body) = deliver(entry, &Method::GET, &headers(request), codings, NOW).into_parts();
    let body = body.collect().await.expect("the stored body is whole").to_bytes();
    if let Some(length) = head.headers.get(CONTENT_LENGTH) {
        assert_eq!(*length, body.len().to_string(), "{request:?}");
    }
    Response::from_parts(head, body)
}

fn field<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("visible ASCII"))
}

#[tokio::test]
async fn a_plain_hit_is_the_stored_response_with_its_age() {
    let entry = digits();
    let response = get(&entry, &[]).await;
    assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"0123456789"[..]));
    let mut expected = entry.headers();
    expected.insert("age", HeaderValue::from(90));
    assert_eq!(*response.headers(), expected);
}

#[tokio::test]
async fn a_large_body_is_not_copied() {
    let entry = Sample::sized(100_000).entry();
    let response = get(&entry, &[]).await;
    assert_eq!(response.body().as_ptr(), entry.body().at_rest().as_ptr());
}

#[tokio::test]
async fn an_answer_to_head_has_the_fields_of_get_and_no_body() {
    for entry in [digits(), coded()] {
        let got = get(&entry, &[]).await;
        let response = deliver(&entry, &Method::HEAD, &headers(&[("range", "bytes=0-1")]), &[], NOW);
        assert_eq!((response.status(), response.headers()), (got.status(), got.headers()));
        assert!(response.into_body().collect().await.expect("nothing fails").to_bytes().is_empty());
    }
}

#[tokio::test]
async fn a_coded_body_goes_to_each_client_in_a_coding_it_accepts() {
    let entry = coded();
    let gzip = Some("gzip");
    let rows: &[(&Lines, Option<&str>, &str)] = &[
        (&[("accept-encoding", "gzip")], gzip, "\"v1+gzip\""),
        (&[("accept-encoding", "br, gzip;q=0.5, identity;q=0.1")], gzip, "\"v1+gzip\""),
        (&[], None, "\"v1\""),
        (&[("accept-encoding", "br")], None, "\"v1\""),
        (&[("accept-encoding", "gzip;q=0, identity;q=0")], None, "\"v1\""),
        (&[("accept-encoding", "gzip"), ("cache-control", "no-transform")], None, "\"v1\""),
    ];
    for (request, coding, tag) in rows {
        let response = get(&entry, request).await;
        assert_eq!(field(&response, "content-encoding"), *coding, "{request:?}");
        assert_eq!(field(&response, "etag"), Some(*tag), "{request:?}");
        assert_eq!(field(&response, "vary"), Some("accept-encoding"), "{request:?}");
        let expected = if coding.is_some() { entry.body().to_bytes() } else { text().into() };
        assert!(*response.body() == expected, "{request:?}");
    }
}

#[tokio::test]
async fn what_there_is_goes_to_a_client_until_what_it_prefers_is_made() {
    type Row = (&'static [Coding], &'static str, Option<&'static str>, Option<Coding>);
    let all: &'static [Coding] = &[Coding::Zstd, Coding::Br, Coding::Gzip];
    let with_br = Arc::new(coded().with_recoded(coding::coded(text().into(), Coding::Br)));
    let rows: &[Row] = &[
        (all, "zstd, br, gzip", Some("br"), Some(Coding::Zstd)),
        (all, "zstd, gzip", Some("gzip"), Some(Coding::Zstd)),
        (all, "zstd", None, Some(Coding::Zstd)),
        (all, "br, gzip", Some("br"), None),
        (all, "gzip", Some("gzip"), None),
        (all, "zstd;q=0.5, gzip", Some("gzip"), None),
        (all, "zstd, identity;q=0.5, br;q=0.1", None, Some(Coding::Zstd)),
        // What was made under other rules is not sent, but for what is at rest.
        (&[Coding::Gzip], "br, gzip", Some("gzip"), None),
        (&[Coding::Br], "br, gzip", Some("br"), None),
        (&[Coding::Br], "gzip", Some("gzip"), None),
        (&[Coding::Zstd], "br", None, None),
        (&[], "br, gzip", Some("gzip"), None),
    ];
    for (codings, accepted, sent, unmade) in rows {
        let request = [("accept-encoding", *accepted)];
        let response = get_of(&with_br, codings, &request).await;
        assert_eq!(field(&response, "content-encoding"), *sent, "{codings:?} {accepted}");
        let found = super::unmade(&with_br, &Method::GET, &headers(&request), codings, NOW);
        assert_eq!(found, *unmade, "{codings:?} {accepted}");
        let kept = at_rest(Arc::clone(&with_br), &headers(&request), codings, Conditions::None, NOW);
        let kept = kept.map(|(entry, _)| entry.body().to_bytes());
        let prepared = (unmade.is_none() && sent.is_some()).then(|| response.body().clone());
        assert!(kept == prepared, "{codings:?} {accepted}");
    }
}

#[tokio::test]
async fn a_body_coded_by_the_origin_goes_as_it_came() {
    let body = StoredBody::AsReceived(Bytes::from_static(b"brotli"));
    let entry = Sample { headers: vec![JSON, ("content-encoding", "br")], body, ..Sample::default() }.entry();
    let response = get(&entry, &[]).await;
    assert_eq!((field(&response, "content-encoding"), &response.body()[..]), (Some("br"), &b"brotli"[..]));
}

#[tokio::test]
async fn preconditions_are_judged_by_the_representation_that_would_be_sent() {
    let gzip = ("accept-encoding", "gzip");
    let rows: &[(&str, Arc<Entry>, &Lines, u16)] = &[
        ("the tag", digits(), &[("if-none-match", "\"v1\"")], 304),
        ("another tag", digits(), &[("if-none-match", "\"v2\"")], 200),
        ("the coded tag of the coded one", coded(), &[gzip, ("if-none-match", "\"v1+gzip\"")], 304),
        ("the plain tag of the plain one", coded(), &[("if-none-match", "\"v1\"")], 304),
        ("not this one", digits(), &[("if-match", "\"v2\"")], 412),
        (
            "a part of the representation",
            digits_of_a_hundred(),
            &[("if-none-match", "\"v1\""), ("range", "bytes=10-11")],
            304,
        ),
    ];
    for (what, entry, request, status) in rows {
        assert_eq!(get(entry, request).await.status().as_u16(), *status, "{what}");
    }
    let missing = Sample { status: 404, headers: vec![TAG], ..Sample::default() }.entry();
    assert_eq!(get(&missing, &[("if-none-match", "\"v1\"")]).await.status(), 404, "only a 200 has preconditions");
}

#[tokio::test]
async fn a_304_keeps_what_guides_the_cache_and_tells_nothing_of_the_content() {
    let fields = vec![DATE, JSON, TAG, ("cache-control", "max-age=60"), ("last-modified", DATE.1), ("x-shop", "north")];
    let entry = Sample { headers: fields, ..Sample::default() }.entry();
    let response = get(&entry, &[("if-none-match", "\"v1\"")]).await;
    let expected = headers(&[DATE, TAG, ("cache-control", "max-age=60"), ("x-shop", "north"), ("age", "90")]);
    assert_eq!((response.status().as_u16(), response.headers()), (304, &expected));
    assert!(response.body().is_empty());
}

#[tokio::test]
async fn a_range_of_a_whole_is_a_206_of_these_bytes() {
    let rows: &[(&Lines, u16, Option<&str>, &str)] = &[
        (&[("range", "bytes=2-4")], 206, Some("bytes 2-4/10"), "234"),
        (&[("range", "bytes=-3")], 206, Some("bytes 7-9/10"), "789"),
        (&[("range", "bytes=10-")], 416, Some("bytes */10"), ""),
        (&[("range", "lines=1-2")], 200, None, "0123456789"),
        (&[("range", "bytes=2-4"), ("if-range", "\"v1\"")], 206, Some("bytes 2-4/10"), "234"),
        (&[("range", "bytes=2-4"), ("if-range", "\"v2\"")], 200, None, "0123456789"),
    ];
    for (request, status, content_range, body) in rows {
        let response = get(&digits(), request).await;
        assert_eq!(response.status().as_u16(), *status, "{request:?}");
        assert_eq!(field(&response, "content-range"), *content_range, "{request:?}");
        assert_eq!(response.body(), body, "{request:?}");
        assert_eq!(field(&response, "cache-control"), None);
    }
}

#[tokio::test]
async fn a_range_of_a_coded_body_is_one_of_the_uncoded_bytes() {
    let (entry, text) = (coded(), text());
    let gzip = ("accept-encoding", "gzip");
    let response = get(&entry, &[gzip, ("range", "bytes=100000-100004")]).await;
    assert_eq!((response.status().as_u16(), field(&response, "content-encoding")), (206, None));
    assert_eq!(field(&response, "etag"), Some("\"v1\""));
    assert_eq!(response.body(), &text[100_000..=100_004]);
    let response = get(&entry, &[gzip, ("range", "bytes=0-4"), ("if-range", "\"v1+gzip\"")]).await;
    assert_eq!((response.status().as_u16(), field(&response, "content-encoding")), (200, Some("gzip")));
}

#[tokio::test]
async fn several_ranges_are_sent_as_multipart_with_a_boundary_of_their_own() {
    let (text, ranges) = (text(), ("range", "bytes=70000-70002,5-6,-4"));
    for (entry, in_order) in [(coded(), [1, 0, 2]), (uncoded_text(), [0, 1, 2])] {
        let response = get(&entry, &[ranges]).await;
        assert_eq!((response.status().as_u16(), field(&response, "content-range")), (206, None));
        let content_type = field(&response, "content-type").expect("it has one");
        let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect("the type").to_owned();
        let length = text.len();
        let parts = [(70_000, 70_002), (5, 6), (length - 4, length - 1)];
        let parts = in_order.map(|place: usize| {
            let (first, last) = parts[place];
            let fields = format!("Content-Type: application/json\r\nContent-Range: bytes {first}-{last}/{length}");
            format!("\r\n--{boundary}\r\n{fields}\r\n\r\n{}", &text[first..=last])
        });
        let expected = format!("{}\r\n--{boundary}--\r\n", parts.concat());
        assert_eq!(response.body(), &expected);
        let again = get(&entry, &[ranges]).await;
        assert_ne!(field(&again, "content-type"), field(&response, "content-type"), "the boundary can be foreseen");
    }
}

fn uncoded_text() -> Arc<Entry> {
    let body = StoredBody::AsReceived(text().into());
    Sample { headers: vec![DATE, JSON, TAG], body, ..Sample::default() }.entry()
}

#[tokio::test]
async fn a_stored_part_answers_a_range_inside_it_and_nothing_else() {
    let entry = digits_of_a_hundred();
    let held: &[(&Lines, &str, &str)] = &[
        (&[("range", "bytes=12-14")], "bytes 12-14/100", "234"),
        (&[("range", "bytes=10-19"), ("if-range", "\"v1\"")], "bytes 10-19/100", "0123456789"),
    ];
    for (request, content_range, body) in held {
        assert_eq!(holding(&entry, &Method::GET, &headers(request), NOW), Holding::Held, "{request:?}");
        let response = get(&entry, request).await;
        assert_eq!((response.status().as_u16(), field(&response, "content-range")), (206, Some(*content_range)));
        assert_eq!((response.body(), field(&response, "age")), (&Bytes::from_static(body.as_bytes()), Some("90")));
    }
    let missing: &[(Method, &Lines)] = &[
        (Method::GET, &[]),
        (Method::GET, &[("range", "bytes=5-12")]),
        (Method::GET, &[("range", "bytes=12-25")]),
        (Method::GET, &[("range", "bytes=12-13,15-16")]),
        (Method::GET, &[("range", "bytes=12-13"), ("if-range", "\"v2\"")]),
        (Method::HEAD, &[("range", "bytes=12-13")]),
    ];
    for (method, request) in missing {
        assert_eq!(holding(&entry, method, &headers(request), NOW), Holding::Missing, "{method} {request:?}");
    }
    assert_eq!(holding(&digits(), &Method::GET, &headers(&[]), NOW), Holding::Held, "a whole holds everything");
}

#[tokio::test]
async fn an_error_about_the_request_is_neither_cacheable_nor_hidden_from_pages() {
    let fields = vec![DATE, JSON, TAG, ("cache-control", "max-age=60"), ("access-control-allow-origin", "*")];
    let entry = Sample { headers: fields, ..Sample::default() }.entry();
    let expected =
        headers(&[("access-control-allow-origin", "*"), ("content-length", "0"), ("content-range", "bytes */2")]);
    assert_eq!(*get(&entry, &[("range", "bytes=5-")]).await.headers(), expected);
}

#[test]
fn an_age_too_large_to_tell_is_told_as_two_to_the_thirty_first() {
    let response = deliver(&digits(), &Method::GET, &HeaderMap::new(), &[], Timestamp::from_secs(u64::MAX / 2000));
    assert_eq!(response.headers()[AGE], "2147483648");
}
