//! The background tasks of an instance. Each has a name, and none ends unnoticed: it is started again, or the instance ends.

use crate::metric::{Measured, Metric, Samples};
use futures_util::FutureExt as _;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// The pause before a task is started again, doubled each time up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// A task that has run for this long is well: when it ends, the pauses begin anew.
const WELL_AFTER: Duration = Duration::from_mins(1);

const TASK_RESTARTS: Metric = Metric::counter(
    "larder_task_restarts_total",
    &["task"],
    "Background tasks that ended or panicked and were started again.",
);

const TASKS: Metric = Metric::gauge(
    "larder_tasks",
    &[],
    "Tasks that have not ended: a few for each client connection, fetch and upstream connection, and those in the background.",
);

/// The metrics of background tasks.
pub(crate) const METRICS: &[&Metric] = &[&TASK_RESTARTS, &TASKS];

/// Runs tasks until it is stopped or dropped.
#[derive(Default)]
pub(crate) struct Supervisor {
    /// Those that are started again never end; what ends is one that the instance needs.
    tasks: JoinSet<EssentialTaskEnded>,
    restarts: Arc<Restarts>,
}

/// A task ended that the instance cannot run without.
#[derive(Debug, thiserror::Error)]
#[error("the task `{task}` {ended}; Larder cannot run without it")]
pub(crate) struct EssentialTaskEnded {
    /// Its name.
    pub(crate) task: &'static str,
    /// How.
    pub(crate) ended: Ended,
}

/// How a task ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("has ended")]
    Returned,
    #[error("has panicked ({0})")]
    Panicked(String),
}

