//! An instance in the foreground: started, announced, told to reload and to stop by signals.

use super::logging;
use super::serve::{Running, start};
use crate::config::Overrides;
use anyhow::Context as _;
use std::io::Write as _;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// How often a worker looks for connections that did not fit into its own queue of 256: each time. Whoever waits there
/// has waited longest; with the runtime's own default, 512 busy connections left some of them waiting for 60 ms.
const GLOBAL_QUEUE_INTERVAL: u32 = 1;

/// Runs an instance until SIGTERM or SIGINT.
pub(super) fn run(config: &Path, overrides: &Overrides) -> anyhow::Result<()> {
    let config = super::load(config, overrides)?;
    logging::init(config.log);
    let runtime = runtime().context("cannot start the runtime")?;
    runtime.block_on(async {
        let running = start(config).await?;
        announce(&running)?;
        until_stopped(&running).await?;
        tracing::info!("stopping: requests under way may finish");
        running.stop().await;
        Ok(())
    })
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
    writeln!(out, "listening on http://{}", running.data_address)?;
    writeln!(out, "listening on http://{} (admin)", running.admin_address)?;
    out.flush().context("cannot write to standard output")
}

/// Ends with the first SIGTERM or SIGINT; reloads the rules at each SIGHUP.
async fn until_stopped(running: &Running) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => {
                let rules = Arc::clone(&running.rules);
                // What became of it is in the log.
                drop(tokio::task::spawn_blocking(move || rules.reload_now()).await);
            }
        }
    }
}
