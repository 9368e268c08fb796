//! Differential test: Larder's storability and lifetimes against the crate `http-cache-semantics`.
//!
//! The oracle is another reading of the same RFCs. Where both differ, a row of [`oracle::differences::KNOWN`] has to
//! say which clause decides it; any other difference fails. The lifetime compared is the origin's own: no route.

mod oracle {
    pub(crate) mod case;
    pub(crate) mod differences;
    pub(crate) mod verdict;
}

use oracle::case::{Case, any_case};
use oracle::differences::{Effect, KNOWN};
use oracle::verdict::{Verdict, by_larder, by_oracle};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// How the two verdicts differ; `None` if they agree.
fn effect_of(larder: Verdict, oracle: Verdict) -> Option<Effect> {
    match (larder, oracle) {
        (Verdict::Refused, Verdict::Stored { .. }) => Some(Effect::OnlyOracleStores),
        (Verdict::Stored { .. }, Verdict::Refused) => Some(Effect::OnlyLarderStores),
        (Verdict::Stored { ttl: ours }, Verdict::Stored { ttl: theirs }) if ours < theirs => Some(Effect::LarderLess),
        (Verdict::Stored { ttl: ours }, Verdict::Stored { ttl: theirs }) if ours > theirs => Some(Effect::LarderMore),
        _ => None,
    }
}

/// The names of the known differences that may be at work in a case.
fn known_in(case: &Case) -> Vec<&'static str> {
    KNOWN.iter().filter(|known| (known.applies)(case)).map(|known| known.name).collect()
}

fn check(case: &Case) -> Result<(), String> {
    let (larder, oracle) = (by_larder(case), by_oracle(case));
    let Some(effect) = effect_of(larder, oracle) else { return Ok(()) };
    if KNOWN.iter().any(|known| (known.applies)(case) && known.effects.contains(&effect)) {
        return Ok(());
    }
    let known = known_in(case);
    Err(format!("{effect:?}: Larder {larder:?}, oracle {oracle:?}, known to apply: {known:?}\n{case:#?}"))
}

#[test]
fn larder_and_the_oracle_agree_but_for_the_known_differences() {
    let config = Config { cases: 4096, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&any_case(), |case| check(&case).map_err(TestCaseError::fail));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn every_known_difference_shows_alone_in_its_example() {
    for known in KNOWN {
        let case = (known.example)();
        assert_eq!(known_in(&case), [known.name], "{case:#?}");
        let (larder, oracle) = (by_larder(&case), by_oracle(&case));
        let effect = effect_of(larder, oracle).unwrap_or_else(|| panic!("{}: both say {larder:?}", known.name));
        assert!(known.effects.contains(&effect), "{}: {effect:?}, Larder {larder:?}, oracle {oracle:?}", known.name);
        assert!(known.clause.contains("section"), "{}: {}", known.name, known.clause);
    }
}

#[test]
fn the_cases_reach_much_that_both_store_and_call_fresh() {
    const DRAWN: usize = 4096;
    let mut runner = TestRunner::deterministic();
    let (mut clear, mut stored, mut fresh, mut refused) = (0, 0, 0, 0);
    for _ in 0..DRAWN {
        let case = any_case().new_tree(&mut runner).expect("the strategy rejects nothing").current();
        if !known_in(&case).is_empty() {
            continue;
        }
        clear += 1;
        match by_larder(&case) {
            Verdict::Refused => refused += 1,
            Verdict::Stored { ttl } if ttl.is_zero() => stored += 1,
            Verdict::Stored { .. } => fresh += 1,
        }
    }
    let share = |part: usize| part * 100 / DRAWN;
    assert!(share(clear) >= 30, "{clear} of {DRAWN} cases touch no known difference");
    assert!(share(fresh) >= 8, "{fresh} of {DRAWN} cases are stored and fresh for both");
    assert!(share(stored) >= 4, "{stored} of {DRAWN} cases are stored and stale for both");
    assert!(share(refused) >= 4, "{refused} of {DRAWN} cases are refused by both");
}
