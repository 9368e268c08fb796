//! The seeds that every test run tries, and the faults that they must find.

use super::run;
use crate::deliberate_fault::{Fault, switch};

/// Seeds tried where nobody says how many.
const SEEDS: u64 = 200;

/// So many seeds must be enough to find any deliberate fault.
const SEEDS_TO_FIND: u64 = 300;

fn seeds() -> u64 {
    std::env::var("LARDER_SEEDS").ok().map_or(SEEDS, |text| text.parse().expect("LARDER_SEEDS is a number"))
}

#[test]
fn invariants_1_2_4_5_10_hold_whatever_happens() {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for seed in (thread..seeds()).step_by(usize::try_from(threads).expect("few threads")) {
                    let run = run(seed);
                    assert!(run.violations.is_empty(), "seed {seed}: {:#?}\n{}", run.violations, run.trace);
                }
            });
        }
    });
}

/// Seeds whose tasks once woke in an order of their own: those that wait for one lease, and those of an event of many.
const ONCE_DIFFERING: [u64; 2] = [171, 182];

#[test]
fn the_same_seed_makes_the_same_run() {
    for seed in (0..20).chain(ONCE_DIFFERING.into_iter().flat_map(|seed| [seed; 8])) {
        let (one, other) = (run(seed).trace, run(seed).trace);
        let differing = one.lines().zip(other.lines()).find(|(one, other)| one != other);
        assert_eq!(differing, None, "seed {seed}");
        assert_eq!(one.len(), other.len(), "seed {seed}");
    }
    assert_ne!(run(0).trace, run(1).trace);
}

#[track_caller]
fn check_found(fault: Fault, invariant: u8) {
    switch(Some(fault));
    let expected = format!("invariant {invariant}:");
    let found = (0..SEEDS_TO_FIND).find(|seed| run(*seed).violations.iter().any(|told| told.starts_with(&expected)));
    switch(None);
    assert!(found.is_some(), "{fault:?} breaks invariant {invariant}, and no seed shows it");
}

#[test]
fn invariant_1_a_stamp_taken_too_late_is_found() {
    check_found(Fault::LateStamp, 1);
}

#[test]
fn invariant_1_an_epoch_ignored_is_found() {
    check_found(Fault::EpochIgnored, 1);
}

#[test]
fn invariant_1_an_instance_that_believes_itself_current_is_found() {
    check_found(Fault::AlwaysCurrent, 1);
}

#[test]
fn invariant_1_rules_that_are_forgotten_by_a_reload_are_found() {
    check_found(Fault::RulesForgotten, 1);
}

#[test]
fn invariant_1_a_write_that_ends_with_its_client_is_found() {
    check_found(Fault::WriteEndsWithClient, 1);
}

#[test]
fn invariant_1_an_event_of_many_that_is_cut_is_found() {
    check_found(Fault::ListIsCut, 1);
}

#[test]
fn invariant_1_a_hard_purge_that_a_soft_one_weakens_is_found() {
    check_found(Fault::HardAfterSoftIsSoft, 1);
}

#[test]
fn invariant_1_barriers_forgotten_without_a_floor_are_found() {
    check_found(Fault::ForgottenWithoutFloor, 1);
}

#[test]
fn invariant_1_what_is_stored_by_a_body_and_never_purged_is_found() {
    check_found(Fault::BodiesUnpurged, 1);
}

#[test]
fn invariant_2_bodies_that_do_not_share_a_fetch_are_found() {
    check_found(Fault::BodiesGoAlone, 2);
}

#[test]
fn invariant_2_requests_that_do_not_share_a_fetch_are_found() {
    check_found(Fault::NobodyFollows, 2);
}

#[test]
fn invariant_2_instances_that_do_not_share_a_fetch_are_found() {
    check_found(Fault::EveryClaimWins, 2);
}

#[test]
fn invariant_4_a_private_answer_that_is_stored_is_found() {
    check_found(Fault::PrivateIsStored, 4);
}

#[test]
fn invariant_4_a_page_that_is_shared_without_asking_is_found() {
    check_found(Fault::UnaskedIsShared, 4);
}

#[test]
fn invariant_4_a_key_without_what_the_body_says_is_found() {
    check_found(Fault::BodyIsNotKeyed, 4);
}

#[test]
fn invariant_4_an_answer_to_another_body_that_is_waited_for_is_found() {
    check_found(Fault::BodyIsNotWaitedFor, 4);
}

#[test]
fn invariant_10_an_older_answer_to_a_stamp_is_found() {
    check_found(Fault::OlderIsTaken, 10);
}

#[test]
fn invariant_10_an_instance_that_answers_before_it_has_reached_a_stamp_is_found() {
    check_found(Fault::UnreachedIsTaken, 10);
}

#[test]
fn invariant_5_a_look_up_without_a_deadline_is_found() {
    check_found(Fault::NoDeadline, 5);
}

#[test]
fn invariant_5_a_breaker_that_never_opens_is_found() {
    check_found(Fault::BreakerStaysClosed, 5);
}
