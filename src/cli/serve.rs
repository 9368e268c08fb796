//! The composition root: parts made, joined, started, and stopped in order.

use super::cdns;
use super::certificates::CertificateKeeper;
use super::data_port;
use super::event_sources::EventSources;
use super::fleet::Fleet;
use super::hot_file;
use super::logging;
use super::reconfiguring::ConfigSource;
pub use super::running::Running;
use super::running::{Open, Stage, reached};
use super::snapshot::{self, Earlier};
use super::sockets::{Port, Sockets};
use super::takeover::predecessor::Predecessor;
use super::takeover::successor::{self, Offer, Successor};
use super::token_keys;
use crate::admin::{self, AdminState, Readiness};
use crate::cdn::Cdns;
use crate::clients::Clients;
use crate::clock::{Clock, SystemClock};
use crate::config::handover::Handover;
use crate::config::reload::RulesReloader;
use crate::config::watch::{warn, watch};
use crate::config::{AdminOptions, Config, Problem};
use crate::decisions::Decisions;
use crate::engine::arrival::Front;
use crate::engine::shared_tier::SharedTier;
use crate::engine::{Engine, EngineParts};
use crate::events::Intake;
use crate::events::postgres::Missed;
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
use crate::in_flight::InFlight;
use crate::invalidation::{Invalidation, InvalidationOptions};
use crate::jobs::Jobs;
use crate::jwks::JwksKeeper;
use crate::learning::Learning;
use crate::learning::watched::Watched;
use crate::metric::Measured;
use crate::metrics::Metrics;
use crate::proxy::observer::Observer;
use crate::proxy::{self, OptionsInForce, UdpPort};
use crate::rules::RuleSet;
use crate::semantics::forwarding::LoopToken;
use crate::stamps::Stamping;
use crate::store::memory::MemoryTier;
use crate::supervisor::Supervisor;
use crate::traces::Tracer;
use crate::upstream::Pools;
use crate::warming::Warming;
use anyhow::Context as _;
use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// Starts an instance on the runtime that it is called on.
///
/// # Errors
/// Where the rules hold errors, an address can't be listened on, or a part can't be made.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    start_on(config, Sockets::default(), None, None, |_, _| Ok(())).await
}

