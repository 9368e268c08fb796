//! An instance in the foreground: started, announced, told to reload and to stop by signals.

use super::config_file::ConfigFile;
use super::restart_notice::RestartNotice;
use super::rules_control::RulesKeeper;
use super::serve::{Running, start};
use super::{logging, open_files};
use crate::config::Overrides;
use anyhow::Context as _;
use std::io::Write as _;
use std::num::NonZero;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often a worker looks for connections that did not fit into its own queue of 256: each time. Whoever waits there
/// has waited longest; with the runtime's own default, 512 busy connections left some of them waiting for 60 ms.
const GLOBAL_QUEUE_INTERVAL: u32 = 1;

/// Runs an instance until SIGTERM or SIGINT.
pub(super) fn run(file: &ConfigFile, overrides: &Overrides) -> anyhow::Result<()> {
    let notice = Arc::new(RestartNotice::new(file, overrides));
    let config = file.load(overrides)?;
    logging::init(config.log);
    open_files::make_room(config.proxy.connections_max);
    let runtime = runtime().context("cannot start the runtime")?;
    let result = runtime.block_on(async {
        // Before the listeners are announced: whoever reads of them may send a signal at once.
        let mut signals = Signals::listen()?;
        let mut running = start(config).await?;
        announce(&running)?;
        let rules = Arc::clone(&running.rules);
        let ended = tokio::select! {
            () = signals.until_stopped(&rules, &notice) => Ok(()),
            ended = running.essential_task_ended() => Err(ended),
        };
        match &ended {
            Ok(()) => tracing::info!("stopping: requests under way may finish"),
            Err(error) => tracing::error!(task = error.task, "stopping, requests under way may finish: {error}"),
        }
        running.stop_hurried_by(signals.to_stop()).await;
        Ok(ended?)
    });
    // What is left has been waited for as long as it may be.
    runtime.shutdown_background();
    result
}

/// A worker for each core that this process may use. On a single one, one queue for all connections is fairer and
/// cheaper than a worker's own queue and one for what does not fit into it.
fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut runtime = if cores == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    runtime.enable_all().global_queue_interval(GLOBAL_QUEUE_INTERVAL).build()
}

/// One line per listener, once it accepts.
fn announce(running: &Running) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for listener in &running.listening {
        writeln!(out, "listening on {listener}")?;
    }
    writeln!(out, "listening on http://{} (admin)", running.admin_address)?;
    out.flush().context("cannot write to standard output")
}

/// The signals that the instance obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind, name| signal(kind).with_context(|| format!("cannot listen for {name}"));
        Ok(Self {
            terminate: listen(SignalKind::terminate(), "SIGTERM")?,
            interrupt: listen(SignalKind::interrupt(), "SIGINT")?,
            hang_up: listen(SignalKind::hangup(), "SIGHUP")?,
        })
    }

    /// Resolves with the next SIGTERM or SIGINT.
    async fn to_stop(&mut self) {
        to_stop(&mut self.terminate, &mut self.interrupt).await;
    }

    /// Ends with the first SIGTERM or SIGINT; reloads the rules at each SIGHUP.
    async fn until_stopped(&mut self, rules: &Arc<RulesKeeper>, notice: &Arc<RestartNotice>) {
        loop {
            tokio::select! {
                () = to_stop(&mut self.terminate, &mut self.interrupt) => return,
                _ = self.hang_up.recv() => {
                    let (rules, notice) = (Arc::clone(rules), Arc::clone(notice));
                    let reload = move || {
                        notice.log();
                        // What became of it is in the log.
                        drop(rules.reload_now());
                    };
                    drop(tokio::task::spawn_blocking(reload).await);
                }
            }
        }
    }
}

async fn to_stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
