//! What is in memory, handed to the process that comes after this one, and taken from the one before.
//!
//! An entry that no purge covers, by the tags and route it was stored with and by every set of rules since, is written as
//! one of now: the next process does not know the rules that were in force meanwhile. What a purge covers by what it was
//! stored with is written as it is, to be judged by the barriers, which are handed over too; what only rules that the next
//! process does not know file under a purge is left out.

use super::Engine;
use crate::entry::Entry;
use crate::invalidation::Standing;
use crate::key::PrimaryKey;
use crate::rules::{Route, RuleSet};
use crate::scope::{Membership, Tag, Tags};
use crate::semantics::target::Target;
use crate::stamp::Stamp;
use crate::store::memory::Admission;
use crate::store::snapshot::SnapshotWriter;
use std::collections::{HashMap, HashSet};
use std::io::{self, Seek, Write};
use std::sync::{Arc, Weak};

/// What was written of the memory so far, so that a later pass writes what has changed since.
#[derive(Default)]
pub(crate) struct Written {
    /// The number of each entry's record, by its address. The weak reference keeps the address from being used again.
    records: HashMap<usize, (u64, Weak<Entry>)>,
    /// Entries that may not be handed over.
    pub(crate) left_out: u64,
}

impl Written {
    /// How many entries are written.
    pub(crate) fn entries(&self) -> usize {
        self.records.len()
    }
}

impl Engine {
    /// Writes the entries in memory that are not `written` yet. Blocks on the writer and keeps a thread busy, and ends early
    /// once `goes_on` says no. Returns the numbers of the records whose entries are no longer in memory.
    ///
    /// # Errors
    /// Where the writer fails.
    pub(crate) fn write_entries<W: Write + Seek>(
        &self,
        out: &mut SnapshotWriter<W>,
        written: &mut Written,
        goes_on: impl Fn() -> bool,
    ) -> io::Result<Vec<u64>> {
        let mut seen = HashSet::new();
        for (key, variants) in self.memory().keyed() {
            if !goes_on() {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "there is no more time"));
            }
            for entry in variants.entries() {
                let address = Arc::as_ptr(entry).addr();
                if !written.records.contains_key(&address) {
                    let Some(stamp) = self.handed_over_as_of(entry) else {
                        written.left_out += 1;
                        continue;
                    };
                    let Some(number) = out.put(&key, entry, stamp)? else { continue };
                    written.records.insert(address, (number, Arc::downgrade(entry)));
                }
                seen.insert(address);
            }
        }
        let gone = written.records.iter().filter(|(address, _)| !seen.contains(*address));
        Ok(gone.map(|(_, (number, _))| *number).collect())
    }

    /// The stamp with which an entry is handed over; `None` if it may not be.
    fn handed_over_as_of(&self, entry: &Entry) -> Option<Stamp> {
        // Before the barriers are asked: a purge that comes in between has a higher one.
        let now = self.invalidation().applied_for_successor();
        match self.standing_as_stored(entry) {
            Standing::Clear => (self.standing_as_refiled(entry)? == Standing::Clear).then_some(now),
            Standing::SoftPurged | Standing::Unproven => Some(entry.stamp().min(now)),
            Standing::Purged => None,
        }
    }

    /// Whether a purge covers an entry by the rules in force, or by those that were in force since it was fetched;
    /// `None` if that is not known.
    fn standing_as_refiled(&self, entry: &Entry) -> Option<Standing> {
        let by = |membership: &Membership<'_>| self.invalidation().standing(entry.stamp(), membership);
        Some(self.by_other_rules(entry, by)?.into_iter().fold(Standing::Clear, Standing::max))
    }

    /// What purges make of an entry, by what it was stored with and by every set of rules since.
    pub(super) fn standing_by_all(&self, entry: &Entry) -> Standing {
        self.standing_as_stored(entry).max(self.standing_as_refiled(entry).unwrap_or(Standing::Unproven))
    }

    /// What comes of each way in which the rules in force, and those since it was fetched, file an entry that was filed by
    /// others; `None` if they are no longer known.
    pub(super) fn by_other_rules<T>(&self, entry: &Entry, make: impl Fn(&Membership<'_>) -> T) -> Option<Vec<T>> {
        let (stamp, membership) = (entry.stamp(), entry.membership());
        let (rules, earlier) = (self.rules(), self.earlier_rules.load());
        if earlier.has_forgotten_since(stamp) {
            return None;
        }
        let is_other = |rules: &&Arc<RuleSet>| rules.number() != entry.filed_by();
        let others: Vec<_> = earlier.since(stamp).chain([&rules]).filter(is_other).collect();
        if others.is_empty() {
            return Some(Vec::new());
        }
        let target = Target::parse_absolute(membership.url).ok()?;
        let filed = others.into_iter().flat_map(|rules| rules.filings(&target));
        let by = |(route, tags): (Arc<Route>, Vec<Tag>)| {
            make(&Membership { route: &route.name, tags: Tags::Listed(&tags), ..membership })
        };
        Some(filed.map(by).collect())
    }

    /// Takes an entry from the process before this one, unless something newer is there or a hard purge covers it.
    pub(crate) fn take_earlier(&self, key: &PrimaryKey, entry: Entry) -> Admission {
        if self.standing_as_stored(&entry) == Standing::Purged {
            return Admission::Gone;
        }
        self.memory().admit_earlier(key, Arc::new(entry))
    }
}
