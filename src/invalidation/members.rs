//! Who is in the fleet, of which version and by which rules, as this instance sees it.
//!
//! An upgrade makes a fleet of two versions for a while, and so does a roll-out of rules; one that stays so is a mistake that
//! nobody sees in answers. Only the reader asks, once a turn; everyone else gets what it found.

use super::Invalidation;
use crate::fleet::member::Member;
use crate::version::VERSION;
use redis::{Cmd, cmd};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What stands for what an instance does not say.
const UNKNOWN: &str = "unknown";

/// The live instances of a fleet by name, this one among them; none for one that does not say, as versions before did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Members(pub(crate) BTreeMap<String, Option<Member>>);

impl Members {
    /// Whether they are of more than one version. One that does not say is of another.
    pub(crate) fn versions_mixed(&self) -> bool {
        let versions: BTreeSet<_> = self.0.values().map(|member| member.as_ref().map(|said| &said.version)).collect();
        versions.len() > 1
    }

    /// How many are of which version and rules.
    pub(super) fn by_kind(&self) -> BTreeMap<(&str, &str), u64> {
        let mut counts = BTreeMap::new();
        for said in self.0.values() {
            let kind = said.as_ref().map_or((UNKNOWN, UNKNOWN), |said| (said.version.as_str(), said.rules.as_str()));
            *counts.entry(kind).or_default() += 1;
        }
        counts
    }

    /// Whether they go by more than one set of rules, as far as they say.
    pub(crate) fn rules_mixed(&self) -> bool {
        let rules: BTreeSet<_> = self.0.values().flatten().map(|said| &said.rules).collect();
        rules.len() > 1
    }
}

/// What this instance says of itself, and what the others do.
#[derive(Debug)]
pub(super) struct Muster {
    own: Mutex<Member>,
    others: Mutex<Members>,
}

impl Default for Muster {
    fn default() -> Self {
        let own = Member { version: VERSION.to_owned(), rules: "none".to_owned() };
        Self { own: Mutex::new(own), others: Mutex::default() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Muster {
    /// Says at this place what this instance is.
    pub(super) fn introduce(&self, name: &str, lasts_ms: u64) -> Cmd {
        let mut command = cmd("SET");
        command.arg(name).arg(lock(&self.own).written()).arg("PX").arg(lasts_ms);
        command
    }

    /// Notes what each of the others says of itself.
    pub(super) fn note(&self, others: BTreeMap<String, Option<Member>>) {
        *lock(&self.others) = Members(others);
    }

    fn all(&self, instance: &str) -> Members {
        let mut members = lock(&self.others).clone();
        members.0.insert(instance.to_owned(), Some(lock(&self.own).clone()));
        members
    }
}

impl Invalidation {
    /// Tells the fleet by which rules this instance goes from now on.
    pub(crate) fn goes_by(&self, rules_digest: &str) {
        if let Some(fleet) = &self.fleet {
            rules_digest.clone_into(&mut lock(&fleet.muster.own).rules);
        }
    }

    /// Who is in the fleet, as far as this instance has seen; `None` if it stands alone.
    pub(crate) fn members(&self) -> Option<Members> {
        self.fleet.as_ref().map(|fleet| fleet.muster.all(&self.instance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_is_mixed_where_two_differ_or_one_does_not_say() {
        let of = |version: &str, rules: &str| Some(Member { version: version.to_owned(), rules: rules.to_owned() });
        for (members, versions, rules) in [
            (vec![of("1", "a")], false, false),
            (vec![of("1", "a"), of("1", "a")], false, false),
            (vec![of("1", "a"), of("2", "a")], true, false),
            (vec![of("1", "a"), of("1", "b")], false, true),
            (vec![of("1", "a"), None], true, false),
        ] {
            let members = Members(members.into_iter().enumerate().map(|(n, said)| (n.to_string(), said)).collect());
            assert_eq!((members.versions_mixed(), members.rules_mixed()), (versions, rules), "{members:?}");
        }
    }
}
