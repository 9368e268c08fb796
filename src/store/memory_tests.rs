//! The memory tier: what is found, what gives way, and the bound by its own account (invariant 6).

use super::*;
use crate::entry::ALLOCATIONS;
use crate::entry::samples::Sample;
use crate::key::{KeyBuilder, KeyPart};
use proptest::prelude::*;

fn key(path: &str) -> PrimaryKey {
    let mut builder = KeyBuilder::default();
    builder.part(KeyPart::Path, path.as_bytes());
    builder.finish()
}

fn tier(size_bytes: u64) -> MemoryTier {
    MemoryTier::new(MemoryOptions { size_bytes, variants_per_key_max: 4 })
}

fn variant(value: &'static str) -> Arc<Entry> {
    Sample { variant: vec![("accept-language", value)], ..Sample::default() }.entry()
}

/// Discards each variant of a key.
fn remove(tier: &MemoryTier, key: &PrimaryKey) {
    let stored = tier.peek(key).unwrap_or_default();
    stored.entries().iter().for_each(|entry| tier.discard(key, entry));
}

#[test]
fn what_is_admitted_is_found_until_it_is_removed() {
    let tier = tier(1 << 20);
    let entry = Sample::default().entry();
    assert_eq!(tier.admit(&key("/a"), Arc::clone(&entry)), Admission::Stored);
    for found in [tier.lookup(&key("/a")), tier.peek(&key("/a"))] {
        assert!(Arc::ptr_eq(&found.expect("it is stored").entries()[0], &entry));
    }
    assert!(tier.lookup(&key("/b")).is_none());
    remove(&tier, &key("/a"));
    assert!(tier.peek(&key("/a")).is_none());
    let usage = tier.usage();
    assert_eq!((usage.entries, usage.keys, usage.evicted_removed, usage.evicted_capacity), (0, 0, 1, 0));
}

#[test]
fn variants_of_a_key_live_side_by_side_up_to_the_cap() {
    let tier = tier(1 << 20);
    for value in ["da", "de", "en", "fi", "fr", "fr"] {
        assert_eq!(tier.admit(&key("/a"), variant(value)), Admission::Stored);
    }
    let found = tier.lookup(&key("/a")).expect("it is stored");
    let languages: Vec<_> = found.entries().iter().map(|entry| entry.variant().0[0].1.to_vec()).collect();
    assert_eq!(languages, [b"fr", b"fi", b"en", b"de"]);
    let usage = tier.usage();
    assert_eq!((usage.entries, usage.keys, usage.evicted_replaced, usage.evicted_capacity), (4, 1, 2, 0));
}

#[test]
fn replacing_and_removing_an_entry_need_it_to_be_there_still() {
    let tier = tier(1 << 20);
    let (older, other) = (variant("de"), variant("en"));
    tier.admit(&key("/a"), Arc::clone(&older));
    tier.admit(&key("/a"), Arc::clone(&other));
    let newer = variant("de");
    assert_eq!(tier.replace(&key("/a"), &older, Arc::clone(&newer)), Admission::Stored);
    assert_eq!(tier.replace(&key("/a"), &older, variant("de")), Admission::Gone, "it was replaced already");
    assert_eq!(tier.replace(&key("/b"), &newer, variant("de")), Admission::Gone, "nothing is stored there");
    tier.discard(&key("/a"), &other);
    tier.discard(&key("/a"), &other);
    let found = tier.lookup(&key("/a")).expect("the newer one is stored");
    assert!(found.entries().len() == 1 && Arc::ptr_eq(&found.entries()[0], &newer));
    tier.discard(&key("/a"), &newer);
    assert!(tier.lookup(&key("/a")).is_none());
    let usage = tier.usage();
    assert_eq!((usage.entries, usage.evicted_replaced, usage.evicted_removed), (0, 1, 2));
}

