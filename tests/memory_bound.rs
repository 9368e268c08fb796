//! Invariant 6: memory stays under its bound with any mix of sizes. Here the tier's own account is held against all that
//! this process has allocated; the account alone is tested beside the tier.
//!
//! One test in a process of its own, so that nothing else allocates meanwhile. What the allocator keeps beyond that, in
//! holes between allocations, is its own affair and not bounded here.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use larder::testing::clock::Timestamp;
use larder::testing::entry::{Entry, EntryParts, StoredBody};
use larder::testing::key::{KeyBuilder, KeyPart, PrimaryKey};
use larder::testing::scope::{RouteName, Tag};
use larder::testing::semantics::{ExchangeTimes, ResponsePolicy, VariantKey};
use larder::testing::stamp::Stamp;
use larder::testing::store::{MemoryOptions, MemoryTier};
use peak_alloc::PeakAlloc;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const SIZE_BYTES: u64 = 32 << 20;

#[test]
fn memory_stays_under_its_bound_with_any_mix_of_sizes() {
    let tier = MemoryTier::new(MemoryOptions { size_bytes: SIZE_BYTES, variants_per_key_max: 8 });
    let before = ALLOCATOR.current_usage();
    let mut offered_bytes = 0;
    let mut random = Random(42);
    // First many small ones, which make the tier's table as large as it gets, then larger and larger ones.
    for (share, body_bytes_max) in [(2, 200), (1, 2_000), (2, 50_000), (3, 2_000_000)] {
        let until = offered_bytes + share * SIZE_BYTES;
        while offered_bytes < until {
            let number = random.next();
            let entry = entry(number, usize::try_from(random.next() % body_bytes_max).expect("it is small"));
            offered_bytes += entry.weight_bytes() as u64;
            tier.admit(&key(number), entry);
        }
        let usage = tier.usage();
        assert!(usage.bytes <= SIZE_BYTES, "bodies up to {body_bytes_max}: {usage:?}");
        let grown = (ALLOCATOR.current_usage() - before) as u64;
        assert!(grown <= SIZE_BYTES, "bodies up to {body_bytes_max}: {grown} bytes are allocated, {usage:?}");
        assert!(grown > SIZE_BYTES / 2, "bodies up to {body_bytes_max}: only {grown} bytes are allocated, {usage:?}");
    }
}

fn key(number: u64) -> PrimaryKey {
    let mut builder = KeyBuilder::default();
    builder.part(KeyPart::Authority, b"shop.example.com").part(KeyPart::Path, url(number).as_bytes());
    builder.finish()
}

fn url(number: u64) -> String {
    format!("http://shop.example.com/api/products/{number}")
}

/// An entry whose headers and body arrived as views of a large read buffer, as they do from a connection.
fn entry(number: u64, body_bytes: usize) -> Arc<Entry> {
    let buffer = Bytes::from(vec![b'x'; body_bytes + 16 * 1024]);
    let mut headers = HeaderMap::new();
    for name in ["cache-control", "x-first", "x-second", "x-third"] {
        headers.insert(name, HeaderValue::from_maybe_shared(buffer.slice(..20)).expect("letters are valid"));
    }
    let times = ExchangeTimes { requested_at: Timestamp::EPOCH, received_at: Timestamp::EPOCH };
    let parts = EntryParts {
        url: url(number).into(),
        path_start: 23,
        route: RouteName::new("product"),
        tags: [Tag::new(&format!("product:{number}")).expect("it is a tag")].into(),
        status: StatusCode::OK,
        policy: ResponsePolicy::parse(StatusCode::OK, &headers, times),
        variant: VariantKey::default(),
        body: StoredBody::from_pieces(vec![buffer.slice(..body_bytes)]),
        part: None,
        stamp: Stamp::ZERO,
        stored_at: Timestamp::EPOCH,
        filed_by: 0,
        settling: None,
    };
    Arc::new(Entry::new(parts, &headers))
}

/// A multiplicative generator: the same sizes on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}
