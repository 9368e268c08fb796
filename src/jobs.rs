//! What an instance does that no client waits for: jobs that are begun, watched and cancelled by the admin API.
//!
//! A job lives in memory only. So many run at once, and so many that have ended are remembered.

use crate::clock::{Clock, Timestamp};
use crate::metric::{Measured, Metric, Samples};
use futures_util::FutureExt as _;
use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many may run at once.
const RUNNING_MAX: usize = 16;

/// How many that have ended are remembered.
const ENDED_KEPT: usize = 100;

/// How many problems of a job are kept.
const PROBLEMS_KEPT: usize = 20;

const JOBS: Metric = Metric::gauge(
    "larder_jobs",
    &["kind", "state"],
    "Jobs that run, and of the last hundred that have ended, how they did.",
);

/// The metrics of jobs.
pub(crate) const METRICS: &[&Metric] = &[&JOBS];

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// It fetches what is to be in the cache before anyone asks.
    Warm,
    /// It watches what passes through, to propose rules.
    Learn,
}

impl JobKind {
    const ALL: [Self; 2] = [Self::Warm, Self::Learn];

    /// The stable label.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Learn => "learn",
        }
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobState {
    Running,
    /// It came to its end.
    Done,
    /// It was called off.
    Cancelled,
    /// It could not go on, and says why.
    Failed,
}

impl JobState {
    const ALL: [Self; 4] = [Self::Running, Self::Done, Self::Cancelled, Self::Failed];

    /// The stable label.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// Something of a job that did not go well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobProblem {
    /// What it is about, such as a URL.
    pub(crate) item: String,
    /// The stable label of why.
    pub(crate) reason: String,
}

/// One job.
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) kind: JobKind,
    /// What it is about, in a few words.
    pub(crate) about: String,
    pub(crate) began_at: Timestamp,
    progress: Mutex<Progress>,
    gives_way: AtomicBool,
    ended: watch::Sender<Option<Ended>>,
    cancel: watch::Sender<bool>,
}

/// How and when a job ended.
#[derive(Debug, Clone)]
struct Ended {
    state: JobState,
    at: Timestamp,
    why: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    total: Option<u64>,
    results: BTreeMap<&'static str, u64>,
    problems: VecDeque<JobProblem>,
}

/// A job at one moment.
#[derive(Debug, Clone)]
pub(crate) struct JobReport {
    pub(crate) state: JobState,
    pub(crate) ended_at: Option<Timestamp>,
    /// Why it failed, or what else there is to be said of its end.
    pub(crate) why: Option<String>,
    /// How many items there are; `None` while that is being found out.
    pub(crate) total: Option<u64>,
    /// How many are done with.
    pub(crate) done: u64,
    /// What became of them.
    pub(crate) results: BTreeMap<&'static str, u64>,
    /// The last problems.
    pub(crate) problems: Vec<JobProblem>,
    /// Whether it waits now, so that clients go first.
    pub(crate) gives_way: bool,
}

