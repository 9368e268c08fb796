//! Answers that one key would share, in the order of their requests, and what they say against sharing them.
//!
//! An answer that changes with time changes for everyone. One that **returns** after another was given in between depends on
//! something that is not in the key, on who asks or on chance, unless [`Swings`] show that it came back for all alike.
//! Answers under way at the same time say nothing about order.

use super::notebook::{Look, Page};
use super::swings::Swings;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher as _};

/// What the key of a route would hold, and which requests it would pass by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Cookies and headers that are part of the key.
    pub(super) keyed: BTreeSet<u16>,
    /// Requests with one of these pass the cache by.
    pub(super) bypassed: BTreeSet<u16>,
    /// Parameters that are not part of the key.
    pub(super) dropped: BTreeSet<u16>,
}

/// The answers that one key would share.
pub(super) type Sequence<'a> = Vec<&'a Look>;

impl Recipe {
    /// The answers under each key, in the order of their requests.
    pub(super) fn sequences<'a>(&self, pages: &[&'a Page]) -> Vec<Sequence<'a>> {
        let mut by_key: HashMap<u64, Sequence<'a>> = HashMap::new();
        for (key, look) in pages.iter().flat_map(|page| self.keys(page)) {
            by_key.entry(key).or_default().push(look);
        }
        // In an order that does not change from run to run.
        let mut sequences: Vec<_> = by_key.into_iter().collect();
        sequences.sort_by_key(|(key, _)| *key);
        let mut sequences: Vec<Sequence<'a>> = sequences.into_iter().map(|(_, sequence)| sequence).collect();
        for sequence in &mut sequences {
            sequence.sort_by_key(|look| (look.begun, look.ended));
        }
        sequences
    }

    /// The answers to a page that do not pass the cache by, each with its key.
    pub(super) fn keys<'r, 'a>(&'r self, page: &'a Page) -> impl Iterator<Item = (u64, &'a Look)> + use<'r, 'a> {
        let url = self.url(page);
        page.looks.iter().filter(|look| !self.passes(look)).map(move |look| (self.key(&url, look), look))
    }

    /// Whether a request passes the cache by.
    fn passes(&self, look: &Look) -> bool {
        !self.bypassed.is_empty() && look.factors.iter().any(|(factor, _)| self.bypassed.contains(factor))
    }

    fn url(&self, page: &Page) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        (&page.host, &page.path).hash(&mut hasher);
        for parameter in page.parameters.iter().filter(|(name, _)| !self.dropped.contains(name)) {
            parameter.hash(&mut hasher);
        }
        hasher
    }

    /// Within a URL: what is keyed, and what the answer itself varies by.
    fn key(&self, url: &DefaultHasher, look: &Look) -> u64 {
        let mut hasher = url.clone();
        for factor in self.keyed.iter().chain(&look.vary) {
            (factor, look.value(*factor)).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// What the answers of a route say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// How many answers there are, to how many clients, under how many keys.
    pub(super) answers: usize,
    pub(super) clients: usize,
    pub(super) keys: usize,
    /// Of two answers in a row under one key, how many are the same, and how many of those went to two clients.
    pub(super) same: usize,
    pub(super) same_for_others: usize,
    /// How many differ.
    pub(super) changed: usize,
    /// How many came back after another, and what there is to say of why, if any did.
    pub(super) returned: usize,
    pub(super) swings: Swings,
    /// How many different answers one key had, at most, among those where one came back, and how many clients got them.
    pub(super) worst: Option<(usize, usize)>,
}

impl Findings {
    pub(super) fn of(sequences: &[Sequence<'_>]) -> Self {
        let mut findings = Self { keys: sequences.len(), ..Self::default() };
        let mut clients = BTreeSet::new();
        for sequence in sequences {
            findings.answers += sequence.len();
            clients.extend(sequence.iter().map(|look| look.client));
            for pair in pairs(sequence) {
                let is_same = pair.one.digest == pair.other.digest;
                findings.same += usize::from(is_same);
                findings.same_for_others += usize::from(is_same && pair.one.client != pair.other.client);
                findings.changed += usize::from(!is_same);
            }
            let returned = returned(sequence);
            if returned > 0 {
                findings.returned += returned;
                let digests: BTreeSet<u64> = sequence.iter().map(|look| look.digest).collect();
                let clients: BTreeSet<u64> = sequence.iter().map(|look| look.client).collect();
                findings.worst = findings.worst.max(Some((digests.len(), clients.len())));
            }
        }
        findings.clients = clients.len();
        if findings.returned > 0 {
            findings.swings = Swings::of(sequences.iter().map(Vec::as_slice));
        }
        findings
    }

    /// How many came back after another and are not shown to have done so with time, for all alike.
    pub(super) const fn unexplained(&self) -> usize {
        if self.swings.are_in_time() { 0 } else { self.returned }
    }
}

/// Two answers in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) one: &'a Look,
    pub(super) other: &'a Look,
}

pub(super) fn pairs<'s, 'a>(sequence: &'s [&'a Look]) -> impl Iterator<Item = Pair<'a>> + use<'s, 'a> {
    sequence.windows(2).filter_map(|pair| match pair {
        [one, other] => Some(Pair { one, other }),
        _ => None,
    })
}

