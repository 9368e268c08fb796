//! What a session has noted: answers by URL, within fixed bounds. What finds no room is counted.
//!
//! Hostile clients may ask for URLs without end. The number of URLs is bounded, in all and for each client; of one URL a
//! fair sample of its answers is kept; names of cookies and headers are bounded, too. What is not known of a request can
//! only make its answers look different for no reason, and then its route is left out.

use super::exchange::{Asked, Exchange, Factor, PassedOver, Standing, Value};
use rand::{RngExt as _, rng};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// How much of everything there is room for: some 25 MiB in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// URLs.
    pub(super) pages: usize,
    /// Answers.
    pub(super) looks: usize,
    /// Answers to one URL.
    pub(super) looks_of_page: usize,
    /// URLs that one client may add.
    pub(super) pages_of_client: usize,
    /// Different clients, as far as that goes.
    pub(super) clients: usize,
    /// Names of cookies, headers and parameters.
    pub(super) names: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            pages: 20_000,
            looks: 100_000,
            looks_of_page: 256,
            pages_of_client: 2_000,
            clients: 65_536,
            names: 1_024,
        }
    }
}

/// One answer to one request.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) client: u64,
    /// When it was asked and when it was complete, since the session began.
    pub(super) begun: Duration,
    pub(super) ended: Duration,
    pub(super) digest: u64,
    pub(super) status: u16,
    pub(super) standing: Standing,
    /// What else the request had, by the numbers of [`Notebook::factors`].
    pub(super) factors: Box<[(u16, Value)]>,
    /// The headers that the answer varies by, by the same numbers.
    pub(super) vary: Box<[u16]>,
}

impl Look {
    /// The value of a factor, if the request had it.
    pub(super) fn value(&self, factor: u16) -> Option<Value> {
        self.factors.iter().find(|(known, _)| *known == factor).map(|(_, value)| *value)
    }
}

/// One URL.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) host: Box<str>,
    pub(super) path: Box<str>,
    /// The parameters of the query, by the numbers of [`Notebook::parameters`], with the hashes of their values.
    pub(super) parameters: Box<[(u16, u64)]>,
    pub(super) looks: Vec<Look>,
    /// How many answers there were, kept or not.
    pub(super) answers: u64,
}

/// Names, numbered in the order in which they come.
#[derive(Debug, Clone)]
pub(super) struct Names<T> {
    numbers: HashMap<T, u16>,
    all: Vec<T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), all: Vec::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Names<T> {
    /// The number of a name; `None` if there is no room for another.
    fn number(&mut self, name: &T, room: usize) -> Option<u16> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let number = u16::try_from(self.all.len()).ok().filter(|number| usize::from(*number) < room)?;
        self.numbers.insert(name.clone(), number);
        self.all.push(name.clone());
        Some(number)
    }

    pub(super) fn get(&self, number: u16) -> Option<&T> {
        self.all.get(usize::from(number))
    }
}

/// Everything noted in a session.
#[derive(Debug, Clone, Default)]
pub(super) struct Notebook {
    room: Room,
    pub(super) pages: Vec<Page>,
    pub(super) factors: Names<Factor>,
    pub(super) parameters: Names<Box<str>>,
    numbers: HashMap<Url, usize>,
    pages_of: HashMap<u64, usize>,
    looks: usize,
    /// What was not noted, and why.
    pub(super) passed_over: BTreeMap<PassedOver, u64>,
}

/// What names a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Url {
    host: Box<str>,
    path: Box<str>,
    parameters: Box<[(u16, u64)]>,
}

impl Notebook {
    pub(super) fn with(room: Room) -> Self {
        Self { room, ..Self::default() }
    }

    /// How many answers there were to what is noted.
    pub(super) fn answers(&self) -> u64 {
        self.pages.iter().map(|page| page.answers).sum()
    }

    /// How many clients have had each cookie and header.
    pub(super) fn bearers(&self) -> BTreeMap<u16, usize> {
        let mut clients: BTreeMap<u16, HashSet<u64>> = BTreeMap::new();
        for look in self.pages.iter().flat_map(|page| &page.looks) {
            for (factor, _) in &look.factors {
                clients.entry(*factor).or_default().insert(look.client);
            }
        }
        clients.into_iter().map(|(factor, clients)| (factor, clients.len())).collect()
    }

    /// Notes an answer, or counts why not.
    pub(super) fn note(&mut self, exchange: Exchange) {
        if let Err(why) = self.try_note(exchange) {
            self.pass_over(why, 1);
        }
    }

    pub(super) fn pass_over(&mut self, why: PassedOver, count: u64) {
        *self.passed_over.entry(why).or_default() += count;
    }

    fn try_note(&mut self, exchange: Exchange) -> Result<(), PassedOver> {
        let Exchange { asked, head, ended, digest } = exchange;
        let Asked { host, path, parameters, factors, client, begun } = asked;
        let numbered = |(name, value): &(Box<str>, u64)| Some((self.parameters.number(name, self.room.names)?, *value));
        let parameters: Option<Box<[_]>> = parameters.iter().map(numbered).collect();
        let url = Url { host, path, parameters: parameters.ok_or(PassedOver::Full)? };
        let factors = factors.iter().filter_map(|(factor, value)| {
            let number = self.factors.number(factor, self.room.names)?;
            Some((number, *value))
        });
        let factors = factors.collect();
        let vary =
            head.vary.iter().filter_map(|name| self.factors.number(&Factor::Header(name.clone()), self.room.names));
        let vary = vary.collect();
        let place = self.page(url, client)?;
        let (room, page) = (self.room, &mut self.pages[place]);
        page.answers += 1;
        let standing = head.standing;
        let look = Look { client, begun, ended, digest, status: head.status, standing, factors, vary };
        let kept = page.looks.len();
        if kept < room.looks_of_page && self.looks < room.looks {
            self.looks += 1;
            page.looks.push(look);
            return Ok(());
        }
        // A fair sample: each of so many answers is kept with the same chance.
        let chosen = rng().random_range(0..page.answers);
        match usize::try_from(chosen).ok().and_then(|chosen| page.looks.get_mut(chosen)) {
            Some(kept) => *kept = look,
            None if kept < room.looks_of_page => return Err(PassedOver::Full),
            None => {}
        }
        Ok(())
    }

    fn page(&mut self, url: Url, client: u64) -> Result<usize, PassedOver> {
        if let Some(place) = self.numbers.get(&url) {
            return Ok(*place);
        }
        if self.pages.len() >= self.room.pages {
            return Err(PassedOver::Full);
        }
        let client =
            if self.pages_of.len() < self.room.clients || self.pages_of.contains_key(&client) { client } else { 0 };
        let added = self.pages_of.entry(client).or_default();
        if *added >= self.room.pages_of_client {
            return Err(PassedOver::ClientFull);
        }
        *added += 1;
        let place = self.pages.len();
        let Url { host, path, parameters } = url.clone();
        self.numbers.insert(url, place);
        self.pages.push(Page { host, path, parameters, looks: Vec::new(), answers: 0 });
        Ok(place)
    }
}
