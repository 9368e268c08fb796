//! An instance in the foreground: started, announced, reloaded and stopped by signals.

use super::config_file::ConfigFile;
use super::reconfiguring::ConfigSource;
use super::running::{Running, WhyStop};
use super::serve::start_on;
use super::sockets::Sockets;
use super::takeover::predecessor::{self, Predecessor};
use super::{logging, open_files, service_manager};
use crate::config::reload::RulesReloader;
use crate::config::{Config, Overrides};
use anyhow::Context as _;
use std::io::Write as _;
use std::num::NonZero;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often a worker looks for connections that did not fit into its own queue of 256: each time. A connection that
/// waits there has waited longest; with the runtime's own default, 512 busy connections left some of them waiting for
/// 60 ms.
const GLOBAL_QUEUE_INTERVAL: u32 = 1;

/// Runs an instance until SIGTERM or SIGINT.
pub(super) fn run(file: &ConfigFile, overrides: &Overrides, start: Start) -> anyhow::Result<()> {
    // Before there are threads.
    let sockets = Sockets::of_service_manager()?;
    let source = ConfigSource::new(file, overrides);
    let config = file.load(overrides)?;
    logging::init(config.log);
    open_files::make_room(config.proxy.connections_max);
    let runtime = runtime().context("cannot start the runtime")?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = serve(config, sockets, start, source) => result,
            () = service_manager::watchdog() => Ok(()),
        }
    });
    // What is left has been waited for as long as it may be.
    runtime.shutdown_background();
    result
}

/// Whether a process begins anew or in the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Anew,
    TakeOver,
}

async fn serve(mut config: Config, mut sockets: Sockets, start: Start, source: ConfigSource) -> anyhow::Result<()> {
    // Before the listeners are announced: a signal may come right after that.
    let signals = Signals::listen()?;
    let predecessor = match start {
        Start::Anew => None,
        Start::TakeOver => find_predecessor(&mut config, &mut sockets).await?,
    };
    let running = start_on(config, sockets, predecessor, Some(source), announce).await?;
    service_manager::ready();
    attend(running, signals).await
}

/// Obeys signals until the instance has to stop, and stops it.
async fn attend(mut running: Running, mut signals: Signals) -> anyhow::Result<()> {
    let rules = Arc::clone(&running.rules);
    let why = tokio::select! {
        () = signals.until_stopped(&rules) => None,
        why = running.must_stop() => Some(why),
    };
    let (successor, result) = match why {
        None => {
            tracing::info!("shutting down; requests in progress may finish");
            (None, Ok(()))
        }
        Some(WhyStop::TakenOver(successor)) => {
            tracing::info!("shutting down; requests in progress may finish: another process has taken over");
            (Some(successor), Ok(()))
        }
        Some(WhyStop::TaskEnded(error)) => {
            tracing::error!(task = error.task, "shutting down; requests in progress may finish: {error}");
            (None, Err(error))
        }
    };
    // Where another process goes on, the service goes on.
    if successor.is_none() {
        service_manager::stopping();
    }
    running.stop_hurried_by(successor, signals.stop_asked()).await;
    Ok(result?)
}

/// The process whose place is to be taken. Two processes of a fleet have two names, also where one of them is soon gone.
async fn find_predecessor(config: &mut Config, sockets: &mut Sockets) -> anyhow::Result<Option<Predecessor>> {
    let Some(path) = config.handover.takeover.as_deref() else {
        anyhow::bail!("--takeover needs `listen.takeover`: the socket at which the running process is asked");
    };
    let path_shown = path.display();
    let found = predecessor::find(path).await;
    let found = found.with_context(|| format!("cannot take the place of the process that listens at {path_shown}"))?;
    let Some((predecessor, passed)) = found else {
        tracing::info!(path = %path_shown, "no process listens there: this one begins anew");
        return Ok(None);
    };
    *sockets = std::mem::take(sockets).and_of_predecessor(passed);
    if let Some(fleet) = config.fleet.as_mut().filter(|fleet| fleet.instance == predecessor.instance) {
        fleet.instance.push_str("-2");
    }
    Ok(Some(predecessor))
}

/// A worker for each core that this process may use. On a single one, one queue for all connections is fairer and
/// cheaper than a worker's own queue and one for what does not fit into it.
fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut runtime = if cores == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    runtime.enable_all().global_queue_interval(GLOBAL_QUEUE_INTERVAL).build()
}

/// One line per listener, and before those of requests.
fn announce(listeners: &[String], admin: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for listener in listeners {
        writeln!(out, "listening on {listener}")?;
    }
    writeln!(out, "listening on {admin} (admin)")?;
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
    async fn stop_asked(&mut self) {
        stop_asked(&mut self.terminate, &mut self.interrupt).await;
    }

    /// Ends with the first SIGTERM or SIGINT; reloads the configuration and the rules at each SIGHUP.
    async fn until_stopped(&mut self, rules: &Arc<RulesReloader>) {
        loop {
            tokio::select! {
                () = stop_asked(&mut self.terminate, &mut self.interrupt) => return,
                _ = self.hang_up.recv() => {
                    let rules = Arc::clone(rules);
                    service_manager::reloading();
                    // What became of it is in the log.
                    drop(tokio::task::spawn_blocking(move || rules.reload()).await);
                    service_manager::ready();
                }
            }
        }
    }
}

async fn stop_asked(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit_code;
    use std::ffi::OsString;
    use std::process::{Command, ExitCode};

    /// Names the configuration to the process that the test starts.
    const CONFIG: &str = "ENDING_TASK_CONFIG";

    /// Runs an instance of which a task panics that it cannot run without.
    fn run_until_a_task_ends(config: OsString) -> ExitCode {
        let runtime = runtime().expect("a runtime can be made");
        let result = runtime.block_on(async {
            let config = ConfigFile::Named(config.into()).load(&Overrides::default())?;
            let signals = Signals::listen()?;
            let mut running = start_on(config, Sockets::default(), None, None, |_, _| Ok(())).await?;
            running.tasks.require("needed", async { panic!("no more") });
            attend(running, signals).await
        });
        exit_code(result)
    }

    #[test]
    fn a_process_ends_with_exit_code_1_once_a_task_has_ended_that_it_cannot_run_without() {
        if let Some(config) = std::env::var_os(CONFIG) {
            std::process::exit(i32::from(run_until_a_task_ends(config) != ExitCode::SUCCESS));
        }
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("proxy.toml");
        let text = "rules = \"rules.toml\"\nlisten = { http = \"127.0.0.1:0\" }\nadmin = { listen = \"127.0.0.1:0\" }\n\
                    upstream = { servers = [\"http://127.0.0.1:9\"] }\n";
        std::fs::write(&config, text).unwrap();
        std::fs::write(folder.path().join("rules.toml"), "[[route]]\npath = \"/**\"\n").unwrap();
        let (_, module) = module_path!().split_once("::").expect("it is a module of this crate");
        let name = "a_process_ends_with_exit_code_1_once_a_task_has_ended_that_it_cannot_run_without";
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", &format!("{module}::{name}"), "--nocapture"]).env(CONFIG, &config);
        let output = process.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("the task `needed` has panicked (no more); Larder cannot run without it"), "{said}");
    }
}