/// How many answers of a sequence came back after another was given in between.
fn returned(sequence: &[&Look]) -> usize {
    if sequence.iter().all(|look| look.digest == sequence[0].digest) {
        return 0;
    }
    // When the first answer of each digest was complete.
    let mut first: BTreeMap<u64, std::time::Duration> = BTreeMap::new();
    let mut returned = 0;
    for (place, look) in sequence.iter().enumerate() {
        if let Some(complete) = first.get(&look.digest) {
            let between = |other: &&&Look| {
                other.digest != look.digest
                    && other.begun > *complete
                    && other.ended < look.begun
                    && !is_same_asker(other, look)
            };
            returned += usize::from(sequence[..place].iter().any(|other| between(&other)));
        }
        let complete = first.entry(look.digest).or_insert(look.ended);
        *complete = (*complete).min(look.ended);
    }
    returned
}

/// Whether nothing known tells two requests apart: then only time lies between their answers.
fn is_same_asker(one: &Look, other: &Look) -> bool {
    one.client == other.client && one.factors == other.factors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::samples::{look, page};

    fn returned_of(looks: &[(u64, u64, u64)]) -> usize {
        let page = page("/a", looks);
        Findings::of(&Recipe::default().sequences(&[&page])).returned
    }

    #[test]
    fn what_changes_with_time_does_not_return_and_what_depends_on_the_client_does() {
        for (looks, expected) in [
            (&[(1, 0, 7), (2, 1, 7), (3, 2, 8), (1, 3, 8), (2, 4, 9)][..], 0),
            (&[(1, 0, 7), (2, 1, 8), (1, 2, 7), (2, 3, 8)], 2),
            // A client that sees it go there and back itself.
            (&[(1, 0, 7), (1, 1, 8), (1, 2, 7)], 0),
            (&[(1, 0, 7), (2, 1, 8), (3, 2, 9)], 0),
        ] {
            assert_eq!(returned_of(looks), expected, "{looks:?}");
        }
    }

    #[test]
    fn answers_under_way_at_once_say_nothing_about_order() {
        let mut page = page("/a", &[(1, 0, 7), (2, 1, 8), (3, 2, 7)]);
        page.looks[1].ended = std::time::Duration::from_secs(5);
        assert_eq!(Findings::of(&Recipe::default().sequences(&[&page])).returned, 0);
    }

    #[test]
    fn what_is_keyed_or_passed_by_is_not_compared() {
        let mut page = page("/a", &[(1, 0, 7), (2, 1, 8), (1, 2, 7), (2, 3, 8)]);
        let value = |look: &Look| super::super::exchange::Value::of(&look.client.to_ne_bytes(), &hashes());
        for look in &mut page.looks {
            look.factors = Box::new([(4, value(look))]);
        }
        page.looks.push(look(3, 4, 7));
        let found = |recipe: &Recipe| {
            let found = Findings::of(&recipe.sequences(&[&page]));
            (found.answers, found.keys, found.returned)
        };
        assert_eq!(found(&Recipe::default()), (5, 1, 3));
        assert_eq!(found(&Recipe { keyed: [4].into(), ..Recipe::default() }), (5, 3, 0));
        assert_eq!(found(&Recipe { bypassed: [4].into(), ..Recipe::default() }), (1, 1, 0));
    }

    fn hashes() -> ahash::RandomState {
        ahash::RandomState::with_seeds(1, 2, 3, 4)
    }
}