impl Supervisor {
    /// Runs a task that the instance can do without for a while. Whenever it ends or panics, `task` makes it anew after a
    /// pause, longer each time.
    pub(crate) fn restart<F>(&mut self, name: &'static str, mut task: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let count = self.restarts.of(name);
        self.tasks.spawn(async move {
            let mut pause = PAUSES.0;
            loop {
                let started = Instant::now();
                let ended = end_of(async { task().await }).await;
                if started.elapsed() >= WELL_AFTER {
                    pause = PAUSES.0;
                }
                tracing::error!(task = name, ?pause, "a background task {ended}; it is restarted after the pause");
                count.fetch_add(1, Ordering::Relaxed);
                sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        });
    }

    /// Runs a task that the instance cannot do without: once it has ended, [`Self::essential_task_ended`] returns it.
    pub(crate) fn require(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(end_of(task).map(move |ended| EssentialTaskEnded { task: name, ended }));
    }

    /// Waits until a required task has ended.
    pub(crate) async fn essential_task_ended(&mut self) -> EssentialTaskEnded {
        match self.tasks.join_next().await {
            Some(Ok(ended)) => ended,
            // Panics are caught in the tasks, and only stopping cancels them.
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    /// What counts restarts.
    pub(crate) fn measured(&self) -> Arc<dyn Measured> {
        self.restarts.clone()
    }

    /// Ends all tasks, whatever they are doing.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn end_of(task: impl Future<Output = ()>) -> Ended {
    match AssertUnwindSafe(task).catch_unwind().await {
        Ok(()) => Ended::Returned,
        Err(panic) => Ended::Panicked(message(&*panic)),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message").to_owned()
}

/// How often each task was started again. Two tasks may share a name.
#[derive(Debug, Default)]
struct Restarts(Mutex<Vec<(&'static str, Arc<AtomicU64>)>>);

impl Restarts {
    fn of(&self, name: &'static str) -> Arc<AtomicU64> {
        let mut counts = self.locked();
        if let Some((_, count)) = counts.iter().find(|(known, _)| *known == name) {
            return Arc::clone(count);
        }
        let count = Arc::default();
        counts.push((name, Arc::clone(&count)));
        count
    }

    fn locked(&self) -> MutexGuard<'_, Vec<(&'static str, Arc<AtomicU64>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Measured for Restarts {
    fn sample(&self, samples: &mut Samples) {
        for (name, count) in &*self.locked() {
            samples.number(&TASK_RESTARTS, &[name], count.load(Ordering::Relaxed));
        }
        // Where nobody runs tasks, there are none to be counted.
        if let Ok(runtime) = Handle::try_current() {
            samples.number(&TASKS, &[], runtime.metrics().num_alive_tasks() as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Value;
    use futures_util::future::BoxFuture;
    use std::future::pending;
    use tokio::sync::mpsc;
    use tokio::time::timeout;

    /// The restarts counted, by task.
    fn counted(supervisor: &Supervisor) -> Vec<(String, u64)> {
        let mut samples = Samples::default();
        supervisor.measured().sample(&mut samples);
        let restarts = samples.into_vec().into_iter().filter(|sample| !sample.labels.is_empty());
        let counted = restarts.map(|sample| match sample.value {
            Value::Number(count) => (sample.labels.concat(), count),
            Value::Time(_) | Value::Durations(_) => panic!("restarts are a counter"),
        });
        counted.collect()
    }

    /// A task that tells when it starts, runs as long as its turn says, and then returns or panics.
    fn failing(runs: &'static [u64]) -> (impl FnMut() -> BoxFuture<'static, ()>, mpsc::UnboundedReceiver<Instant>) {
        let (starts, started) = mpsc::unbounded_channel();
        let mut turns = runs.iter().enumerate();
        let task = move || {
            let (starts, turn) = (starts.clone(), turns.next());
            async move {
                starts.send(Instant::now()).expect("the test listens");
                let Some((turn, seconds)) = turn else { return pending().await };
                drop(timeout(Duration::from_secs(*seconds), pending::<()>()).await);
                assert!(turn % 2 == 0, "every second time");
            }
            .boxed()
        };
        (task, started)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_or_panics_is_started_again_after_growing_pauses_and_counted() {
        let mut supervisor = Supervisor::default();
        let (task, mut started) = failing(&[0, 0, 0, 60, 0]);
        supervisor.restart("failing", task);
        supervisor.restart("well", pending);
        assert_eq!(counted(&supervisor), [("failing".to_owned(), 0), ("well".to_owned(), 0)]);
        let mut before = started.recv().await.unwrap();
        // The run of a minute shows that the task is well, so that the pauses begin anew.
        for millis in [100, 200, 400, 60_000 + 100, 200] {
            let again = started.recv().await.unwrap();
            assert_eq!((again - before).as_millis(), millis);
            before = again;
        }
        assert_eq!(counted(&supervisor), [("failing".to_owned(), 5), ("well".to_owned(), 0)]);
        supervisor.stop().await;
        assert_eq!(started.recv().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_is_longer_than_half_a_minute() {
        let mut supervisor = Supervisor::default();
        let (task, mut started) = failing(&[0; 20]);
        supervisor.restart("failing", task);
        let mut starts = Vec::new();
        started.recv_many(&mut starts, 1).await;
        while starts.len() < 20 {
            started.recv_many(&mut starts, 1).await;
        }
        assert_eq!((starts[19] - starts[18]).as_secs(), 30);
    }

    #[tokio::test]
    async fn the_end_of_a_required_task_is_told_with_its_name_and_why() {
        for (task, why) in [
            (async { panic!("no more {}", "entries") }.boxed(), "has panicked (no more entries)"),
            (async { std::panic::panic_any(7) }.boxed(), "has panicked (without a message)"),
            (async {}.boxed(), "has ended"),
        ] {
            let mut supervisor = Supervisor::default();
            supervisor.restart("well", pending);
            supervisor.require("needed", task);
            let told = supervisor.essential_task_ended().await;
            assert_eq!(told.to_string(), format!("the task `needed` {why}; Larder cannot run without it"));
        }
    }
}