#[test]
fn what_is_too_large_is_refused_and_takes_what_it_supersedes_with_it() {
    let tier = tier(1 << 20);
    tier.admit(&key("/a"), Sample::default().entry());
    tier.admit(&key("/a"), variant("de"));
    assert_eq!(tier.admit(&key("/a"), Sample::sized(1 << 20).entry()), Admission::TooLarge);
    let found = tier.lookup(&key("/a")).expect("the other variant is stored");
    assert_eq!(found.entries().len(), 1);
    assert_eq!(tier.admit(&key("/b"), Sample::sized(1 << 20).entry()), Admission::TooLarge);
    assert!(tier.lookup(&key("/b")).is_none());
}

#[test]
fn the_largest_entry_that_is_not_refused_is_stored() {
    for size_bytes in [64 << 10, 1 << 20, 100 << 20] {
        let tier = tier(size_bytes);
        let share = usize::try_from(tier.cache.shard_capacity()).unwrap();
        for percent in (80..=101).rev() {
            let entry = Sample::sized(share / 100 * percent).entry();
            let admission = tier.admit(&key("/large"), Arc::clone(&entry));
            assert_eq!(tier.lookup(&key("/large")).is_some(), admission == Admission::Stored, "{percent} % of {share}");
            assert!(percent > 90 || admission == Admission::Stored, "{percent} % of {share} was refused");
        }
    }
}

#[test]
fn variants_that_do_not_fit_together_give_way_to_the_newest() {
    let tier = tier(1 << 20);
    for value in ["da", "de", "en"] {
        let body = Sample::sized(600 << 10).body;
        let entry = Sample { body, variant: vec![("accept-language", value)], ..Sample::default() }.entry();
        assert_eq!(tier.admit(&key("/a"), Arc::clone(&entry)), Admission::Stored);
    }
    let found = tier.lookup(&key("/a")).expect("the newest is stored");
    assert_eq!(found.entries().len(), 1);
    assert_eq!(*found.entries()[0].variant().0[0].1, *b"en");
}

#[test]
fn writers_of_one_key_do_not_lose_each_others_variants() {
    for _ in 0..50 {
        let tier = tier(1 << 20);
        std::thread::scope(|scope| {
            for value in ["da", "de", "en", "fi"] {
                let tier = &tier;
                scope.spawn(move || tier.admit(&key("/a"), variant(value)));
            }
        });
        assert_eq!(tier.lookup(&key("/a")).map(|found| found.entries().len()), Some(4));
    }
}

#[test]
fn what_is_used_outlives_what_is_not() {
    let tier = tier(256 << 10);
    tier.admit(&key("/used"), Sample::sized(1024).entry());
    for number in 0..2000 {
        assert!(tier.lookup(&key("/used")).is_some(), "evicted after {number} others came");
        tier.admit(&key(&format!("/once/{number}")), Sample::sized(1024).entry());
    }
    assert!(tier.usage().evicted_capacity > 1000);
}

