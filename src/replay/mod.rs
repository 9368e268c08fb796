//! Replaying: what rules would have made of requests that have been, in simulated time and without an origin.
//!
//! Each request is decided by the same [`plan`](crate::plan) that serves: its way by the rules, then what is stored under
//! its key. What a fetch brings is made up: the status and size that the request had, no fields, after the time that the
//! origin took of late. [`from_log`] takes requests from access logs, the feed of decisions from live traffic
//! (`decisions/shadow.rs`); [`Replay::report`] puts two sets of rules side by side.

mod figures;
mod known;
mod simulated;
mod stored;

pub(crate) mod from_log;
pub(crate) mod report;

use crate::clock::Timestamp;
use crate::plan::outcome::Outcome;
use crate::rules::RuleSet;
use crate::scope::Depth;
use crate::semantics::reason::Reason;
use figures::Figures;
use http::StatusCode;
use known::{Known, KnownRequests};
use report::{Report, RouteReport, Shown};
use simulated::Simulated;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How a request went, as far as the log says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Happened {
    /// When it began.
    pub(crate) at: Timestamp,
    /// The status of the answer; `None` if there was none.
    pub(crate) status: Option<StatusCode>,
    /// The bytes of the body that were sent.
    pub(crate) body_bytes: Option<u64>,
    /// How Larder decided; `None` if somebody else answered.
    pub(crate) outcome: Option<Outcome>,
    /// What was stored for it had been purged.
    pub(crate) purged: Option<Depth>,
    /// Why the origin's answer was not stored.
    pub(crate) refused: Option<Reason>,
    /// How long the origin took, where it was asked.
    pub(crate) upstream: Option<Duration>,
}

/// What is asked for, as it was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) target: &'a [u8],
}

/// Which rules.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    /// Those in force.
    pub(crate) present: Arc<RuleSet>,
    /// Those that are tried.
    pub(crate) proposed: Option<Arc<RuleSet>>,
}

/// How much is kept of each set of rules. Over it, what would end first is forgotten first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Responses, stored or on their way.
    pub(crate) responses: usize,
    /// Different requests of which the way is remembered.
    pub(crate) requests: usize,
}

/// Where nothing else runs: any number is stored, for that is what is to be known.
const UNBOUNDED: Bounds = Bounds { responses: usize::MAX, requests: 200_000 };

/// A replay under way.
pub(crate) struct Replay {
    known: KnownRequests,
    present: Simulated,
    proposed: Option<Simulated>,
    /// What really happened, by the routes of the rules in force.
    measured: Vec<Figures>,
    /// How many requests it comes from.
    told: u64,
    span: Option<(Timestamp, Timestamp)>,
}

/// A request that is to be decided.
pub(crate) struct Step {
    pub(crate) known: Arc<Known>,
    pub(crate) happened: Happened,
}

fn propose(proposed: &mut Simulated, known: &Known, happened: &Happened) {
    if let Some(way) = &known.proposed {
        proposed.step(way, happened);
    }
}

impl Replay {
    /// One that begins with an empty cache.
    pub(crate) fn new(rules: Compared) -> Self {
        Self::bounded(rules, UNBOUNDED)
    }

    /// One that begins with an empty cache and keeps no more than this.
    pub(crate) fn bounded(rules: Compared, bounds: Bounds) -> Self {
        let measured = vec![Figures::default(); rules.present.routes().len() + 1];
        Self {
            present: Simulated::new(Arc::clone(&rules.present), bounds.responses),
            proposed: rules.proposed.clone().map(|rules| Simulated::new(rules, bounds.responses)),
            known: KnownRequests::new(rules, bounds.requests),
            measured,
            told: 0,
            span: None,
        }
    }

    /// What the rules say of a request.
    pub(crate) fn known(&mut self, named: Named<'_>) -> Arc<Known> {
        self.known.of(named)
    }

