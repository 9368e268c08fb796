//! The composition root: parts made, joined, started, and stopped in order.

use super::logging;
use super::rules_control::RulesKeeper;
use crate::admin::{self, AdminState, Readiness};
use crate::clock::{Clock, SystemClock};
use crate::config::reload::RulesReloader;
use crate::config::watch::{RulesWatch, watch_rules};
use crate::config::{Config, LoadedRules, Overrides, load_rules};
use crate::engine::{Engine, EngineParts};
use crate::invalidation::local_log::LocalLog;
use crate::invalidation::{Invalidation, InvalidationOptions};
use crate::metrics::Metrics;
use crate::metrics::sources::{MetricSources, ServerUsage, TierUsage};
use crate::proxy;
use crate::proxy::observer::{Observer, Observers};
use crate::store::memory::MemoryTier;
use crate::upstream::UpstreamPool;
use anyhow::Context as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing_appender::non_blocking::WorkerGuard;

/// A running instance. Dropping it stops it without draining.
pub struct Running {
    /// Where the data port listens.
    pub data_address: SocketAddr,
    /// Where the admin API listens.
    pub admin_address: SocketAddr,
    rules: Arc<RulesKeeper>,
    readiness: Arc<Readiness>,
    stop: watch::Sender<bool>,
    servers: JoinSet<()>,
    _watch: Option<RulesWatch>,
    _access_log: Option<WorkerGuard>,
}

impl Running {
    /// Accepts no more, lets requests under way finish, and returns once all is quiet.
    pub async fn stop(mut self) {
        self.readiness.set(false);
        self.stop.send_replace(true);
        while self.servers.join_next().await.is_some() {}
    }
}

/// Runs an instance until SIGTERM or SIGINT.
pub(super) fn run(config: &Path, overrides: &Overrides) -> anyhow::Result<()> {
    let config = super::load(config, overrides)?;
    logging::init(config.log);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        let running = start(config).await?;
        announce(&running)?;
        signalled(&running).await?;
        tracing::info!("stopping: requests under way may finish");
        running.stop().await;
        Ok(())
    })
}

/// Starts an instance on the runtime that it is called on.
///
/// # Errors
/// Where the rules hold errors, an address can't be listened on, or a part can't be made.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let LoadedRules { rule_set, warnings, sources } =
        load_rules(&config.rules_path).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    let data = proxy::bind(config.proxy.http, proxy::Sharing::Alone)
        .with_context(|| format!("cannot listen on {} (listen.http)", config.proxy.http))?;
    let admin_listener = TcpListener::bind(config.admin.listen)
        .await
        .with_context(|| format!("cannot listen on {} (admin.listen)", config.admin.listen))?;
    let (data_address, admin_address) = (data.local_addr()?, admin_listener.local_addr()?);

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let upstream = UpstreamPool::new(config.upstream).context("cannot use the upstream servers")?;
    let memory = Arc::new(MemoryTier::new(config.memory));
    let options = InvalidationOptions { clock: Arc::clone(&clock), ..InvalidationOptions::default() };
    let invalidation = Arc::new(Invalidation::with_options(Arc::new(LocalLog::default()), options));
    let engine = Engine::new(EngineParts {
        clock: Arc::clone(&clock),
        origin: upstream.clone(),
        memory: Arc::clone(&memory),
        invalidation: Arc::clone(&invalidation),
        rules: rule_set,
    });
    let reloaded = Arc::clone(&engine);
    let reloader = RulesReloader::new(&config.rules_path, &warnings, sources, Arc::clone(&clock), move |rules| {
        reloaded.replace_rules(rules);
    });
    let rules = RulesKeeper::new(reloader);
    let metrics = Arc::new(metrics(&memory, &upstream, &rules, invalidation));
    let readiness = Arc::new(Readiness::default());
    let state = AdminState {
        engine: Arc::clone(&engine),
        metrics: Arc::clone(&metrics),
        rules: Arc::new(Arc::clone(&rules)),
        readiness: Arc::clone(&readiness),
        started_at: clock.now(),
        clock: Arc::clone(&clock),
    };

    let (access_log, access_guard) = logging::access_log(config.log, clock).unzip();
    let mut observers: Vec<Arc<dyn Observer>> = vec![metrics];
    observers.extend(access_log);
    let observers: Observers = observers.into();
    let (stop, stopping) = watch::channel(false);
    let mut servers = JoinSet::new();
    servers.spawn(proxy::serve(data, engine, config.proxy, observers, stopped(stopping.clone())));
    let admin_options = config.admin;
    servers.spawn(async move {
        if let Err(error) = admin::serve(admin_listener, state, admin_options, stopped(stopping)).await {
            tracing::error!(%error, "the admin API has stopped");
        }
    });
    readiness.set(true);
    Ok(Running {
        data_address,
        admin_address,
        _watch: watch_for_changes(&config.rules_path, &rules),
        rules,
        readiness,
        stop,
        servers,
        _access_log: access_guard,
    })
}

/// Ends once the instance is to stop, or is gone.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Watches the rules. Where the system gives no watch, reloading by signal and by the admin API remains.
fn watch_for_changes(path: &Path, rules: &Arc<RulesKeeper>) -> Option<RulesWatch> {
    let keeper = Arc::clone(rules);
    match watch_rules(path, move || keeper.reload_if_changed()) {
        Ok(watch) => Some(watch),
        Err(error) => {
            let path = path.display();
            tracing::warn!(%error, %path, "the rules are not watched; reload them by SIGHUP or POST /reload");
            None
        }
    }
}

fn metrics(
    memory: &Arc<MemoryTier>,
    upstream: &Arc<UpstreamPool>,
    rules: &Arc<RulesKeeper>,
    invalidation: Arc<Invalidation>,
) -> Metrics {
    let (memory, upstream, rules) = (Arc::clone(memory), Arc::clone(upstream), Arc::clone(rules));
    Metrics::new(MetricSources {
        tiers: Box::new(move || vec![TierUsage::of_memory(&memory.usage())]),
        servers: Box::new(move || upstream.stats().iter().map(ServerUsage::of).collect()),
        rules: Box::new(move || rules.usage()),
        invalidation,
    })
}

/// One line per listener, once it accepts.
fn announce(running: &Running) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{}", running.data_address)?;
    writeln!(out, "listening on http://{} (admin)", running.admin_address)?;
    out.flush().context("cannot write to standard output")
}

/// Ends with the first SIGTERM or SIGINT; reloads the rules at each SIGHUP.
async fn signalled(running: &Running) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
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