impl Job {
    fn new(kind: JobKind, about: String, began_at: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            id: format!("{:012x}", rand::random::<u64>() >> 16),
            kind,
            about,
            began_at,
            progress: Mutex::default(),
            gives_way: AtomicBool::new(false),
            ended: watch::Sender::new(None),
            cancel: watch::Sender::new(false),
        })
    }

    /// How many items there are in all.
    pub(crate) fn set_total(&self, total: u64) {
        self.progress().total = Some(total);
    }

    /// An item is done with, and this is what became of it.
    pub(crate) fn count(&self, result: &'static str) {
        *self.progress().results.entry(result).or_default() += 1;
    }

    /// What did not go well. The last few are kept.
    pub(crate) fn note(&self, problem: JobProblem) {
        let mut progress = self.progress();
        if progress.problems.len() >= PROBLEMS_KEPT {
            progress.problems.pop_front();
        }
        progress.problems.push_back(problem);
    }

    /// Whether it waits at the moment, so that clients go first.
    pub(crate) fn set_gives_way(&self, gives_way: bool) {
        self.gives_way.store(gives_way, Ordering::Relaxed);
    }

    /// Calls it off. What it has begun goes on to its end, nothing more is begun.
    pub(crate) fn cancel(&self) {
        self.cancel.send_replace(true);
    }

    /// How far it is.
    pub(crate) fn report(&self) -> JobReport {
        let ended = self.ended.borrow().clone();
        let Progress { total, results, problems } = self.progress().clone();
        JobReport {
            state: ended.as_ref().map_or(JobState::Running, |ended| ended.state),
            gives_way: ended.is_none() && self.gives_way.load(Ordering::Relaxed),
            ended_at: ended.as_ref().map(|ended| ended.at),
            why: ended.and_then(|ended| ended.why),
            total,
            done: results.values().sum(),
            results,
            problems: problems.into(),
        }
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self) -> JobState {
        let mut receiver = self.ended.subscribe();
        // It holds the sender itself.
        match receiver.wait_for(Option::is_some).await.map(|ended| ended.as_ref().map(|ended| ended.state)) {
            Ok(Some(state)) => state,
            Ok(None) | Err(_) => JobState::Failed,
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // It is whole at every moment.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self: Arc<Self>, clock: Arc<dyn Clock>, work: impl Future<Output = Result<(), String>> + Send) {
        let mut cancelled = self.cancel.subscribe();
        let (state, why) = tokio::select! {
            biased;
            _ = cancelled.wait_for(|cancelled| *cancelled) => (JobState::Cancelled, None),
            done = AssertUnwindSafe(work).catch_unwind() => match done {
                Ok(Ok(())) => (JobState::Done, None),
                Ok(Err(why)) => (JobState::Failed, Some(why)),
                Err(_) => (JobState::Failed, Some("it has panicked; the log has more".to_owned())),
            },
        };
        let (kind, job, why_logged) = (self.kind.label(), &self.id, why.as_deref().unwrap_or_default());
        let JobReport { done, results, .. } = self.report();
        tracing::info!(kind, job, done, ?results, "a job has ended: {} {why_logged}", state.label());
        self.ended.send_replace(Some(Ended { state, at: clock.now(), why }));
    }
}

/// Why a job does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotBegun {
    #[error("{RUNNING_MAX} jobs run already")]
    TooMany,
    #[error("this instance is about to end")]
    Closed,
}

/// The jobs of an instance. Dropped, it calls off those that run.
pub struct Jobs {
    clock: Arc<dyn Clock>,
    closed: AtomicBool,
    /// Newest last.
    all: Mutex<VecDeque<Arc<Job>>>,
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.close();
    }
}