    /// The next request. Time does not run back: one that began before the last counts as if it began with it.
    pub(crate) fn step(&mut self, known: &Known, happened: Happened) {
        let happened = self.begun(known, happened);
        self.present.step(&known.present, &happened);
        if let Some(proposed) = &mut self.proposed {
            propose(proposed, known, &happened);
        }
    }

    /// The next requests, in their order. Two sets of rules share nothing, so each goes through them on a thread of its own.
    pub(crate) fn steps(&mut self, requests: &mut [Step]) {
        for Step { known, happened } in requests.iter_mut() {
            *happened = self.begun(known, *happened);
        }
        let (requests, present) = (&*requests, &mut self.present);
        let by_proposed = |proposed: &mut Simulated| {
            for Step { known, happened } in requests {
                propose(proposed, known, happened);
            }
        };
        let has_no_thread = thread::scope(|scope| {
            let proposed = self.proposed.as_mut();
            let thread =
                proposed.map(|proposed| thread::Builder::new().spawn_scoped(scope, || by_proposed(proposed)).is_err());
            for Step { known, happened } in requests {
                present.step(&known.present, happened);
            }
            thread
        });
        if let (Some(true), Some(proposed)) = (has_no_thread, &mut self.proposed) {
            by_proposed(proposed);
        }
    }

    /// Counts a request; when it began, since time does not run back.
    fn begun(&mut self, known: &Known, happened: Happened) -> Happened {
        let (first, last) = self.span.unwrap_or((happened.at, happened.at));
        let happened = Happened { at: happened.at.max(last), ..happened };
        self.span = Some((first, happened.at));
        if let Some(outcome) = happened.outcome {
            self.told += 1;
            if let Some(measured) = self.measured.get_mut(known.present.route()) {
                measured.count_told(outcome, &happened);
            }
        }
        happened
    }

    /// How many stored responses were forgotten for want of room.
    pub(crate) fn forgotten(&self) -> u64 {
        self.present.forgotten() + self.proposed.as_ref().map_or(0, Simulated::forgotten)
    }

    /// How the rules compare so far.
    pub(crate) fn report(&self) -> Report {
        let mut routes: Vec<RouteReport> = Vec::new();
        let named = |simulated: &Simulated| {
            let names = simulated.rules().routes().iter().map(|route| Some(route.name.as_str().to_owned()));
            names.chain([None]).collect::<Vec<_>>()
        };
        let present = named(&self.present).into_iter().zip(self.present.figures());
        for ((route, figures), measured) in present.zip(&self.measured) {
            let measured = (self.told > 0).then(|| Shown::of_measured(measured));
            routes.push(RouteReport { route, present: Some(Shown::of(&figures)), proposed: None, measured });
        }
        if let Some(proposed) = &self.proposed {
            for (place, (route, figures)) in named(proposed).into_iter().zip(proposed.figures()).enumerate() {
                let shown = Some(Shown::of(&figures));
                match routes.iter_mut().find(|known| known.route == route) {
                    Some(known) => known.proposed = shown,
                    None => routes.insert(place, RouteReport { route, present: None, proposed: shown, measured: None }),
                }
            }
        }
        // No route comes last, wherever it was found first.
        routes.sort_by_key(|report| report.route.is_none());
        routes.retain(RouteReport::is_of_any_request);
        let sum = |simulated: &Simulated| {
            let sum = simulated.figures().iter().fold(Figures::default(), Figures::and);
            Shown::of(&Figures { memory_peak_bytes: simulated.memory_peak_bytes(), ..sum })
        };
        let measured = self.measured.iter().fold(Figures::default(), Figures::and);
        let all = RouteReport {
            route: None,
            present: Some(sum(&self.present)),
            proposed: self.proposed.as_ref().map(sum),
            measured: (self.told > 0).then(|| Shown::of_measured(&measured)),
        };
        Report {
            span: self.span,
            present: self.present.rules().digest().to_owned(),
            proposed: self.proposed.as_ref().map(|proposed| proposed.rules().digest().to_owned()),
            all,
            routes,
        }
    }
}
