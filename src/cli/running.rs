//! A running instance, and its end in order.

use super::hot_file;
use super::snapshot::{Finished, Loading, Writing};
use super::takeover::successor::{News, Successor};
use crate::admin::Readiness;
use crate::config::reload::RulesReloader;
use crate::engine::Engine;
use crate::invalidation::Invalidation;
use crate::proxy::OptionsInForce;
use crate::supervisor::{EssentialTaskEnded, Supervisor};
use crate::traces::Tracer;
use crate::warming::Warming;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tracing_appender::non_blocking::WorkerGuard;

/// A running instance. Dropping it stops it without draining.
pub struct Running {
    /// Where the first listener of the data port over TCP is; unspecified where there are Unix sockets only.
    pub data_address: SocketAddr,
    /// The data port's listeners in the order of the configuration, each as the start of a URL:
    /// `https://127.0.0.1:8443`, `unix:/run/larder.sock`.
    pub listening: Vec<String>,
    /// Where the admin API listens.
    pub admin_address: SocketAddr,
    pub(super) rules: Arc<RulesReloader>,
    pub(super) readiness: Arc<Readiness>,
    pub(super) engine: Arc<Engine>,
    pub(super) warming: Arc<Warming>,
    pub(super) traces: Option<Arc<Tracer>>,
    pub(super) stop: watch::Sender<Stage>,
    /// Of the data port.
    pub(super) options: Arc<OptionsInForce>,
    pub(super) data_port: Open,
    pub(super) admin_port: Open,
    /// Ended with the instance, whatever they do at the moment.
    pub(super) tasks: Supervisor,
    /// Processes that want to take this one's place.
    pub(super) successors: mpsc::Receiver<Successor>,
    /// Where what is in memory is written at the end.
    pub(super) snapshot: Option<PathBuf>,
    /// What reads the snapshot of an earlier process.
    pub(super) loading: Option<Loading>,
    pub(super) _access_log: Option<WorkerGuard>,
}

/// Resolves, with an error, once the task that serves a port has ended.
pub(super) type Open = oneshot::Receiver<Infallible>;

/// How long what is cut off may take once the instance was asked to stop again.
const HURRY_MAX: Duration = Duration::from_secs(1);

/// How far an instance is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Both ports are open.
    Open,
    /// The data port takes no more connections, and ends with the requests under way.
    Draining,
    /// What is still under way on it is cut off.
    Hurried,
    /// So does the admin port.
    Ended,
}

impl Running {
    /// Says that it is not ready, so that a load balancer takes it out while it still answers; after
    /// `timeouts.drain_delay` accepts no more, lets requests under way finish, and returns once all is quiet. The admin
    /// port closes last, so that the end can be watched.
    pub async fn stop(self) {
        self.stop_hurried_by(None, std::future::pending()).await;
    }

    /// As [`Self::stop`], until `hurry` resolves: then nothing is waited for any more but what cut-off writes may have changed,
    /// and that not for long.
    pub(super) async fn stop_hurried_by(self, successor: Option<Successor>, hurry: impl Future<Output = ()>) {
        let stop = self.stop.clone();
        let hurried = async {
            hurry.await;
            tracing::warn!("asked to stop again: what is under way is cut off");
            reach(&stop, Stage::Hurried);
            tokio::time::sleep(HURRY_MAX).await;
        };
        tokio::select! {
            () = self.wind_down(successor) => {}
            () = hurried => {}
        }
    }

    async fn wind_down(mut self, successor: Option<Successor>) {
        self.readiness.set(false);
        self.warming.close();
        let snapshot = self.snapshot.take();
        if let Some(path) = &snapshot {
            hot_file::write(path, &self.warming);
        }
        let write = |engine: &Arc<Engine>| snapshot.map(|path| Writing::begin(path, Arc::clone(engine)));
        let Some(successor) = successor else {
            tokio::select! {
                () = tokio::time::sleep(self.options.options().drain_delay) => {}
                () = reached(self.stop.subscribe(), Stage::Hurried) => {}
            }
            self.give_up_loading().await;
            let writing = write(&self.engine);
            self.close().await;
            finish(writing).await;
            return;
        };
        let (tell, told) = mpsc::unbounded_channel();
        let ending = async move {
            self.give_up_loading().await;
            // Its log goes on elsewhere: what is stored by now is all that there is to hand over, and the sooner the better.
            let writing = write(&self.engine);
            let written = async {
                if finish(writing).await == Finished::Whole {
                    // If the new process is gone, there is none to notify.
                    let _ = tell.send(News::Snapshot);
                }
            };
            tokio::join!(written, self.close());
            let _ = tell.send(News::Ended);
        };
        tokio::join!(ending, successor.tell(told));
    }

    async fn give_up_loading(&mut self) {
        if let Some(loading) = self.loading.take() {
            loading.give_up().await;
        }
    }

    /// Closes one port after the other.
    async fn close(self) {
        reach(&self.stop, Stage::Draining);
        let _ = self.data_port.await;
        reach(&self.stop, Stage::Ended);
        let _ = self.admin_port.await;
        if let Some(traces) = &self.traces {
            traces.flush().await;
        }
        // First the reader, which would renew the lease.
        self.tasks.stop().await;
        self.engine.invalidation().leave().await;
    }

    /// Waits until a task has ended that the instance cannot run without. It should be stopped then.
    pub(super) async fn essential_task_ended(&mut self) -> EssentialTaskEnded {
        self.tasks.essential_task_ended().await
    }

    /// Waits until there is a reason to stop that is no signal.
    pub(super) async fn must_stop(&mut self) -> WhyStop {
        tokio::select! {
            ended = self.tasks.essential_task_ended() => WhyStop::TaskEnded(ended),
            successor = taken_over(&mut self.successors, self.engine.invalidation()) => WhyStop::TakenOver(successor),
        }
    }
}

/// Waits for the snapshot, now that nothing changes any more that matters to it.
async fn finish(writing: Option<Writing>) -> Finished {
    match writing {
        Some(writing) => writing.finish().await,
        None => Finished::Not,
    }
}

/// Why an instance should be stopped.
pub(super) enum WhyStop {
    /// It cannot run without a task that has ended.
    TaskEnded(EssentialTaskEnded),
    /// Another process has taken its place.
    TakenOver(Successor),
}

async fn taken_over(successors: &mut mpsc::Receiver<Successor>, invalidation: &Invalidation) -> Successor {
    while let Some(successor) = successors.recv().await {
        match successor.hand_over(invalidation).await {
            Ok(successor) => return successor,
            Err(error) => tracing::warn!("the new process does not serve, this one goes on: {error:#}"),
        }
    }
    std::future::pending().await
}

/// Brings the instance so far on its way to its end.
pub(super) fn reach(stop: &watch::Sender<Stage>, stage: Stage) {
    stop.send_modify(|reached| *reached = stage.max(*reached));
}

/// Ends once the instance has come so far, or is gone.
pub(super) async fn reached(mut stopping: watch::Receiver<Stage>, stage: Stage) {
    let _ = stopping.wait_for(|reached| *reached >= stage).await;
}
