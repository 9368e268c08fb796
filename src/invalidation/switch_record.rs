//! An incident switch as the log holds it.
//!
//! Versions that know no switches take an entry that they can't read for a purge of everything. So it is written as a
//! purge that takes nothing, of a route that cannot be, with the switch beside it: what they don't know they leave alone.

use crate::clock::Timestamp;
use crate::rules::switch::{
    ALL_ROUTES, PlacedSwitch, SWITCH_TEXT_BYTES_MAX, SWITCHED_MAX, Switch, SwitchMode, SwitchScope,
};
use crate::stamp::Stamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The longest name of a route that is taken, in bytes.
const NAME_BYTES_MAX: usize = 64 * 1024;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SwitchRecord {
    /// The switch.
    pub(super) switch: Switch,
    /// Where it was set first, if it is not set by this entry.
    pub(super) since: Option<Stamp>,
    /// Names this attempt to append, so that its instance knows it again.
    pub(super) token: String,
}

/// A switch in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WrittenSwitch {
    route: String,
    mode: String,
    set_at_ms: u64,
    until_ms: u64,
    why: String,
    who: String,
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Stamp>,
}

/// An entry as versions read it that know only purges: one that takes nothing and writes no receipt. What it is to others
/// is written beside it.
pub(super) fn nothing_purged(token: String) -> Vec<(&'static str, String)> {
    vec![
        ("kind", "purge".to_owned()),
        ("depth", "soft".to_owned()),
        ("source", "fleet".to_owned()),
        ("scopes", serde_json::json!([{ "route": ALL_ROUTES }]).to_string()),
        // So that who takes it for a purge writes no receipt.
        ("part", "earlier".to_owned()),
        ("token", token),
    ]
}

impl SwitchRecord {
    /// What says once more that a switch is set.
    pub(super) fn again(placed: PlacedSwitch) -> Self {
        Self { switch: placed.switch, since: Some(placed.since), token: String::new() }
    }

    /// The switch of an entry with this stamp.
    pub(super) fn placed_at(&self, stamp: Stamp) -> PlacedSwitch {
        PlacedSwitch { since: self.since.unwrap_or(stamp), switch: self.switch.clone() }
    }

    /// The names and texts of the entry.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let written = WrittenSwitch::of(self.switch.clone(), self.since);
        let switch = serde_json::to_string(&written).expect("texts and numbers are JSON");
        let mut fields = nothing_purged(self.token.clone());
        fields.extend([("by", self.switch.by.clone()), ("switch", switch)]);
        fields
    }

    /// The switch beside a purge, if there is one that this version understands.
    pub(super) fn read(fields: &HashMap<String, String>) -> Option<Self> {
        let written: WrittenSwitch = serde_json::from_str(fields.get("switch")?).ok()?;
        let PlacedSwitch { switch, .. } = written.read()?;
        Some(Self { switch, since: written.since, token: fields.get("token").cloned().unwrap_or_default() })
    }
}

impl WrittenSwitch {
    fn of(switch: Switch, since: Option<Stamp>) -> Self {
        let Switch { scope, mode, set_at, until, why, who, by } = switch;
        let (route, mode) = (scope.as_str().to_owned(), mode.label().to_owned());
        Self { route, mode, set_at_ms: set_at.as_millis(), until_ms: until.as_millis(), why, who, by, since }
    }

    /// What is written, if it is a switch; before all others where nothing says since when.
    pub(super) fn read(&self) -> Option<PlacedSwitch> {
        let Self { route, mode, set_at_ms, until_ms, why, who, by, since } = self.clone();
        let are_short = [&why, &who, &by].iter().all(|text| text.len() <= SWITCH_TEXT_BYTES_MAX);
        if !are_short || route.len() > NAME_BYTES_MAX {
            return None;
        }
        let set_at = Timestamp::from_millis(set_at_ms);
        let until = Timestamp::from_millis(until_ms).min(set_at.saturating_add(SWITCHED_MAX));
        let mode = SwitchMode::parse(&mode)?;
        let switch = Switch { scope: SwitchScope::named(&route), mode, set_at, until, why, who, by };
        Some(PlacedSwitch { since: since.unwrap_or_default(), switch })
    }
}

impl From<PlacedSwitch> for WrittenSwitch {
    fn from(placed: PlacedSwitch) -> Self {
        Self::of(placed.switch, Some(placed.since))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::LogRecord;
    use super::*;

    fn record(mode: SwitchMode, since: Option<Stamp>) -> SwitchRecord {
        let (set_at, until) = (Timestamp::from_secs(1_000), Timestamp::from_secs(1_600));
        let (why, who, by) = ("\"ill\"\n".to_owned(), "ops".to_owned(), "one".to_owned());
        let switch = Switch { scope: SwitchScope::named("shop"), mode, set_at, until, why, who, by };
        SwitchRecord { switch, since, token: "one-7".to_owned() }
    }

    fn read(record: &SwitchRecord, change: impl Fn(&mut HashMap<String, String>)) -> LogRecord {
        let mut fields = record.fields().into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        change(&mut fields);
        LogRecord::read(&fields)
    }

    #[test]
    fn what_is_written_is_read_again() {
        for mode in SwitchMode::ALL {
            for since in [None, Some(Stamp::new((17, 3), 1))] {
                let record = record(mode, since);
                assert_eq!(read(&record, |_| ()), LogRecord::Switch(record));
            }
        }
    }

    #[test]
    fn a_version_that_knows_no_switches_purges_nothing() {
        let read = read(&record(SwitchMode::Freeze, None), |fields| drop(fields.remove("switch")));
        let LogRecord::Purge(purge) = read else { panic!("{read:?}") };
        assert_eq!(purge.purge.scopes, [crate::scope::Scope::Route(crate::scope::RouteName::new("*"))]);
        assert_eq!(purge.purge.depth, crate::scope::Depth::Soft);
    }

    #[test]
    fn a_mode_of_a_later_version_and_what_is_no_switch_purge_nothing_either() {
        for text in ["", "{}", "[]", "null", &record_with("mode", "\"slow\""), &record_with("until_ms", "-1")] {
            let read = read(&record(SwitchMode::Freeze, None), |fields| {
                fields.insert("switch".to_owned(), text.to_owned());
            });
            assert!(matches!(read, LogRecord::Purge(_)), "{text}: {read:?}");
        }
    }

    /// The JSON of a switch with this in place of what it says.
    fn record_with(name: &str, value: &str) -> String {
        let fields: HashMap<_, _> = record(SwitchMode::Freeze, None).fields().into_iter().collect();
        let mut switch: serde_json::Value = serde_json::from_str(&fields["switch"]).unwrap();
        switch[name] = serde_json::from_str(value).unwrap();
        switch.to_string()
    }

    #[test]
    fn none_lasts_longer_than_switches_may() {
        let far = record_with("until_ms", "99999999999999");
        let read = read(&record(SwitchMode::Bypass, None), |fields| {
            fields.insert("switch".to_owned(), far.clone());
        });
        let LogRecord::Switch(read) = read else { panic!("{read:?}") };
        assert_eq!(read.switch.until, Timestamp::from_secs(1_000).saturating_add(SWITCHED_MAX));
    }
}
