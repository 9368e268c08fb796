//! The composition root: parts made, joined, started, and stopped in order.

use super::event_sources::EventSources;
use super::fleet::Fleet;
use super::logging;
use super::rules_control::{RulesKeeper, log_warnings};
use crate::admin::{self, AdminState, Readiness};
use crate::clock::{Clock, SystemClock};
use crate::config::reload::RulesReloader;
use crate::config::watch::watch_rules;
use crate::config::{Config, LoadedRules, Problem};
use crate::engine::arrival::{Front, Schemes};
use crate::engine::{Engine, EngineParts};
use crate::events::Intake;
use crate::in_flight::InFlight;
use crate::invalidation::{Invalidation, InvalidationOptions};
use crate::metric::Measured;
use crate::metrics::Metrics;
use crate::proxy;
use crate::proxy::observer::{Observer, Observers};
use crate::semantics::forwarding::LoopToken;
use crate::semantics::trust::Trust;
use crate::store::memory::MemoryTier;
use crate::supervisor::{EssentialTaskEnded, Supervisor};
use crate::upstream::Pools;
use anyhow::Context as _;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tracing_appender::non_blocking::WorkerGuard;

/// A running instance. Dropping it stops it without draining.
pub struct Running {
    /// Where the data port listens.
    pub data_address: SocketAddr,
    /// Where the admin API listens.
    pub admin_address: SocketAddr,
    pub(super) rules: Arc<RulesKeeper>,
    readiness: Arc<Readiness>,
    invalidation: Arc<Invalidation>,
    stop: watch::Sender<Stage>,
    drain_delay: Duration,
    data_port: Open,
    admin_port: Open,
    /// Ended with the instance, whatever they do at the moment.
    tasks: Supervisor,
    _access_log: Option<WorkerGuard>,
}

/// Resolves, with an error, once the task that serves a port has ended.
type Open = oneshot::Receiver<Infallible>;

/// How long what is cut off may take once the instance was asked to stop again.
const HURRY_MAX: Duration = Duration::from_secs(1);

/// How far an instance is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
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
    /// Says that it is not ready, so that whoever balances takes it out while it still answers; after `timeouts.drain_delay`
    /// accepts no more, lets requests under way finish, and returns once all is quiet. The admin port closes last, so that the
    /// end can be watched.
    pub async fn stop(self) {
        self.stop_hurried_by(std::future::pending()).await;
    }

    /// As [`Self::stop`], until `hurry` resolves: then nothing is waited for any more but what cut-off writes may have changed,
    /// and that not for long.
    pub(super) async fn stop_hurried_by(self, hurry: impl Future<Output = ()>) {
        let stop = self.stop.clone();
        let hurried = async {
            hurry.await;
            tracing::warn!("asked to stop again: what is under way is cut off");
            reach(&stop, Stage::Hurried);
            tokio::time::sleep(HURRY_MAX).await;
        };
        tokio::select! {
            () = self.wind_down() => {}
            () = hurried => {}
        }
    }

    async fn wind_down(self) {
        self.readiness.set(false);
        tokio::select! {
            () = tokio::time::sleep(self.drain_delay) => {}
            () = reached(self.stop.subscribe(), Stage::Hurried) => {}
        }
        reach(&self.stop, Stage::Draining);
        let _ = self.data_port.await;
        reach(&self.stop, Stage::Ended);
        let _ = self.admin_port.await;
        // First the reader, which would renew the lease.
        self.tasks.stop().await;
        self.invalidation.leave().await;
    }

    /// Waits until a task has ended that the instance cannot run without. It should be stopped then.
    pub(super) async fn essential_task_ended(&mut self) -> EssentialTaskEnded {
        self.tasks.essential_task_ended().await
    }
}

/// Starts an instance on the runtime that it is called on.
///
/// # Errors
/// Where the rules hold errors, an address can't be listened on, or a part can't be made.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let data = proxy::bind(config.proxy.http, proxy::Sharing::Alone)
        .with_context(|| format!("cannot listen on {} (listen.http)", config.proxy.http))?;
    let admin_listener = TcpListener::bind(config.admin.listen)
        .await
        .with_context(|| format!("cannot listen on {} (admin.listen)", config.admin.listen))?;
    let (data_address, admin_address) = (data.local_addr()?, admin_listener.local_addr()?);

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let (access_log, access_guard) = logging::access_log(config.log, Arc::clone(&clock)).unzip();
    log_warnings(&config.warnings.iter().map(Problem::report).collect::<Vec<_>>());
    let mut tasks = Supervisor::default();
    let Parts { rules, state } = Parts::make(&config, clock, &mut tasks)?;
    let observers: Vec<Arc<dyn Observer>> = [state.metrics.clone() as _].into_iter().chain(access_log).collect();
    let observers: Observers = observers.into();

    let (stop, stopping) = watch::channel(Stage::Open);
    let (engine, readiness) = (Arc::clone(&state.engine), Arc::clone(&state.readiness));
    let ended = reached(stopping.clone(), Stage::Ended);
    let admin_port = serve_port(&mut tasks, "admin-port", async move {
        if let Err(error) = admin::serve(admin_listener, state, config.admin, ended).await {
            tracing::error!(%error, "the admin API has stopped");
        }
    });
    if let Some(fleet) = &config.fleet {
        join(engine.invalidation(), fleet.join_wait).await;
    }
    let (draining, hurried) = (reached(stopping.clone(), Stage::Draining), reached(stopping, Stage::Hurried));
    let drain_delay = config.proxy.drain_delay;
    let invalidation = Arc::clone(engine.invalidation());
    let serving = proxy::serve(data, engine, config.proxy, observers, draining, hurried);
    let data_port = serve_port(&mut tasks, "data-port", serving);
    keep_watching(config.rules_path, &rules, &mut tasks);
    readiness.set(true);
    Ok(Running {
        data_address,
        admin_address,
        rules,
        readiness,
        invalidation,
        tasks,
        stop,
        drain_delay,
        data_port,
        admin_port,
        _access_log: access_guard,
    })
}

