//! Barriers for a million distinct tags stay under 100 MB, whatever that takes: beyond their bound the oldest are
//! forgotten and the hard floor rises, which costs fetches and no promise.
//!
//! One test in a process of its own, so that nothing else allocates meanwhile.

use larder::testing::invalidation::{Barriers, Depth, InvalidationOptions, PurgeSource, Standing};
use larder::testing::scope::{Membership, RouteName, Scope, Tag, Tags};
use larder::testing::stamp::Stamp;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const TAGS: u64 = 1_000_000;
const BYTES_MAX: usize = 100_000_000;

#[test]
fn barriers_for_a_million_tags_stay_under_a_hundred_megabytes_and_the_latest_hold() {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut barriers = Barriers::new(InvalidationOptions::default().barriers_bytes_max);
    for nth in 1..=TAGS {
        barriers.raise(&Scope::Tag(tag(nth)), Stamp::local(nth), Depth::Hard, PurgeSource::Admin);
    }
    let peak = ALLOCATOR.peak_usage() - before;
    println!(
        "{} barriers of {TAGS} are remembered, {peak} bytes at the peak, floor {}",
        barriers.len(),
        barriers.floor()
    );
    assert!(peak < BYTES_MAX, "{peak} bytes at the peak");
    assert!(barriers.floor() > Stamp::ZERO, "a bound that is never reached bounds nothing");
    // The latest is exact; what is older than the floor is never clear.
    assert_eq!(standing(&barriers, TAGS, Stamp::local(TAGS - 1)), Standing::Purged);
    assert_eq!(standing(&barriers, TAGS, Stamp::local(TAGS)), Standing::Clear);
    assert_eq!(standing(&barriers, 1, Stamp::ZERO), Standing::Purged);
}

fn tag(nth: u64) -> Tag {
    Tag::new(&format!("product:{nth}")).expect("it is a tag")
}

fn standing(barriers: &Barriers, nth: u64, stamp: Stamp) -> Standing {
    let (route, tags) = (RouteName::new("product"), [tag(nth)]);
    barriers
        .standing(stamp, &Membership { url: "http://shop/p", path_start: 11, route: &route, tags: Tags::Listed(&tags) })
}