#[derive(Debug, Clone)]
enum Step {
    Admit { path: u16, body_bytes: usize, language: &'static str },
    Remove { path: u16 },
    Use { path: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    let body = prop_oneof![4 => 0usize..2000, 2 => 2000usize..40_000, 1 => 40_000usize..300_000];
    let language = prop_oneof![Just("de"), Just("en"), Just("fr")];
    prop_oneof![
        8 => (0u16..400, body, language).prop_map(|(path, body_bytes, language)| Step::Admit { path, body_bytes, language }),
        1 => (0u16..400).prop_map(|path| Step::Remove { path }),
        2 => (0u16..400).prop_map(|path| Step::Use { path }),
    ]
}

#[test]
fn what_has_left_the_tier_is_not_said_to_be_in_it() {
    let tier = tier(256 << 10);
    let scope = Scope::Url(Sample::default().entry().membership().url.into());
    tier.admit(&key("/a"), Sample::default().entry());
    tier.admit(&key("/a"), Sample::default().entry());
    assert!(tier.may_hold(&scope));
    tier.admit(&key("/b"), variant("de"));
    remove(&tier, &key("/a"));
    assert!(tier.may_hold(&scope));
    // Too large: it takes away what it was to take the place of.
    tier.admit(&key("/b"), Sample { variant: vec![("accept-language", "de")], ..Sample::sized(1 << 20) }.entry());
    assert!(!tier.carried.may_hold(&scope));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Invariant 6, by the tier's own account; `tests/memory_bound.rs` holds the account against the allocator.
    #[test]
    fn memory_stays_under_its_bound_with_any_mix_of_sizes(
        size_bytes in 20_000u64..2_000_000,
        steps in proptest::collection::vec(step(), 1..300),
    ) {
        let tier = tier(size_bytes);
        for step in steps {
            match step {
                Step::Admit { path, body_bytes, language } => {
                    let body = Sample::sized(body_bytes).body;
                    let entry = Sample { body, variant: vec![("accept-language", language)], ..Sample::default() };
                    tier.admit(&key(&format!("/{path}")), entry.entry());
                }
                Step::Remove { path } => remove(&tier, &key(&format!("/{path}"))),
                Step::Use { path } => drop(tier.lookup(&key(&format!("/{path}")))),
            }
            let usage = tier.usage();
            prop_assert!(usage.bytes <= size_bytes, "{usage:?}");
            let counted: usize = tier.cache.iter().map(|(_, variants)| variants.entries().len()).sum();
            prop_assert_eq!(usage.entries, counted as u64);
            for (_, variants) in tier.cache.iter() {
                for membership in variants.entries().iter().map(|entry| entry.membership()) {
                    prop_assert!(tier.may_hold(&Scope::Url(membership.url.into())));
                    prop_assert!(tier.may_hold(&Scope::Route(membership.route.clone())));
                    prop_assert!(membership.tags.to_tags().all(|tag| tier.may_hold(&Scope::Tag(tag))));
                }
            }
        }
    }
}

#[test]
fn the_slot_of_the_table_has_the_size_that_is_charged() {
    let tier = tier(8 << 20);
    for number in 0..100 {
        tier.admit(&key(&format!("/{number}")), Sample::default().entry());
    }
    assert_eq!(tier.cache.memory_used().entries as u64, 100 * SLOT_BYTES);
}

fn product_key(path: &str) -> PrimaryKey {
    let mut key = KeyBuilder::default();
    key.part(KeyPart::Scheme, b"https")
        .part(KeyPart::Authority, b"shop.example.com")
        .part(KeyPart::Path, path.as_bytes())
        .part(KeyPart::Query, b"currency=EUR");
    key.finish()
}

/// Bookkeeping is what an entry costs beside its head, its body and the names it is found by (URL, key): all structs,
/// reference counts and its share of the tier's own table. What the allocator adds is charged to the tier but is not
/// counted here.
#[test]
fn bookkeeping_of_a_typical_entry_is_under_320_bytes_beyond_head_and_body() {
    // Halfway between two doublings of the table.
    const ENTRIES: usize = 750;
    let tier = MemoryTier::new(MemoryOptions { size_bytes: 64 << 20, variants_per_key_max: 8 });
    for number in 0..ENTRIES {
        tier.admit(&product_key(&format!("/api/products/{number:04}")), Sample::typical().entry());
    }
    let entry = Sample::typical().entry();
    let names = entry.membership().url.len() + product_key("/api/products/4711").as_bytes().len();
    let allocator = (ALLOCATIONS + 1) * ALLOCATION_OVERHEAD_BYTES;
    let beyond = entry.head_at_rest().len() + entry.body().at_rest().len() + names + allocator;
    let bookkeeping = usize::try_from(tier.usage().bytes).unwrap() / ENTRIES - beyond;
    assert!(bookkeeping < 320, "{bookkeeping} bytes, of which the struct {}", size_of::<Entry>());
    assert!(bookkeeping > size_of::<Entry>(), "something is not counted");
}

#[test]
fn the_struct_of_an_entry_and_its_counts_fill_one_size_class_of_the_allocator() {
    assert_eq!(size_of::<Entry>() + ARC_HEADER_BYTES, 192);
}
