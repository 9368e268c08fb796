//! What an entry costs, and that all of it is charged.

use super::samples::{Sample, TWO_BYTES};
use super::*;
use crate::semantics::content_coding::Coding;
use bytes::Bytes;

#[test]
fn all_that_an_entry_holds_is_charged() {
    let base = Sample::typical().entry().weight_bytes();
    let grown = |change: fn(&mut Sample)| {
        let mut sample = Sample::typical();
        change(&mut sample);
        sample.entry().weight_bytes() - base
    };
    assert_eq!(grown(|sample| sample.body = StoredBody::AsReceived(vec![b'x'; 1034].into())), 10);
    assert!(grown(|sample| sample.body = StoredBody::AsReceived(vec![b'x'; 100_000].into())) > 100_000 - 1024);
    assert!(grown(|sample| sample.headers.push(("x-long", "0123456789"))) >= "x-long: 0123456789\r\n".len());
    assert!(grown(|sample| sample.tags = vec!["product:4711"]) >= "product:4711".len());
    assert!(grown(|sample| sample.variant = vec![("accept-language", "de")]) >= "accept-languagede".len());
}

#[test]
fn the_headers_of_an_entry_are_the_origins() {
    let entry = Sample::typical().entry();
    assert_eq!(entry.headers().len(), 8);
    assert_eq!(entry.headers()["etag"], "\"0f3c9a77b1\"");
    assert_eq!(&entry.membership().url[entry.membership().path_start..], "/api/products/4711?currency=EUR");
}

#[test]
fn a_body_is_found_as_it_was_within_the_record_and_apart() {
    for body_bytes in [0, 1, BODY_WITHIN_RECORD_MAX, BODY_WITHIN_RECORD_MAX + 1] {
        let bytes = Bytes::from(vec![b'x'; body_bytes]);
        let coded = |coding, identity_bytes| StoredBody::Coded { coding, coded: bytes.clone(), identity_bytes };
        let lengths = [0, 1, 5, (1 << 30) - 1, 1 << 30, u64::from(u32::MAX), u64::MAX];
        let coded = Coding::ALL.iter().flat_map(|coding| lengths.map(|length| coded(*coding, length)));
        for body in coded.chain([StoredBody::AsReceived(bytes.clone())]) {
            let entry = Sample { body: body.clone(), ..Sample::typical() }.entry();
            assert_eq!(entry.body().to_stored(), body);
            assert_eq!((entry.body().at_rest(), &entry.body().to_bytes()), (&bytes[..], &bytes));
            assert_eq!(entry.body().identity_bytes(), body.identity_bytes());
            assert_eq!(entry.body().coding(), body.coding());
        }
    }
}

#[test]
fn a_small_entry_has_nothing_beside_its_record() {
    let small = Sample { tags: vec!["catalogue", "product:4711"], ..Sample::typical() }.entry();
    assert!(small.apart.is_none() && small.rare.is_none());
    let part = Sample { status: 206, part: Some(TWO_BYTES), ..Sample::default() }.entry();
    assert_eq!(part.part(), Some(TWO_BYTES));
}

#[test]
fn an_entry_is_filed_under_the_tags_that_it_was_given() {
    for tags in [vec![], vec!["a"], vec!["product:4711", "caf\u{e9}", "a"]] {
        let entry = Sample { tags: tags.clone(), ..Sample::default() }.entry();
        let (url, path_start, route, found) = entry.filed_under();
        assert_eq!((url, path_start), ("https://shop.example.com/api/products/4711?currency=EUR", 24));
        assert_eq!((route.as_str(), found), ("product", tags));
    }
}
