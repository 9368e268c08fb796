//! Whom a request goes to, among those that may be asked.
//!
//! Turns and the fewest requests are code of our own: pingora's turns come in runs where weights differ, are skewed where
//! one is passed over, and know no weight that changes; it counts no requests under way. Keys are spread by its ring.

use super::member::Member;
use std::sync::Arc;

/// How much more than its share of what is under way one may have before a key goes to the next (consistent hashing with
/// bounded loads).
const BOUND: f64 = 1.25;

/// One that may be asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) member: &'a Arc<Member>,
    /// Its share now, above 0.
    pub(super) weight: f64,
}

impl<'m> Candidate<'m> {
    pub(super) fn of(member: &'m Arc<Member>) -> Self {
        Self { member, weight: member.weight() }
    }

    /// What it has under way, for its share.
    fn load(&self) -> f64 {
        f64::from(self.member.under_way()) / self.weight
    }
}

/// Whose turn it is. Turns are spread evenly: 3 and 1 make a, a, b, a.
///
/// Callers take turns in this, too.
pub(super) fn by_turns<'a, 'm>(candidates: impl IntoIterator<Item = &'a Candidate<'m>>) -> Option<&'a Candidate<'m>>
where
    'm: 'a,
{
    let mut total = 0.0;
    let mut first: Option<(&Candidate, f64)> = None;
    for candidate in candidates {
        total += candidate.weight;
        let credit = candidate.member.credit(candidate.weight);
        if first.is_none_or(|(_, most)| credit > most) {
            first = Some((candidate, credit));
        }
    }
    let (first, _) = first?;
    first.member.credit(-total);
    Some(first)
}

/// Who has the fewest requests under way for its share; of equals, whose turn it is.
pub(super) fn least<'a, 'm>(candidates: &'a [Candidate<'m>]) -> Option<&'a Candidate<'m>> {
    let least = candidates.iter().map(Candidate::load).min_by(f64::total_cmp)?;
    by_turns(candidates.iter().filter(|candidate| candidate.load() <= least))
}

/// How many requests each may have under way so that a key still goes to it: its share of all of them, this one included,
/// and a quarter more.
pub(super) struct Bound {
    /// For a weight of 1.
    each: f64,
}

impl Bound {
    pub(super) fn of(candidates: &[Candidate<'_>]) -> Self {
        let under_way: u32 = candidates.iter().map(|candidate| candidate.member.under_way()).sum();
        let weights: f64 = candidates.iter().map(|candidate| candidate.weight).sum();
        Self { each: BOUND * f64::from(under_way.saturating_add(1)) / weights }
    }

    /// Whether it may be given one more.
    pub(super) fn leaves_room(&self, candidate: &Candidate<'_>) -> bool {
        f64::from(candidate.member.under_way()) < (self.each * candidate.weight).ceil()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::member::Roster;
    use crate::upstream::member::tests::join;
    use crate::upstream::options::UpstreamOptions;
    use crate::upstream::under_way::UnderWay;

    fn members(weights: &[u16]) -> Vec<Arc<Member>> {
        let roster = Roster::new(&UpstreamOptions::of(Vec::new()));
        ["a", "b", "c", "d"].iter().zip(weights).map(|(name, weight)| join(&roster, name, *weight)).collect()
    }

    fn candidates(members: &[Arc<Member>]) -> Vec<Candidate<'_>> {
        members.iter().map(Candidate::of).collect()
    }

    fn name(candidate: Option<&Candidate<'_>>) -> String {
        candidate.map_or_else(String::new, |candidate| candidate.member.shared.name.to_string())
    }

    #[test]
    fn turns_follow_the_weights_and_are_spread() {
        let rows: [(&[u16], &str); 5] =
            [(&[1, 1, 1], "abcabc"), (&[3, 1], "aabaaaba"), (&[5, 1, 1], "aabacaa"), (&[7], "aaa"), (&[], "")];
        for (weights, expected) in rows {
            let members = members(weights);
            let candidates = candidates(&members);
            let turns: String = (0..expected.len().max(1)).map(|_| name(by_turns(&candidates))).collect();
            assert_eq!(turns, expected, "{weights:?}");
        }
    }

    #[test]
    fn while_one_is_passed_over_the_others_keep_their_shares() {
        let members = members(&[4, 2, 1]);
        let candidates = candidates(&members);
        let turns: String = (0..6).map(|_| name(by_turns(&candidates[1..]))).collect();
        assert_eq!((turns.matches('b').count(), turns.matches('c').count()), (4, 2), "{turns}");
    }

    #[test]
    fn the_fewest_under_way_for_its_weight_is_asked_and_equals_take_turns() {
        let rows: [(&[u16], &[usize], &str); 5] = [
            (&[1, 1, 1], &[1, 0, 1], "b"),
            (&[1, 1, 1], &[2, 1, 1], "bcb"),
            (&[2, 1], &[1, 1], "a"),
            (&[2, 1], &[2, 1], "ab"),
            (&[1, 1], &[0, 0], "abab"),
        ];
        for (weights, under_way, expected) in rows {
            let members = members(weights);
            let held: Vec<_> =
                members.iter().zip(under_way).flat_map(|(at, count)| (0..*count).map(|_| UnderWay::at(at))).collect();
            let candidates = candidates(&members);
            let chosen: String = (0..expected.len()).map(|_| name(least(&candidates))).collect();
            assert_eq!(chosen, expected, "{weights:?} {under_way:?}");
            drop(held);
            assert!(members.iter().all(|member| member.under_way() == 0));
        }
    }

    #[test]
    fn a_key_goes_elsewhere_once_its_server_has_a_quarter_more_than_its_share() {
        let rows: [(&[u16], &[usize], &[bool]); 5] = [
            (&[1, 1], &[0, 0], &[true, true]),
            (&[1, 1], &[1, 0], &[true, true]),
            (&[1, 1], &[2, 0], &[false, true]),
            (&[1, 1, 1], &[5, 4, 3], &[true, true, true]),
            (&[3, 1], &[8, 5], &[true, false]),
        ];
        for (weights, under_way, room) in rows {
            let members = members(weights);
            let _held: Vec<_> =
                members.iter().zip(under_way).flat_map(|(at, count)| (0..*count).map(|_| UnderWay::at(at))).collect();
            let candidates = candidates(&members);
            let bound = Bound::of(&candidates);
            let found: Vec<_> = candidates.iter().map(|candidate| bound.leaves_room(candidate)).collect();
            assert_eq!(found, room, "{weights:?} {under_way:?}");
        }
    }
}