impl Jobs {
    /// None so far.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, closed: AtomicBool::new(false), all: Mutex::default() })
    }

    /// Begins a job, in a task of its own.
    ///
    /// # Errors
    /// Where as many run as may, or the instance ends.
    pub(crate) fn begin<F>(
        &self,
        kind: JobKind,
        about: String,
        work: impl FnOnce(Arc<Job>) -> F,
    ) -> Result<Arc<Job>, NotBegun>
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let mut jobs = self.lock();
        if self.closed.load(Ordering::Relaxed) {
            return Err(NotBegun::Closed);
        }
        let is_running = |job: &&Arc<Job>| job.report().state == JobState::Running;
        if jobs.iter().filter(is_running).count() >= RUNNING_MAX {
            return Err(NotBegun::TooMany);
        }
        let job = Job::new(kind, about, self.clock.now());
        jobs.push_back(Arc::clone(&job));
        let mut ended = jobs.iter().filter(|job| !is_running(job)).count();
        jobs.retain(|job| {
            let is_dropped = ended > ENDED_KEPT && !is_running(&job);
            ended -= usize::from(is_dropped);
            !is_dropped
        });
        drop(jobs);
        tokio::spawn(Arc::clone(&job).run(Arc::clone(&self.clock), work(Arc::clone(&job))));
        Ok(job)
    }

    /// All that are remembered, newest first.
    pub(crate) fn list(&self) -> Vec<Arc<Job>> {
        self.lock().iter().rev().cloned().collect()
    }

    /// The job of this id.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Job>> {
        self.lock().iter().find(|job| job.id == id).cloned()
    }

    /// Calls off all that run, and begins none from now on.
    pub(crate) fn close(&self) {
        let jobs = self.lock();
        self.closed.store(true, Ordering::Relaxed);
        jobs.iter().for_each(|job| job.cancel());
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        // It is whole at every moment.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Measured for Jobs {
    fn sample(&self, samples: &mut Samples) {
        let all: Vec<_> = self.lock().iter().map(|job| (job.kind, job.report().state)).collect();
        for (kind, state) in JobKind::ALL.into_iter().flat_map(|kind| JobState::ALL.map(|state| (kind, state))) {
            let count = all.iter().filter(|known| **known == (kind, state)).count();
            samples.number(&JOBS, &[kind.label(), state.label()], count as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::future::{pending, ready};
    use tokio::sync::oneshot;

    fn jobs() -> Arc<Jobs> {
        Jobs::new(Arc::new(ManualClock::new(Timestamp::from_secs(1_000))))
    }

    fn begin(jobs: &Jobs, work: impl Future<Output = Result<(), String>> + Send + 'static) -> Arc<Job> {
        jobs.begin(JobKind::Warm, "a test".to_owned(), |_| work).expect("there is room")
    }

    #[tokio::test]
    async fn a_job_tells_how_it_ended() {
        let jobs = jobs();
        let done = begin(&jobs, ready(Ok(())));
        let failed = begin(&jobs, ready(Err("no list".to_owned())));
        let panicked = begin(&jobs, async { panic!("no more") });
        let cancelled = begin(&jobs, pending());
        cancelled.cancel();
        for (job, expected, why) in [
            (done, JobState::Done, None),
            (failed, JobState::Failed, Some("no list")),
            (panicked, JobState::Failed, Some("it has panicked; the log has more")),
            (cancelled, JobState::Cancelled, None),
        ] {
            assert_eq!(job.ended().await, expected);
            assert_eq!((job.report().state, job.report().why.as_deref()), (expected, why));
            // What has ended stays as it ended.
            job.cancel();
            assert_eq!(job.report().state, expected);
        }
    }

    #[tokio::test]
    async fn so_many_run_at_once_and_so_many_ended_ones_are_remembered() {
        let jobs = jobs();
        let running: Vec<_> = (0..RUNNING_MAX).map(|_| begin(&jobs, pending())).collect();
        let refused = jobs.begin(JobKind::Warm, String::new(), |_| ready(Ok(())));
        assert_eq!(refused.err(), Some(NotBegun::TooMany));
        running[0].cancel();
        running[0].ended().await;
        for _ in 0..ENDED_KEPT + 5 {
            begin(&jobs, ready(Ok(()))).ended().await;
        }
        // The one that has just ended came in while it ran.
        assert!(jobs.list().len() <= RUNNING_MAX - 1 + ENDED_KEPT + 1, "{}", jobs.list().len());
        assert!(running[1..].iter().all(|job| jobs.find(&job.id).is_some()), "a job that runs was forgotten");
        assert!(jobs.find(&running[0].id).is_none());
    }

    #[tokio::test]
    async fn a_cancelled_job_begins_nothing_more() {
        let jobs = jobs();
        let (gone, was_dropped) = oneshot::channel::<()>();
        let job = begin(&jobs, async move {
            let _gone = gone;
            pending().await
        });
        jobs.close();
        assert_eq!(job.ended().await, JobState::Cancelled);
        assert!(was_dropped.await.is_err());
        let late = jobs.begin(JobKind::Warm, String::new(), |_| ready(Ok(())));
        assert_eq!(late.err(), Some(NotBegun::Closed));
    }

    #[tokio::test]
    async fn progress_adds_up_and_the_last_problems_are_kept() {
        let jobs = jobs();
        let job = begin(&jobs, pending());
        job.set_total(40);
        for n in 0..30 {
            job.count(if n % 3 == 0 { "failed" } else { "fetched" });
            job.note(JobProblem { item: format!("/{n}"), reason: "upstream-connect".to_owned() });
        }
        let report = job.report();
        assert_eq!((report.total, report.done), (Some(40), 30));
        assert_eq!(report.results, BTreeMap::from([("failed", 10), ("fetched", 20)]));
        assert_eq!(report.problems.len(), PROBLEMS_KEPT);
        assert_eq!(report.problems[0].item, "/10");
    }
}
