//! What an entry costs, and that all of it is charged.

use super::samples::Sample;
use super::*;

#[test]
fn all_that_an_entry_holds_is_charged() {
    let base = Sample::typical().entry().weight_bytes();
    let grown = |change: fn(&mut Sample)| {
        let mut sample = Sample::typical();
        change(&mut sample);
        sample.entry().weight_bytes() - base
    };
    assert_eq!(grown(|sample| sample.body = StoredBody::AsReceived(vec![b'x'; 1034].into())), 10);
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