/// Runs what serves a port.
fn serve_port(tasks: &mut Supervisor, name: &'static str, serving: impl Future<Output = ()> + Send + 'static) -> Open {
    let (open, ended) = oneshot::channel();
    tasks.require(name, async move {
        let _open = open;
        serving.await;
    });
    ended
}

/// Waits until the instance has read the fleet's log of purges to its end. Until then nothing stored is served unasked, and
/// who connects meanwhile would send the origin all that Redis has; so they wait to be accepted.
async fn join(invalidation: &Invalidation, join_wait: Duration) {
    if timeout(join_wait, invalidation.current()).await.is_err() {
        tracing::warn!(
            ?join_wait,
            "the log of purges has not been read yet: what is stored is validated until it has been"
        );
    }
}

/// What an instance is made of besides its ports.
struct Parts {
    rules: Arc<RulesKeeper>,
    state: AdminState,
}

impl Parts {
    fn make(config: &Config, clock: Arc<dyn Clock>, tasks: &mut Supervisor) -> anyhow::Result<Self> {
        let LoadedRules { rule_set, warnings, sources } =
            config.load_rules().map_err(|errors| anyhow::anyhow!("{errors}"))?;
        let upstream =
            Pools::new(config.upstream.clone(), config.upstreams.clone()).context("cannot use the upstream servers")?;
        for pool in upstream.all() {
            let pool = Arc::clone(pool);
            tasks.restart("upstream-maintenance", move || Arc::clone(&pool).maintain());
        }
        let memory = Arc::new(MemoryTier::beside(InFlight::new(config.in_flight_bytes), config.memory));
        let fleet = config.fleet.as_ref().map(|options| Fleet::join(options, Arc::clone(&clock), tasks)).transpose()?;
        let mut event_sources = EventSources { stream: None, postgres: config.postgres.clone() };
        let (invalidation, shared, fleet_metrics) = if let Some(fleet) = fleet {
            event_sources.stream = config.fleet.clone().map(|options| (fleet.events, options));
            (fleet.invalidation, Some(fleet.shared), fleet.metrics)
        } else {
            let options = InvalidationOptions { clock: Arc::clone(&clock), ..InvalidationOptions::default() };
            let invalidation = Invalidation::alone(options);
            (Arc::new(invalidation), None, Vec::new())
        };
        let engine = Engine::new(EngineParts {
            clock: Arc::clone(&clock),
            origin: upstream.clone(),
            memory: Arc::clone(&memory),
            shared,
            invalidation: Arc::clone(&invalidation),
            rules: rule_set,
            refresh: config.refresh,
            front: front(config),
        });
        let refreshing = Arc::clone(&engine);
        tasks.restart("refresh-after-purges", move || Arc::clone(&refreshing).refresh_after_purges());
        let events = Intake::new(Arc::clone(&engine));
        event_sources.drive(&events, &invalidation, tasks);
        let governed = Arc::clone(&engine);
        let apply = move |new| governed.replace_rules(new);
        let reloader =
            RulesReloader::new(&config.rules_path, &warnings, sources, Arc::clone(&clock), apply).within(config);
        let rules = RulesKeeper::new(reloader);
        let in_flight = Arc::clone(engine.in_flight());
        let counting: [Arc<dyn Measured>; 8] = [
            memory,
            in_flight,
            upstream,
            engine.clone(),
            invalidation,
            events.clone(),
            rules.clone(),
            tasks.measured(),
        ];
        let metrics = Arc::new(Metrics::new(counting.into_iter().chain(fleet_metrics).collect()));
        let state = AdminState {
            engine,
            events,
            metrics,
            rules: Arc::new(Arc::clone(&rules)),
            readiness: Arc::new(Readiness::default()),
            started_at: clock.now(),
            clock,
        };
        Ok(Self { rules, state })
    }
}

/// What the instance is to its requests. Its name in CDN-Loop is its own in all the world, not only in its fleet: two
/// tiers of Larder may be set up alike.
fn front(config: &Config) -> Front {
    let name = config.fleet.as_ref().map_or("", |fleet| &fleet.instance);
    let Trust { proxies, scheme, .. } = &config.proxy.entrance.trust;
    let schemes = if proxies.is_empty() { Schemes::Only(scheme.clone()) } else { Schemes::Told };
    Front {
        here: LoopToken::new(&format!("{name}{:016x}", rand::random::<u64>())),
        schemes,
        request_timeout: config.request_timeout,
    }
}

/// Brings the instance so far on its way to its end.
fn reach(stop: &watch::Sender<Stage>, stage: Stage) {
    stop.send_modify(|reached| *reached = stage.max(*reached));
}

/// Ends once the instance has come so far, or is gone.
async fn reached(mut stopping: watch::Receiver<Stage>, stage: Stage) {
    let _ = stopping.wait_for(|reached| *reached >= stage).await;
}

/// Watches the rules. Where the system gives no watch, reloading by signal and by the admin API remains.
fn keep_watching(path: PathBuf, rules: &Arc<RulesKeeper>, tasks: &mut Supervisor) {
    let rules = Arc::clone(rules);
    tasks.restart("rules-watch", move || {
        let (path, keeper) = (path.clone(), Arc::clone(&rules));
        async move {
            if let Err(error) = watch_rules(&path, move || keeper.reload_if_changed()).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the rules are not watched; reload them by SIGHUP or POST /reload");
            }
        }
    });
}
