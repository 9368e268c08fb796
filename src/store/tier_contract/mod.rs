//! What every tier promises, whatever it is made of: each promise is one check, made of each of the tiers.
//!
//! Where tiers differ for good reason, a tier declares how (see [`Declared`]) and is held to that. A tier is added by a
//! line in `promises!` and a [`Subject`].

mod entries;
mod memory;
mod promises;
mod subjects;

#[allow(dead_code, unreachable_pub, reason = "shared with the tests over sockets, which use more of it")]
#[path = "../../../tests/support/deadline.rs"]
mod deadline;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests over sockets, which use more of it")]
#[path = "../../../tests/support/redis_server.rs"]
mod redis_server;

use super::tier::Tier;
use std::sync::Arc;

/// A tier under test.
struct Subject {
    tier: Arc<dyn Tier>,
    declared: Declared,
    world: subjects::World,
}

/// What tiers may do each in its own way.
#[derive(Debug, Clone, Copy)]
struct Declared {
    /// The most variants of one key.
    variants_max: usize,
    beyond_variants_max: BeyondVariantsMax,
    parts: Parts,
    after_use: AfterUse,
    reach: Reach,
}

/// What becomes of a key with one variant too many.
#[derive(Debug, Clone, Copy)]
enum BeyondVariantsMax {
    /// Its oldest variant goes.
    TheOldestGoes,
    /// All of it goes.
    TheKeyGoes,
}

/// What becomes of a part of a response.
#[derive(Debug, Clone, Copy)]
enum Parts {
    Kept,
    Refused,
}

/// What becomes of an entry that is of use no more.
#[derive(Debug, Clone, Copy)]
enum AfterUse {
    /// It stays until its room is wanted.
    Stays,
    Goes,
}

/// How one comes to the tier.
#[derive(Debug, Clone, Copy)]
enum Reach {
    /// It is in this process: always there.
    Here,
    /// Over a link, which may fail.
    OverALink,
}

macro_rules! promises {
    ($($promise:ident)+) => { $(
        mod $promise {
            use super::promises::$promise as check;
            use super::subjects;

            #[tokio::test]
            async fn by_memory() {
                check(subjects::memory()).await;
            }

            #[tokio::test(start_paused = true)]
            async fn by_a_simulated_redis() {
                check(subjects::simulated_redis()).await;
            }

            #[tokio::test]
            async fn by_a_real_redis() {
                check(subjects::real_redis().await).await;
            }
        }
    )+ };
}

promises! {
    an_absent_key_is_absent
    the_head_is_found_as_it_was
    the_body_is_found_byte_for_byte
    stamp_times_route_and_tags_are_found_as_they_were
    looking_up_changes_nothing
    a_second_entry_of_a_variant_takes_the_place_of_the_first
    variants_live_side_by_side_the_newest_first
    keys_do_not_mix
    discarding_drops_one_variant_only
    writers_of_one_key_do_not_lose_each_others_variants
    what_is_too_large_is_not_stored_and_what_it_supersedes_goes
    beyond_the_most_variants_of_a_key_it_does_as_declared
    a_part_is_kept_or_refused_as_declared
    what_is_of_use_is_kept_and_what_is_not_goes_if_declared
    a_variant_of_short_use_does_not_cut_another_short
    what_cannot_be_reached_is_neither_found_nor_stored
}
