//! Incident switches: what operators have set for a while in place of what a route's rules say. Pure but for the board,
//! which holds what is set now.
//!
//! A switch is set for one route or for all, by its place in the log of purges, and ends by itself. A route's own goes
//! before that for all. The rules in force carry the board, so that a request finds it where it finds its route; while
//! nothing is set, that costs one look at a flag.

use crate::clock::Timestamp;
use crate::scope::RouteName;
use crate::semantics::reuse::Hold;
use crate::stamp::Stamp;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest that a switch is set for.
pub(crate) const SWITCHED_MAX: Duration = Duration::from_hours(24);

/// The longest text that says why a switch is set, or who has set it, in bytes.
pub(crate) const SWITCH_TEXT_BYTES_MAX: usize = 1_000;

/// How all routes together are called where one is named.
pub(crate) const ALL_ROUTES: &str = "*";

/// What a switch makes of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SwitchMode {
    /// Its rules count.
    Normal,
    /// Everything passes through, and nothing is stored.
    Bypass,
    /// What is stored is served, fresh or stale, and not refreshed; what is not stored is fetched.
    StaleOnly,
    /// As stale-only, and lifetimes do not run out.
    Freeze,
}

impl SwitchMode {
    /// Every mode.
    pub(crate) const ALL: [Self; 4] = [Self::Normal, Self::Bypass, Self::StaleOnly, Self::Freeze];

    /// The stable label.
    #[must_use]
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Bypass => "bypass",
            Self::StaleOnly => "stale-only",
            Self::Freeze => "freeze",
        }
    }

    /// The mode of this label.
    #[must_use]
    pub(crate) fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.label() == label)
    }

    /// What it holds of the stored responses of a route, if it does not pass them by.
    #[must_use]
    pub(crate) const fn hold(self) -> Option<Hold> {
        match self {
            Self::Normal | Self::Bypass => None,
            Self::StaleOnly => Some(Hold::StaleOnly),
            Self::Freeze => Some(Hold::Freeze),
        }
    }
}

/// What a switch is set for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SwitchScope {
    /// All routes.
    All,
    /// The route of this name.
    Route(RouteName),
}

impl SwitchScope {
    /// The scope that a text names: a route, or `*`.
    #[must_use]
    pub(crate) fn named(text: &str) -> Self {
        if text == ALL_ROUTES { Self::All } else { Self::Route(RouteName::new(text)) }
    }

    /// The name of the route; `*` stands for all.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::All => ALL_ROUTES,
            Self::Route(name) => name.as_str(),
        }
    }
}

impl fmt::Display for SwitchScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A switch as it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switch {
    /// For what.
    pub(crate) scope: SwitchScope,
    /// To what.
    pub(crate) mode: SwitchMode,
    /// When it was set.
    pub(crate) set_at: Timestamp,
    /// When it ends by itself. One that ends when it is set ends what was set before it.
    pub(crate) until: Timestamp,
    /// Why, in the words of who has set it.
    pub(crate) why: String,
    /// Who has set it: the name of a token.
    pub(crate) who: String,
    /// The instance that was asked.
    pub(crate) by: String,
}

/// A switch at its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedSwitch {
    /// Where it was set first: a later one goes before it.
    pub(crate) since: Stamp,
    /// The switch.
    pub(crate) switch: Switch,
}

/// All switches that were set lately: for each scope the last one, also where it is over, so that none that comes late is
/// taken for news.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Switches {
    by_scope: BTreeMap<SwitchScope, PlacedSwitch>,
    /// All that were set before this place are over.
    ended: Stamp,
}

impl Switches {
    fn set(&mut self, placed: PlacedSwitch) {
        let PlacedSwitch { since, switch } = &placed;
        let is_late = self.by_scope.get(&switch.scope).is_some_and(|known| known.since >= *since);
        if is_late || *since <= self.ended {
            return;
        }
        if switch.scope == SwitchScope::All && switch.mode == SwitchMode::Normal {
            self.ended = *since;
            self.by_scope.retain(|_, known| known.since > placed.since);
        }
        // Whatever comes late comes within the time for which the log holds it.
        let oldest = switch.set_at.saturating_sub(SWITCHED_MAX.saturating_mul(2));
        self.by_scope.retain(|_, known| known.switch.until > oldest);
        self.by_scope.insert(placed.switch.scope.clone(), placed);
    }

    fn on(&self, now: Timestamp) -> impl Iterator<Item = &PlacedSwitch> {
        self.by_scope.values().filter(move |placed| now < placed.switch.until)
    }

    fn of(&self, route: &RouteName, now: Timestamp) -> Option<&PlacedSwitch> {
        let set = |scope| self.by_scope.get(&scope).filter(|placed| now < placed.switch.until);
        set(SwitchScope::Route(route.clone())).or_else(|| set(SwitchScope::All))
    }
}

/// The switches that are set now: one per instance.
#[derive(Debug, Default)]
pub(crate) struct SwitchBoard {
    /// Whether one may be on.
    is_used: AtomicBool,
    switches: ArcSwap<Switches>,
    /// Held while they change.
    changing: Mutex<()>,
}

impl SwitchBoard {
    /// Sets a switch, unless a later one is set for the same scope.
    pub(crate) fn set(&self, placed: PlacedSwitch) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut switches = Switches::clone(&self.switches.load());
        switches.set(placed);
        self.switches.store(Arc::new(switches));
        self.is_used.store(true, Ordering::Release);
    }

    /// What is set for a route. `now` is asked only where something may be.
    pub(crate) fn mode(&self, route: &RouteName, now: impl FnOnce() -> Timestamp) -> SwitchMode {
        if !self.is_used.load(Ordering::Relaxed) {
            return SwitchMode::Normal;
        }
        self.mode_at(route, now())
    }

    #[cold]
    fn mode_at(&self, route: &RouteName, now: Timestamp) -> SwitchMode {
        let switches = self.switches.load();
        if let Some(placed) = switches.of(route, now) {
            return placed.switch.mode;
        }
        if switches.on(now).next().is_none() {
            self.put_aside(now);
        }
        SwitchMode::Normal
    }

    /// Looks at none of them from now on, where all are over.
    fn put_aside(&self, now: Timestamp) {
        let Ok(_changing) = self.changing.try_lock() else { return };
        if self.switches.load().on(now).next().is_none() {
            self.is_used.store(false, Ordering::Relaxed);
        }
    }

    /// What is set for a route, with who and why.
    pub(crate) fn of(&self, route: &RouteName, now: Timestamp) -> Option<PlacedSwitch> {
        self.switches.load().of(route, now).cloned()
    }

    /// The switches that are on.
    pub(crate) fn on(&self, now: Timestamp) -> Vec<PlacedSwitch> {
        self.switches.load().on(now).cloned().collect()
    }

    /// All that are remembered: those that are on, and what says that earlier ones are over.
    pub(crate) fn remembered(&self) -> Vec<PlacedSwitch> {
        self.switches.load().by_scope.values().cloned().collect()
    }
}

#[cfg(test)]
#[path = "switch_tests.rs"]
mod tests;
