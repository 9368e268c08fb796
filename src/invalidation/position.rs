//! Where an instance stands in its log and what it knows of it, written down for the process that comes after it.
//!
//! A process that goes on from there is as an instance that was away: in a fleet it reads the log from that place on, and
//! what the log no longer holds raises the floor; alone, its own log goes on counting from there, so that whatever is
//! purged from now on covers all that was stored before.

use super::Invalidation;
use super::barriers::WrittenBarriers;
use super::switch_record::WrittenSwitch;
use crate::stamp::Stamp;
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogPosition {
    /// Which log it is: stamps of another one mean nothing here.
    log: LogName,
    applied: Stamp,
    barriers: WrittenBarriers,
    /// The incident switches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    switches: Vec<WrittenSwitch>,
}

/// Which log stamps belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LogName {
    /// The one that a lone instance keeps for itself.
    Own,
    /// That of the fleet of this namespace.
    Fleet(String),
}

/// The highest number that a log of its own is taken to have reached: what is above leaves no room to count on.
const COUNT_MAX: u64 = u64::MAX / 2;

/// The position is one in another log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it belongs to another log of purges")]
pub(crate) struct OtherLog;

impl Invalidation {
    /// Where this instance stands.
    pub(crate) fn position(&self) -> LogPosition {
        let ledger = self.read_ledger();
        let switches = self.switches.remembered().into_iter().map(WrittenSwitch::from).collect();
        LogPosition { log: self.log_name(), applied: ledger.applied, barriers: ledger.barriers.written(), switches }
    }

    /// Goes on from a position, before anything is read of the log or asked of this instance.
    ///
    /// # Errors
    /// Where it is a position in another log.
    pub(crate) fn resume(&self, position: &LogPosition) -> Result<(), OtherLog> {
        self.learn(position)?;
        self.change(|ledger| ledger.applied = position.applied.max(ledger.applied));
        Ok(())
    }

    /// Takes over the barriers of a position, and stays where it is in the log.
    ///
    /// # Errors
    /// Where it is a position in another log.
    pub(crate) fn learn(&self, position: &LogPosition) -> Result<(), OtherLog> {
        let is_possible = match &position.log {
            LogName::Own => position.applied <= Stamp::local(COUNT_MAX),
            LogName::Fleet(_) => true,
        };
        if position.log != self.log_name() || !is_possible {
            return Err(OtherLog);
        }
        self.change(|ledger| ledger.barriers.raise_written(&position.barriers));
        position.switches.iter().filter_map(WrittenSwitch::read).for_each(|placed| self.switches.set(placed));
        Ok(())
    }

    fn log_name(&self) -> LogName {
        self.fleet.as_ref().map_or(LogName::Own, |fleet| LogName::Fleet(fleet.options.names.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalidation::purge::{Depth, Purge, PurgeSource};
    use crate::invalidation::{PurgeOptions, Standing};
    use crate::scope::{Membership, RouteName, Scope, Tag, Tags};

    fn standing(invalidation: &Invalidation, stamp: Stamp) -> Standing {
        let (route, tags) = (RouteName::new("shop"), [Tag::new("a").unwrap(), Tag::new("b").unwrap()]);
        let membership =
            Membership { url: "http://shop/x/p?q", path_start: 11, route: &route, tags: Tags::Listed(&tags) };
        invalidation.standing(stamp, &membership)
    }

    async fn purge(invalidation: &Invalidation, scope: Scope, depth: Depth, source: PurgeSource) {
        let purge = Purge { scopes: vec![scope], depth, source };
        invalidation.purge(purge, PurgeOptions::default()).await.unwrap();
    }

    #[tokio::test]
    async fn who_goes_on_from_a_position_judges_as_before_and_its_purges_come_after() {
        let tag = |text: &str| Scope::Tag(Tag::new(text).unwrap());
        for (scope, depth, source, expected) in [
            (Scope::All, Depth::Hard, PurgeSource::Admin, Standing::Purged),
            (Scope::All, Depth::Soft, PurgeSource::Event, Standing::SoftPurged),
            (tag("b"), Depth::Soft, PurgeSource::Admin, Standing::SoftPurged),
            (tag("c"), Depth::Hard, PurgeSource::Admin, Standing::Clear),
            (Scope::Route(RouteName::new("shop")), Depth::Hard, PurgeSource::Event, Standing::Purged),
            (Scope::Url("/x/p?q".into()), Depth::Hard, PurgeSource::UnsafeRequest, Standing::Purged),
            (Scope::Prefix("http://shop/x/".into()), Depth::Soft, PurgeSource::Admin, Standing::SoftPurged),
            (Scope::Prefix("/x/p?".into()), Depth::Hard, PurgeSource::Admin, Standing::Purged),
        ] {
            let (before, after) = (Invalidation::default(), Invalidation::default());
            purge(&before, tag("other"), Depth::Hard, PurgeSource::Admin).await;
            let stored = before.applied();
            purge(&before, scope.clone(), depth, source).await;
            let written = serde_json::to_vec(&before.position()).unwrap();
            let position: LogPosition = serde_json::from_slice(&written).unwrap();
            assert_eq!(position, before.position(), "{scope:?}");
            after.resume(&position).unwrap();
            assert_eq!(standing(&after, stored), expected, "{scope:?}");
            assert_eq!(standing(&after, after.applied()), Standing::Clear, "{scope:?}");
            let stored = after.applied();
            purge(&after, tag("a"), Depth::Hard, PurgeSource::Admin).await;
            assert_eq!(standing(&after, stored), Standing::Purged, "what is purged now is purged after it");
        }
    }

    #[test]
    fn a_position_in_another_log_means_nothing() {
        let own = Invalidation::default().position();
        for position in [
            LogPosition { log: LogName::Fleet("larder".to_owned()), ..own.clone() },
            LogPosition { applied: Stamp::new((1, 0), 0), ..own.clone() },
            LogPosition { applied: Stamp::local(u64::MAX), ..own },
        ] {
            assert_eq!(Invalidation::default().resume(&position), Err(OtherLog), "{position:?}");
        }
    }
}
