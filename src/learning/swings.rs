//! Answers that come back after another was given in between: whether they did so with time, for everyone alike, or by who
//! asks.
//!
//! Stock goes down and up again, and every client sees it. What differs by client does not move: whoever saw one answer sees
//! it again, although somebody else was given another meanwhile. So each answer is put beside two earlier ones: the
//! asker's own last, and another's after that. Where those two differ, the asker either **follows**, and gets what the other
//! got, or **keeps** its own. Following shows that answers change with time. Keeping shows nothing by itself: what changed
//! may have changed back. Only where askers follow far more often than they keep, and no client stands out, is it time.
//!
//! In doubt it is not.

use super::exchange::Value;
use super::notebook::Look;
use std::collections::{BTreeMap, btree_map::Entry};
use std::time::Duration;

/// How many must have followed.
const FOLLOWED_MIN: usize = 5;

/// For each that kept its own, so many must have followed.
const FOLLOWED_FOR_EACH_KEPT: usize = 8;

/// At one URL fewer are enough; it takes two that kept their own to say anything of it.
const FOLLOWED_AT_A_URL: usize = 4;
const KEPT_AT_A_URL: usize = 2;

/// For each answer that nobody near in time shared, a client must have had so many that somebody did.
const SHARED_FOR_EACH_ALONE: usize = 9;

/// So many answers before and after one are looked at for one that another has asked for.
const NEAR: usize = 64;

/// What the answers of a route say of why they come back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Swings {
    /// How often an asker got what another had just got, and not its own earlier answer.
    pub(super) followed: usize,
    /// How often it got its own again.
    pub(super) kept: usize,
    /// How many URLs there are where too many kept their own for those who followed there.
    pub(super) torn: usize,
    /// How many answers came back that only one asker ever had.
    pub(super) own: usize,
    /// How many clients, and values of cookies and headers, had too many answers that nobody near in time shared.
    pub(super) alone: usize,
}

impl Swings {
    /// `sequences` are answers under one key each, in the order of their requests.
    pub(super) fn of<'s, 'a: 's>(sequences: impl Iterator<Item = &'s [&'a Look]>) -> Self {
        let mut swings = Self::default();
        let mut known = BTreeMap::new();
        for sequence in sequences {
            let (followed, kept) = compared(sequence);
            swings.followed += followed;
            swings.kept += kept;
            swings.torn += usize::from(kept >= KEPT_AT_A_URL && followed < kept * FOLLOWED_AT_A_URL);
            swings.own += own(sequence);
            meet(sequence, &mut known);
        }
        swings.alone = known.iter().filter(|(who, met)| met.stands_out(**who)).count();
        swings
    }

    /// Whether it is time that answers change with.
    pub(super) const fn are_in_time(&self) -> bool {
        self.followed >= FOLLOWED_MIN
            && self.followed >= self.kept * FOLLOWED_FOR_EACH_KEPT
            && self.torn == 0
            && self.own == 0
            && self.alone == 0
    }
}

/// How many followed, and how many kept their own.
fn compared(sequence: &[&Look]) -> (usize, usize) {
    let (mut followed, mut kept) = (0, 0);
    let mut own: BTreeMap<Asker<'_>, Vec<usize>> = BTreeMap::new();
    for (place, look) in sequence.iter().enumerate() {
        let earlier = own.entry(asker(look)).or_default();
        let compared = before(sequence, place, |other| asker(other) != asker(look)).and_then(|other| {
            let places = earlier.iter().rev();
            Some((places.map(|place| sequence[*place]).find(|last| last.ended < other.begun)?, other))
        });
        if let Some((last, other)) = compared
            && last.digest != other.digest
        {
            followed += usize::from(look.digest == other.digest);
            kept += usize::from(look.digest == last.digest);
        }
        earlier.push(place);
    }
    (followed, kept)
}

/// What tells who asks, as far as that is known.
type Asker<'a> = (u64, &'a [(u16, Value)]);

fn asker(look: &Look) -> Asker<'_> {
    (look.client, &look.factors)
}

/// The last of these answers that was complete before this one was asked for.
fn before<'a>(sequence: &[&'a Look], place: usize, is_wanted: impl Fn(&Look) -> bool) -> Option<&'a Look> {
    let near = sequence[..place].iter().rev().take(NEAR);
    near.copied().find(|other| is_wanted(other) && other.ended < sequence[place].begun)
}

/// The first of these answers that was asked for once this one was complete.
fn after<'a>(sequence: &[&'a Look], place: usize, is_wanted: impl Fn(&Look) -> bool) -> Option<&'a Look> {
    let near = sequence[place + 1..].iter().take(NEAR);
    near.copied().find(|other| is_wanted(other) && other.begun > sequence[place].ended)
}

/// How many answers came back that only one asker ever had, after another had been given something else.
fn own(sequence: &[&Look]) -> usize {
    /// Whose an answer is, if it is one asker's alone, and when it was first complete.
    type First<'a> = (Option<Asker<'a>>, Duration);
    let mut first: BTreeMap<u64, First<'_>> = BTreeMap::new();
    for look in sequence {
        match first.entry(look.digest) {
            Entry::Vacant(free) => {
                free.insert((Some(asker(look)), look.ended));
            }
            Entry::Occupied(mut known) => {
                let (whose, complete) = known.get_mut();
                *whose = whose.filter(|whose| *whose == asker(look));
                *complete = (*complete).min(look.ended);
            }
        }
    }
    let came_back = |(place, look): &(usize, &&Look)| {
        let Some((Some(_), complete)) = first.get(&look.digest) else { return false };
        before(sequence, *place, |other| asker(other) != asker(look)).is_some_and(|other| other.begun > *complete)
    };
    sequence.iter().enumerate().filter(came_back).count()
}

/// Who may have answers of their own: a client, or all who sent a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Client(u64),
    Sent(u16, Value),
}

/// Answers between those of other clients.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    /// Those that the client before or after got as well.
    shared: usize,
    /// Those that neither got.
    alone: usize,
}

impl Met {
    /// Whether too many of its answers were its own. What was sent once says nothing: some number each request alike.
    fn stands_out(self, who: Who) -> bool {
        let is_one_request = matches!(who, Who::Sent(..)) && self.shared + self.alone == 1;
        !is_one_request && self.alone * SHARED_FOR_EACH_ALONE > self.shared
    }
}

/// Counts the answers of everyone by whether another client near in time got the same.
fn meet(sequence: &[&Look], known: &mut BTreeMap<Who, Met>) {
    for (place, look) in sequence.iter().enumerate() {
        let is_other = |other: &Look| other.client != look.client;
        let (Some(one), Some(two)) = (before(sequence, place, is_other), after(sequence, place, is_other)) else {
            continue;
        };
        let is_shared = look.digest == one.digest || look.digest == two.digest;
        let sent = look.factors.iter().map(|(factor, value)| Who::Sent(*factor, *value));
        for who in sent.chain([Who::Client(look.client)]) {
            let met = known.entry(who).or_default();
            met.shared += usize::from(is_shared);
            met.alone += usize::from(!is_shared);
        }
    }
}
