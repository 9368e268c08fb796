//! Setting an incident switch: it is appended to the log of purges, so that every instance has the same switches set,
//! those that start later too.
//!
//! An entry is kept for `log_retention`, and no switch is set for longer. Where Redis has lost the log, who finds that out
//! writes the switches into the new one.

use super::fleet_log::{Appended, LogError};
use super::record::LogRecord;
use super::switch_record::SwitchRecord;
use super::{Depth, Invalidation, Purge, PurgeSource};
use crate::rules::switch::{PlacedSwitch, SWITCHED_MAX, Switch, SwitchBoard};
use crate::stamp::Stamp;
use std::sync::Arc;
use std::time::Duration;

impl Invalidation {
    /// The switches that are set at this instance.
    #[must_use]
    pub(crate) const fn switches(&self) -> &Arc<SwitchBoard> {
        &self.switches
    }

    /// The longest that a switch may be set for.
    pub(crate) fn switched_max(&self) -> Duration {
        self.fleet.as_ref().map_or(SWITCHED_MAX, |fleet| fleet.options.log_retention.min(SWITCHED_MAX))
    }

    /// Sets a switch, here and at every instance that reads the log. Returns its place.
    ///
    /// # Errors
    /// Where the log can't take it. It is set here all the same.
    pub(crate) async fn switch(&self, switch: Switch) -> Result<Stamp, LogError> {
        let Some(fleet) = &self.fleet else {
            let _order = self.order.lock().await;
            let (_, count) = self.applied().log();
            let stamp = Stamp::local(count.saturating_add(1));
            self.apply_switch(&PlacedSwitch { since: stamp, switch }, stamp);
            return Ok(stamp);
        };
        let written = switch.clone();
        let record = |token| LogRecord::Switch(SwitchRecord { switch: written, since: None, token });
        match fleet.append_record(record).await {
            Ok(Appended::Applied(reached)) => Ok(reached.stamp),
            Ok(Appended::Ahead(stamp)) => {
                self.switches.set(PlacedSwitch { since: stamp, switch });
                Ok(stamp)
            }
            Err(error) => {
                let _order = self.order.lock().await;
                let stamp = self.applied().refined();
                self.apply_switch(&PlacedSwitch { since: stamp, switch }, stamp);
                Err(error)
            }
        }
    }

    /// Sets a switch that stands at `stamp`.
    pub(super) fn apply_switch(&self, placed: &PlacedSwitch, stamp: Stamp) {
        self.switches.set(placed.clone());
        let Switch { scope, mode, until, why, who, by, .. } = &placed.switch;
        let (scope, mode, until) = (scope.as_str(), mode.label(), until.to_rfc3339());
        tracing::warn!(route = scope, mode, until, who, why, by, "an incident switch was set");
        self.apply(&Purge { scopes: Vec::new(), depth: Depth::Soft, source: PurgeSource::Fleet }, stamp, |_| ());
    }
}