/// As [`start`], on these sockets where they fit, in the place of another process, and with a configuration that is read
/// again from `source` at a reload. `announce` is given the data port's listeners and the admin API's, each as the start of a
/// URL (`https://127.0.0.1:8443`, `unix:/run/larder.sock`),
/// before the first request is answered.
pub(super) async fn start_on(
    config: Config,
    sockets: Sockets,
    mut predecessor: Option<Predecessor>,
    source: Option<ConfigSource>,
    announce: impl FnOnce(&[String], &str) -> anyhow::Result<()>,
) -> anyhow::Result<Running> {
    let listeners = sockets.open(&config)?;
    let (admin_address, admin_url) = listeners.admin_at()?;
    let (data_address, listening) = data_port::addresses(&listeners.data);
    let passed_on = (listeners.cloned()?, listeners.udp_ports()?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let (access_log, access_guard) = logging::access_log(config.log, Arc::clone(&clock)).unzip();
    config.warnings.iter().for_each(|warning| warning.report().log());
    let mut earlier = left_by_earlier(&config.handover, predecessor.as_ref())?;
    let mut tasks = Supervisor::default();
    let certificates = CertificateKeeper::new(listeners.endpoints(), config.upstream_tls(), Arc::clone(&clock));
    let missed = if predecessor.is_some() { Missed::Maybe } else { Missed::Nothing };
    let Parts { rules, state, traces, keys } =
        Parts::make(&config, clock, &certificates, (&mut earlier, missed), &mut tasks)?;
    let mut loading = earlier.map(|earlier| earlier.load(Arc::clone(&state.engine), Arc::clone(&state.clock)));
    let (observers, (stop, stopping)) = (observers(&state, traces.as_ref(), access_log), watch::channel(Stage::Open));
    let AdminState { engine, readiness, clock, warming, learning, .. } = state.clone();
    take_over(predecessor.as_mut(), config.fleet.as_ref(), &engine).await?;
    let (options, handler) = (OptionsInForce::new(config.proxy.clone()), Watched::over(&engine, learning));
    ConfigSource::reload_at(source, &state, &options, &certificates);
    let successors = offer_place(&config, passed_on, &mut tasks);
    let admin_port = serve_admin(&mut tasks, listeners.admin, state, config.admin, stopping.clone());
    match predecessor {
        Some(predecessor) => follow(predecessor, &engine, clock, &config.handover, &mut tasks),
        None => drop(tokio::join!(join_fleet(config.fleet.as_ref(), &engine), snapshot::wait_for_small(&mut loading))),
    }
    token_keys::keep(keys, &mut tasks).await;
    announce(&listening, &admin_url)?;
    let (draining, hurried) = (reached(stopping.clone(), Stage::Draining), reached(stopping, Stage::Hurried));
    let serving = proxy::serve(listeners.data, handler, options.clone(), observers.into(), draining, hurried);
    let data_port = serve_port(&mut tasks, "data-port", serving);
    keep_watching(config.rules_path, &rules, &certificates, &mut tasks);
    keep_warming(&config.handover, &warming, &readiness, &mut tasks);
    Ok(Running {
        data_address,
        listening,
        admin_address,
        rules,
        readiness,
        engine,
        tasks,
        stop,
        options,
        data_port,
        admin_port,
        successors,
        warming,
        traces,
        snapshot: config.handover.snapshot,
        loading,
        _access_log: access_guard,
    })
}

/// Who is notified of each request once it has ended.
fn observers(
    state: &AdminState,
    traces: Option<&Arc<Tracer>>,
    access_log: Option<Arc<dyn Observer>>,
) -> Vec<Arc<dyn Observer>> {
    let traces = traces.map(|traces| Arc::clone(traces) as _);
    [state.metrics.clone() as _, state.decisions.clone() as _].into_iter().chain(access_log).chain(traces).collect()
}

/// What traces requests, if they are to be.
fn tracer(config: &Config, clock: &Arc<dyn Clock>, tasks: &mut Supervisor) -> Option<Arc<Tracer>> {
    let instance = config.fleet.as_ref().map_or("", |fleet| &fleet.instance);
    let (traces, collector) = Tracer::new(config.trace.as_ref()?, Arc::clone(clock), instance);
    let collector = Arc::new(collector);
    tasks.restart("traces", move || Arc::clone(&collector).run());
    Some(traces)
}

/// What an earlier process has left. One that still runs leaves it when it ends.
fn left_by_earlier(handover: &Handover, predecessor: Option<&Predecessor>) -> anyhow::Result<Option<Earlier>> {
    let Some(path) = &handover.snapshot else { return Ok(None) };
    snapshot::make_folder(path).with_context(|| format!("cannot write to {} (memory.snapshot)", path.display()))?;
    Ok(if predecessor.is_some() { None } else { snapshot::take(path) })
}

/// Lets other processes take the place of this one, where it is said how they ask for it.
fn offer_place(
    config: &Config,
    (sockets, udp_ports): (Vec<(Port, OwnedFd)>, Vec<UdpPort>),
    tasks: &mut Supervisor,
) -> mpsc::Receiver<Successor> {
    let (ready, successors) = mpsc::channel(1);
    if let Some(path) = config.handover.takeover.clone() {
        let instance = config.fleet.as_ref().map(|fleet| fleet.instance.clone()).unwrap_or_default();
        let offer = Arc::new(Offer { path, instance, sockets, udp_ports });
        tasks.restart("takeover", move || {
            let (offer, ready) = (Arc::clone(&offer), ready.clone());
            async move { successor::listen(&offer, &ready).await }
        });
    }
    successors
}

async fn take_over(
    predecessor: Option<&mut Predecessor>,
    fleet: Option<&FleetOptions>,
    engine: &Engine,
) -> anyhow::Result<()> {
    let Some(predecessor) = predecessor else { return Ok(()) };
    join_fleet(fleet, engine).await;
    predecessor.take_over(engine.invalidation()).await.context("cannot take the running process's place")
}

/// Hears in the background what the process has to say in whose place this one is.
fn follow(
    predecessor: Predecessor,
    engine: &Arc<Engine>,
    clock: Arc<dyn Clock>,
    handover: &Handover,
    tasks: &mut Supervisor,
) {
    let following = predecessor.follow(Arc::clone(engine), clock, handover.snapshot.clone());
    tasks.require("predecessor", following.then(|()| std::future::pending()));
}

fn serve_admin(
    tasks: &mut Supervisor,
    port: admin::Port,
    state: AdminState,
    options: AdminOptions,
    stopping: watch::Receiver<Stage>,
) -> Open {
    serve_port(tasks, "admin-port", async move {
        if let Err(error) = admin::serve_at(port, state, options, reached(stopping, Stage::Ended)).await {
            tracing::error!(%error, "the admin API failed");
        }
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

/// Waits until the instance has read the fleet's log of purges to its end. Until then every stored response is validated,
/// and requests for what Redis holds would all reach the origin; so connections are accepted afterwards.
async fn join_fleet(fleet: Option<&FleetOptions>, engine: &Engine) {
    let Some(join_wait) = fleet.map(|fleet| fleet.join_wait) else { return };
    if timeout(join_wait, engine.invalidation().current()).await.is_err() {
        tracing::warn!(
            ?join_wait,
            "the log of purges could not be read within redis.join_wait; stored responses are validated at the origin until it is read"
        );
    }
}

/// What an instance is made of besides its ports.
struct Parts {
    rules: Arc<RulesReloader>,
    state: AdminState,
    traces: Option<Arc<Tracer>>,
    keys: Option<Arc<JwksKeeper>>,
}

impl Parts {
    /// Goes on from where an earlier process stood in the log, if its log is this one; else `earlier` is none afterwards.
    fn make(
        config: &Config,
        clock: Arc<dyn Clock>,
        certificates: &Arc<CertificateKeeper>,
        (earlier, missed): (&mut Option<Earlier>, Missed),
        tasks: &mut Supervisor,
    ) -> anyhow::Result<Self> {
        let loaded = config.load_rules().map_err(|errors| anyhow::anyhow!("{errors}"))?;
        let upstream = upstream(config, tasks)?;
        let memory = Arc::new(MemoryTier::beside(InFlight::new(config.in_flight_bytes), config.memory));
        let Purges { invalidation, shared, stream, cdns, metrics: fleet } =
            Purges::make(config, &clock, earlier, tasks)?;
        let engine = Engine::new(EngineParts {
            clock: Arc::clone(&clock),
            origin: upstream.clone(),
            memory: Arc::clone(&memory),
            shared,
            invalidation: Arc::clone(&invalidation),
            rules: loaded.rule_set,
            refresh: config.refresh,
            front: front(config),
        });
        let (jobs, warming, learning) = ahead_of_clients(config, &engine, &clock, tasks);
        let events = Intake::new(Arc::clone(&engine));
        // What a lone instance has stored is no older than itself; what a fleet or an earlier process has, may be.
        let missed = if invalidation.is_in_fleet() || earlier.is_some() { Missed::Maybe } else { missed };
        let lag = EventSources::of(config, stream)?.drive(&engine, &events, missed, tasks);
        let keys = token_keys::keeper(config, engine.tokens(), &clock);
        let rules = reloader(config, (&loaded.warnings, loaded.sources), &clock, &engine, (certificates, keys.clone()));
        let (decisions, traces) = (feed_of_decisions(&clock, &engine, tasks), tracer(config, &clock, tasks));
        let others = fleet.into_iter().chain(lag).chain(traces.clone().map(|traces| traces as _));
        let others = others.chain(keys.clone().map(|keys| keys as _));
        let of_engine: [Arc<dyn Measured>; 3] = [engine.clients().clone(), engine.in_flight().clone(), engine.clone()];
        let of_tasks: [Arc<dyn Measured>; 4] = [tasks.measured(), jobs.clone(), warming.clone(), certificates.clone()];
        let counting: [Arc<dyn Measured>; 6] =
            [decisions.clone(), memory, upstream.clone(), invalidation, events.clone(), rules.clone()];
        let counting = counting.into_iter().chain(of_engine).chain(of_tasks).chain(others);
        let metrics = Arc::new(Metrics::new(counting.collect()));
        let state = AdminState {
            engine,
            events,
            webhooks: Arc::new(config.webhooks.clone()),
            cdns,
            metrics,
            decisions,
            rules: Arc::clone(&rules),
            upstream,
            jobs,
            warming,
            learning,
            readiness: Arc::new(Readiness::default()),
            started_at: clock.now(),
            clock,
        };
        Ok(Self { rules, state, traces, keys })
    }
}

/// Takes decisions as they are made.
fn feed_of_decisions(clock: &Arc<dyn Clock>, engine: &Arc<Engine>, tasks: &mut Supervisor) -> Arc<Decisions> {
    let decisions = Decisions::new(Arc::clone(clock), Arc::clone(engine));
    let feed = Arc::clone(&decisions);
    tasks.restart("decisions", move || Arc::clone(&feed).run());
    decisions
}

/// What fetches before clients ask, and what proposes rules.
fn ahead_of_clients(
    config: &Config,
    engine: &Arc<Engine>,
    clock: &Arc<dyn Clock>,
    tasks: &mut Supervisor,
) -> (Arc<Jobs>, Arc<Warming>, Arc<Learning>) {
    let refreshing = Arc::clone(engine);
    tasks.restart("refresh-after-purges", move || Arc::clone(&refreshing).refresh_after_purges());
    let auditing = Arc::clone(engine);
    tasks.restart("audits", move || Arc::clone(&auditing).compare_with_the_origin());
    let jobs = Jobs::new(Arc::clone(clock));
    let default_host = config.proxy.entrance.default_host.as_ref().and_then(|host| host.to_str().ok());
    let remembered = hot_file::read(config.handover.snapshot.as_deref());
    let warming = Warming::remembering(remembered, Arc::clone(engine), Arc::clone(&jobs), default_host);
    let learning = Learning::new(Arc::clone(clock), Arc::clone(&jobs));
    (jobs, warming, learning)
}

/// Warms what the rules say: at the start, before the instance is ready, and again and again.
fn keep_warming(handover: &Handover, warming: &Arc<Warming>, readiness: &Arc<Readiness>, tasks: &mut Supervisor) {
    hot_file::keep_writing(handover.snapshot.clone(), warming, tasks);
    if !warming.warms_at_start() {
        readiness.set(true);
    }
    let (warming, readiness) = (Arc::clone(warming), Arc::clone(readiness));
    tasks.restart("warming", move || {
        let (warming, readiness) = (Arc::clone(&warming), Arc::clone(&readiness));
        async move {
            warming.warm_at_start().await;
            readiness.set(true);
            warming.keep_schedule().await;
        }
    });
}

/// What reads the rules of an engine anew, and the certificates and the keys of tokens with them.
fn reloader(
    config: &Config,
    (warnings, sources): (&[Problem], Vec<(PathBuf, String)>),
    clock: &Arc<dyn Clock>,
    engine: &Arc<Engine>,
    (certificates, keys): (&Arc<CertificateKeeper>, Option<Arc<JwksKeeper>>),
) -> Arc<RulesReloader> {
    engine.invalidation().goes_by(engine.rules().digest());
    let governed = Arc::clone(engine);
    let apply = move |new: RuleSet| {
        governed.invalidation().goes_by(new.digest());
        governed.replace_rules(new);
    };
    let rules = RulesReloader::new(&config.rules_path, warnings, sources, Arc::clone(clock), apply).within(config);
    let reloaded = Arc::clone(certificates);
    Arc::new(rules.with(move || {
        reloaded.reload();
        if let Some(keys) = &keys {
            keys.ask();
        }
    }))
}

/// The purges, and what an instance of a fleet has besides.
struct Purges {
    invalidation: Arc<Invalidation>,
    shared: Option<SharedTier>,
    /// To read events by.
    stream: Option<(Arc<dyn Link>, FleetOptions)>,
    /// What is purged besides.
    cdns: Arc<Cdns>,
    metrics: Vec<Arc<dyn Measured>>,
}

impl Purges {
    fn make(
        config: &Config,
        clock: &Arc<dyn Clock>,
        earlier: &mut Option<Earlier>,
        tasks: &mut Supervisor,
    ) -> anyhow::Result<Self> {
        if let Some(options) = &config.fleet {
            let resume = |invalidation: &Invalidation| snapshot::resume(invalidation, earlier);
            let Fleet { invalidation, shared, events, mut metrics } =
                Fleet::join(options, Arc::clone(clock), resume, tasks)?;
            let cdns = cdns::start(config, &invalidation, clock, tasks)?;
            metrics.push(cdns.clone());
            return Ok(Self {
                invalidation,
                shared: Some(shared),
                stream: Some((events, options.clone())),
                cdns,
                metrics,
            });
        }
        let options = InvalidationOptions { clock: Arc::clone(clock), ..InvalidationOptions::default() };
        let invalidation = Invalidation::alone(options);
        snapshot::resume(&invalidation, earlier);
        let invalidation = Arc::new(invalidation);
        let cdns = cdns::start(config, &invalidation, clock, tasks)?;
        Ok(Self { invalidation, shared: None, stream: None, metrics: vec![cdns.clone()], cdns })
    }
}

/// What requests are received with. The name for CDN-Loop is random: instances in a row may have the same configuration.
fn front(config: &Config) -> Front {
    let name = config.fleet.as_ref().map_or("", |fleet| &fleet.instance);
    Front {
        here: LoopToken::new(&format!("{name}{:016x}", rand::random::<u64>())),
        reception: Arc::new(ArcSwap::from_pointee(data_port::reception(config))),
        clients: Arc::new(Clients::new(config.per_client)),
        tokens: token_keys::tokens(config),
        stamps: config.stamps.clone().map(|options| Arc::new(Stamping::new(options))),
    }
}

/// The pools of upstream servers, looked after by tasks.
fn upstream(config: &Config, tasks: &mut Supervisor) -> anyhow::Result<Arc<Pools>> {
    let pools =
        Pools::new(config.upstream.clone(), config.upstreams.clone()).context("cannot use the upstream servers")?;
    let maintained = Arc::clone(&pools);
    tasks.restart("upstream-maintenance", move || Arc::clone(&maintained).maintain());
    Ok(pools)
}

/// Watches the rules and the certificates. Where the system gives no watch, reloading rules by signal and by the admin API
/// remains.
fn keep_watching(
    path: PathBuf,
    rules: &Arc<RulesReloader>,
    certificates: &Arc<CertificateKeeper>,
    tasks: &mut Supervisor,
) {
    certificates.keep_watching(tasks);
    let rules = Arc::clone(rules);
    tasks.restart("rules-watch", move || {
        let (path, reloader) = (path.clone(), Arc::clone(&rules));
        async move { watch(&[path], move || drop(reloader.reload_if_changed()), warn("the rules")).await }
    });
}
