//! Warming: what is to be in the cache before anyone asks, fetched as a job.
//!
//! A list of URLs comes from a call, from a sitemap (read through this instance itself, as a client would) or from a
//! `[[warm]]` block. Each URL goes to [`Engine::warm`](crate::engine::Engine::warm), which fetches only what is not
//! fresh and gives way to clients; [`pace`] says how many and how fast. None of it counts as a client's request.

mod pace;
mod schedule;
pub(crate) mod sitemap;

mod documents;
pub(crate) mod gathered;

mod run;

use crate::engine::Engine;
use crate::engine::hot_requests::HotRequest;
use crate::engine::warm::Warmed;
use crate::jobs::{Job, JobKind, Jobs, NotBegun};
use crate::metric::{Measured, Metric, Samples};
use crate::rules::warm::Pace;
use crate::rules::warm_url::Base;
use http::{HeaderMap, Uri};
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// How many URLs one job may have.
pub(crate) const URLS_MAX: usize = 200_000;

const WARMED: Metric = Metric::counter(
    "larder_warm_urls_total",
    &["result"],
    "URLs that were to be warmed, by what came of it: `fetched`, `fresh` (nothing was asked), `failed`, and so on.",
);

/// The metrics of warming.
pub(crate) const METRICS: &[&Metric] = &[&WARMED];

/// What is to be warmed.
#[derive(Debug, Clone)]
pub(crate) enum WarmSource {
    /// These.
    Urls(Vec<Uri>),
    /// What this sitemap names, and those that it names.
    Sitemap(Uri),
    /// What this access log names most often, so many at most; paths without a host belong there.
    Log(PathBuf, usize, Option<Base>),
    /// What is asked for most, each with its own fields besides.
    Hot(Vec<HotRequest>),
}

/// A list to warm, and how.
#[derive(Debug, Clone)]
pub(crate) struct WarmOrder {
    /// What it is, in a few words.
    pub(crate) about: String,
    /// The URLs.
    pub(crate) source: WarmSource,
    /// The fields of each request, Host aside.
    pub(crate) headers: HeaderMap,
    /// How fast.
    pub(crate) pace: Pace,
}

/// Warms for one instance.
pub struct Warming {
    engine: Arc<Engine>,
    jobs: Arc<Jobs>,
    default_base: Option<Base>,
    /// What was asked for most before the start.
    remembered: Vec<HotRequest>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts(Mutex<BTreeMap<&'static str, u64>>);

impl Counts {
    fn add(&self, label: &'static str) {
        // It is whole at every moment.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(label).or_default() += 1;
    }
}

impl Warming {
    /// For an engine, with its jobs. `default_host` is where paths without a host belong.
    #[must_use]
    pub fn new(engine: Arc<Engine>, jobs: Arc<Jobs>, default_host: Option<&str>) -> Arc<Self> {
        Self::remembering(Vec::new(), engine, jobs, default_host)
    }

    /// The same, knowing what was asked for most before the start.
    pub(crate) fn remembering(
        remembered: Vec<HotRequest>,
        engine: Arc<Engine>,
        jobs: Arc<Jobs>,
        default_host: Option<&str>,
    ) -> Arc<Self> {
        let default_base = default_host.and_then(|host| Base::parse(host).ok());
        Arc::new(Self { engine, jobs, default_base, remembered, counts: Arc::default() })
    }

    /// What is asked for most, and then what was before the start, so many at most.
    pub(crate) fn hottest(&self, top: usize) -> Vec<HotRequest> {
        let mut seen = HashSet::new();
        let all = self.engine.hot_requests().into_iter().chain(self.remembered.iter().cloned());
        all.filter(|hot| seen.insert(hot.clone())).take(top).collect()
    }

    /// Calls off what is being warmed, and begins nothing more.
    pub(crate) fn close(&self) {
        self.jobs.close();
    }

    /// Where paths belong for which nobody names a host.
    pub(crate) const fn default_base(&self) -> Option<&Base> {
        self.default_base.as_ref()
    }

    /// Begins to warm a list.
    ///
    /// # Errors
    /// Where too many jobs run, or the instance ends.
    pub(crate) fn begin(&self, order: WarmOrder) -> Result<Arc<Job>, NotBegun> {
        let (engine, counts) = (Arc::clone(&self.engine), Arc::clone(&self.counts));
        let about = order.about.clone();
        self.jobs.begin(JobKind::Warm, about, |job| run::run(engine, counts, job, order))
    }
}

impl Measured for Warming {
    fn sample(&self, samples: &mut Samples) {
        let counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let of = |label| (label, counts.get(label).copied().unwrap_or_default());
        samples.numbers(&WARMED, &[], Warmed::LABELS.map(of));
    }
}
