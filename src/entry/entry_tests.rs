//! What an entry costs, and that all of it is charged.

use super::samples::Sample;
use super::*;
use crate::key::{KeyBuilder, KeyPart, PrimaryKey};
use crate::store::memory::{KEY_ALLOCATIONS, MemoryOptions, MemoryTier};

/// A typical catalogue answer: eight fields, two tags.
fn typical() -> Sample {
    Sample {
        headers: vec![
            ("date", "Sun, 22 Nov 2026 05:31:05 GMT"),
            ("content-type", "application/json; charset=utf-8"),
            ("content-length", "1024"),
            ("cache-control", "public, max-age=300, stale-while-revalidate=30"),
            ("etag", "\"0f3c9a77b1\""),
            ("last-modified", "Sat, 21 Nov 2026 18:00:00 GMT"),
            ("server", "gunicorn"),
            ("x-request-id", "6f1f2c9e"),
        ],
        ..Sample::sized(1024)
    }
}

fn key(path: &str) -> PrimaryKey {
    let mut key = KeyBuilder::default();
    key.part(KeyPart::Scheme, b"https")
        .part(KeyPart::Authority, b"shop.example.com")
        .part(KeyPart::Path, path.as_bytes())
        .part(KeyPart::Query, b"currency=EUR");
    key.finish()
}

/// Bookkeeping is what an entry costs beside its head, its body and the names it is found by (URL, key): all structs,
/// reference counts and its share of the tier's own table. To the head belong its bytes, the table of its lines (8 bytes
/// each) and the three pointers to them: they stand in for a second copy of the head as fields. What the allocator adds is charged to the
/// tier but is not counted here.
#[test]
fn bookkeeping_of_a_typical_entry_is_under_600_bytes_beyond_head_and_body() {
    // Halfway between two doublings of the table.
    const ENTRIES: usize = 750;
    let tier = MemoryTier::new(MemoryOptions { size_bytes: 64 << 20, variants_per_key_max: 8 });
    for number in 0..ENTRIES {
        tier.admit(&key(&format!("/api/products/{number:04}")), typical().entry());
    }
    let entry = typical().entry();
    let names = entry.parts.url.len() + key("/api/products/4711").as_bytes().len();
    let allocator = (ALLOCATIONS + KEY_ALLOCATIONS) * ALLOCATION_OVERHEAD_BYTES;
    let head = entry.head_bytes() + size_of::<PreparedHead>();
    let beyond = head + entry.body_bytes() + names + allocator;
    let bookkeeping = usize::try_from(tier.usage().bytes).unwrap() / ENTRIES - beyond;
    assert!(bookkeeping < 600, "{bookkeeping} bytes, of which the struct {}", size_of::<Entry>());
    assert!(bookkeeping > size_of::<EntryParts>(), "something is not counted");
}

#[test]
fn all_that_an_entry_holds_is_charged() {
    let base = typical().entry().weight_bytes();
    let grown = |change: fn(&mut Sample)| {
        let mut sample = typical();
        change(&mut sample);
        sample.entry().weight_bytes() - base
    };
    assert_eq!(grown(|sample| sample.body = StoredBody::AsReceived(vec![b'x'; 1034].into())), 10);
    assert!(grown(|sample| sample.headers.push(("x-long", "0123456789"))) >= "x-long: 0123456789\r\n".len());
    assert!(grown(|sample| sample.tags = vec!["product:4711"]) >= "product:4711".len() + size_of::<Tag>());
    assert!(grown(|sample| sample.variant = vec![("accept-language", "de")]) >= "accept-languagede".len());
}

#[test]
fn the_headers_of_an_entry_are_the_origins() {
    let entry = typical().entry();
    assert_eq!(entry.headers().len(), 8);
    assert_eq!(entry.headers()["etag"], "\"0f3c9a77b1\"");
    assert_eq!(&entry.membership().url[entry.membership().path_start..], "/api/products/4711?currency=EUR");
}
