//! The bytes of a prepared head and the fields of its views.

use super::*;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn text(head: &PreparedHead) -> &str {
    std::str::from_utf8(&head.bytes[..head.at_rest_bytes]).expect("the head is ASCII")
}

fn fields(head: &PreparedHead, view: View) -> HeaderMap {
    HeadLines { bytes: &head.bytes, table: &head.table }.fields(view, 0)
}

const ORIGIN: &[(&str, &str)] = &[
    ("content-type", "application/json"),
    ("etag", "\"v1\""),
    ("vary", "accept-language"),
    ("x-shop", "north"),
    ("link", "</a>; rel=next"),
    ("link", "</b>; rel=prev"),
    ("age", "7"),
    ("connection", "close"),
    ("content-length", "2000"),
];

fn coded(coding: Coding) -> StoredBody {
    StoredBody::Coded { coding, coded: Bytes::from_static(b"0123456789"), identity_bytes: 2000 }
}

#[test]
fn the_head_of_a_body_as_received_is_the_origins_without_age_and_connection_fields() {
    let body = StoredBody::AsReceived(Bytes::from_static(b"{\"a\":1}"));
    let head = PreparedHead::new(StatusCode::OK, &headers(ORIGIN), &body);
    let expected = "HTTP/1.1 200 OK\r\n\
        content-type: application/json\r\n\
        etag: \"v1\"\r\n\
        vary: accept-language\r\n\
        x-shop: north\r\n\
        link: </a>; rel=next\r\n\
        link: </b>; rel=prev\r\n\
        content-length: 7\r\n";
    assert_eq!(text(&head), expected);
    for view in [View::AtRest, View::Identity, View::Origin] {
        let mut expected = headers(ORIGIN);
        expected.remove("age");
        expected.remove("connection");
        expected.insert("content-length", HeaderValue::from(7));
        assert_eq!(fields(&head, view), expected, "{view:?}");
    }
}

#[test]
fn a_coded_body_has_a_head_for_each_view() {
    for coding in Coding::ALL {
        check_views_of(coding);
    }
}

fn check_views_of(coding: Coding) {
    let head = PreparedHead::new(StatusCode::OK, &headers(ORIGIN), &coded(coding));
    let token = coding.token();
    let coded_tag = format!("\"v1+{token}\"");
    let check = |view: View, tag: &str, vary: &[&str], coding: Option<&str>, length: &str| {
        let fields = fields(&head, view);
        let lines = |name: &str| fields.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(lines("etag"), [tag], "{view:?}");
        assert_eq!(lines("vary"), vary, "{view:?}");
        assert_eq!(lines("content-encoding").first().copied(), coding, "{view:?}");
        assert_eq!(lines("content-length"), [length], "{view:?}");
        assert_eq!(lines("link"), ["</a>; rel=next", "</b>; rel=prev"], "{view:?}");
    };
    check(View::AtRest, &coded_tag, &["accept-language", "accept-encoding"], Some(token), "10");
    check(View::Identity, "\"v1\"", &["accept-language", "accept-encoding"], None, "2000");
    check(View::Origin, "\"v1\"", &["accept-language"], None, "2000");
    assert!(text(&head).ends_with(&format!("etag: {coded_tag}\r\ncontent-length: 10\r\n")), "{}", text(&head));
    assert!(!text(&head).contains("2000"), "the head at rest holds a line of another view");
}

#[test]
fn vary_is_not_repeated_where_the_origin_names_accept_encoding() {
    let head =
        PreparedHead::new(StatusCode::OK, &headers(&[("vary", "Accept , ACCEPT-Encoding")]), &coded(Coding::Gzip));
    let fields = fields(&head, View::AtRest);
    assert_eq!(fields.get_all("vary").iter().collect::<Vec<_>>(), ["Accept , ACCEPT-Encoding"]);
}

#[test]
fn a_204_has_no_content_length_and_an_unknown_status_no_phrase() {
    let empty = StoredBody::AsReceived(Bytes::new());
    let head = PreparedHead::new(StatusCode::NO_CONTENT, &headers(&[]), &empty);
    assert_eq!(text(&head), "HTTP/1.1 204 No Content\r\n");
    let head = PreparedHead::new(StatusCode::from_u16(299).unwrap(), &headers(&[]), &empty);
    assert_eq!(text(&head), "HTTP/1.1 299 \r\ncontent-length: 0\r\n");
}
