//! The steps of a request, as one short match over verdicts made below. Names no hyper, no Redis, no socket.
//!
//! An [`Engine`] is shared by all connections. It holds no lock across an await: rules are swapped atomically, the
//! tiers and the table of flights lock briefly within themselves. A request's steps stand in [`serve`]; a fetch is
//! driven by who asks for it and goes on without ([`fetching`]), so that a client that leaves harms nobody else.
//!
//! A miss passes seven types between the request and the [`Answer`]: a [`Requester`](requester::Requester) has a
//! [`Fetch`](fetch::Fetch) made for it, which gets an [`OriginAnswer`](draft::OriginAnswer); what is to be stored of
//! that is a [`Draft`](draft::Draft), which a [`Fill`](fill::Fill) stores while its body arrives. Those who share the
//! fetch get a [`FetchOutcome`](fetch_outcome::FetchOutcome), and each request takes something
//! [`Fetched`](fetch_outcome::Fetched).

// What a request and a fetch come with, and what is remembered beside the store.
pub(crate) mod arrival;
mod earlier_rules;
pub(crate) mod exchange;
mod hot_keys;
pub(crate) mod metrics;
pub(crate) mod origin;
pub(crate) mod outcome;
pub(crate) mod request_fields;
pub(crate) mod snapshot;
pub(crate) mod storing;
pub(crate) mod switched;
pub(crate) mod traced;
pub(crate) mod unattended;
mod write_budget;

// One answer: what of it is stored, and how a stored one is delivered.
mod body_tags;
pub(crate) mod deliver;
mod draft;
mod metered_origin;
mod origin_failure;
mod parts;
mod traced_exchange;
mod uncacheable;
pub(crate) mod written;

// What the steps are made of.
mod admit;
mod fetch_outcome;
mod fetching;
mod fill;
mod find;
mod graphql_answers;
mod miss_budget;
mod operations;
mod recoding;
mod requester;
mod respond;
pub(crate) mod shared_tier;
pub(crate) mod stamped;
mod waiting;

// The steps.
pub(crate) mod audit;
mod begun_body;
mod by_body;
mod by_operation;
mod confirm;
pub(crate) mod fast_path;
mod fetch;
mod handler;
pub(crate) mod hot_requests;
mod mutations;
mod pass;
mod post;
pub(crate) mod refresh;
mod serve;
mod settling;
pub(crate) mod warm;

// What would be done, and why.
pub(crate) mod explain;
mod explain_elsewhere;
mod explain_hints;
mod explain_sent;
mod explain_stored;
pub(crate) mod purge_preview;

pub use handler::{Answer, Failure, Handler, RequestContext};

use crate::clients::Clients;
use crate::clock::{Clock, Timestamp};
use crate::coalesce::flights::Flights;
use crate::in_flight::InFlight;
use crate::invalidation::Invalidation;
use crate::plan::request::CacheableRequest;
use crate::plan::way::{Asked, Form, Payload, Way};
use crate::rules::RuleSet;
use crate::rules::tokens::Tokens;
use crate::scope::{RouteName, Scope};
use crate::semantics::forwarding::Passage;
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use crate::stamps::Stamping;
use crate::store::key_memory::{KeyMemory, REMEMBERED_FOR};
use crate::store::memory::MemoryTier;
use arc_swap::ArcSwap;
use arrival::{Front, Reception};
use audit::Audits;
use earlier_rules::EarlierRules;
use fast_path::{FastHit, Marked, PlainHeaders, PlainRequest};
use fetch_outcome::FetchOutcome;
use hot_keys::HotKeys;
use http::StatusCode;
use http_body::Body as _;
use metered_origin::MeteredOrigin;
use miss_budget::MissBudgets;
use operations::Operations;
use origin::{Body, Origin};
use origin_failure::OriginFailure;
use recoding::Recoding;
use refresh::RefreshOptions;
use shared_tier::SharedTier;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use storing::StoreOutcomes;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use unattended::Unattended;
use uncacheable::Uncacheable;
use write_budget::WriteBudgets;

/// How many uncacheable keys are remembered, and how many whose origin fails.
const REMEMBERED_KEYS_MAX: usize = 65_536;

/// How long what was cut off may take to invalidate what it may have changed.
const CUT_OFF_MAX: Duration = Duration::from_secs(1);

/// What the engine is made of.
pub struct EngineParts {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where responses come from.
    pub origin: Arc<dyn Origin>,
    /// The memory tier.
    pub memory: Arc<MemoryTier>,
    /// The tier that other instances share; `None` if this one stands alone.
    pub shared: Option<SharedTier>,
    /// The purges known here.
    pub invalidation: Arc<Invalidation>,
    /// The rules to begin with.
    pub rules: RuleSet,
    /// What is done after purges.
    pub refresh: RefreshOptions,
    /// What the instance is to its requests.
    pub front: Front,
}

/// The engine: one per instance.
pub struct Engine {
    clock: Arc<dyn Clock>,
    origin: MeteredOrigin,
    memory: Arc<MemoryTier>,
    shared: Option<SharedTier>,
    invalidation: Arc<Invalidation>,
    rules: ArcSwap<RuleSet>,
    /// Locked while rules are replaced, and by calls of the admin API.
    earlier_rules: ArcSwap<EarlierRules>,
    flights: Arc<Flights<FetchOutcome>>,
    uncacheable: KeyMemory<Uncacheable>,
    failing: KeyMemory<Arc<OriginFailure>>,
    store_outcomes: StoreOutcomes,
    miss_budgets: MissBudgets,
    hot_keys: HotKeys,
    audits: Audits,
    refresh: RefreshOptions,
    refreshed: AtomicU64,
    unattended: Arc<Unattended>,
    front: Front,
    coders: Semaphore,
    recoding: Recoding,
    write_budgets: WriteBudgets,
    operations: Operations,
}

impl Engine {
    /// An engine of these parts.
    #[must_use]
    pub fn new(parts: EngineParts) -> Arc<Self> {
        let in_flight = Arc::clone(parts.memory.in_flight());
        let switches = Arc::clone(parts.invalidation.switches());
        parts.invalidation.remember_purges_for(parts.rules.longest_settle());
        Arc::new(Self {
            clock: parts.clock,
            origin: MeteredOrigin { origin: parts.origin, in_flight },
            memory: parts.memory,
            shared: parts.shared,
            invalidation: parts.invalidation,
            rules: ArcSwap::from_pointee(
                parts.rules.numbered(1).switched_by(switches).believing(Arc::clone(&parts.front.tokens)),
            ),
            earlier_rules: ArcSwap::default(),
            flights: Flights::new(),
            uncacheable: KeyMemory::new(REMEMBERED_KEYS_MAX, REMEMBERED_FOR),
            failing: KeyMemory::new(REMEMBERED_KEYS_MAX, REMEMBERED_FOR),
            store_outcomes: StoreOutcomes::default(),
            miss_budgets: MissBudgets::default(),
            hot_keys: HotKeys::new(parts.refresh.hot_keys),
            audits: Audits::default(),
            refresh: parts.refresh,
            refreshed: AtomicU64::new(0),
            unattended: Unattended::new(),
            front: parts.front,
            coders: Semaphore::new(coders_max()),
            recoding: Recoding::default(),
            write_budgets: WriteBudgets::default(),
            operations: Operations::default(),
        })
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Arc<RuleSet> {
        self.rules.load_full()
    }

    /// Puts other rules in force, atomically; what is stored stays, and is judged by the routes and tags of these rules as
    /// well as by those that it was stored under.
    pub fn replace_rules(&self, rules: RuleSet) {
        let before = self.rules();
        let number = before.number().wrapping_add(1).max(1);
        let earlier = self.earlier_rules.load().and(before, self.invalidation.applied());
        // In this order: what is judged by the new rules is judged by the old ones, too.
        self.earlier_rules.store(Arc::new(earlier));
        let switches = Arc::clone(self.invalidation.switches());
        let tokens = Arc::clone(&self.front.tokens);
        self.invalidation.remember_purges_for(rules.longest_settle());
        self.rules.store(Arc::new(rules.numbered(number).switched_by(switches).believing(tokens)));
    }

    /// The names that routes have had since the start: what is stored may carry them still.
    #[must_use]
    pub fn earlier_route_names(&self) -> BTreeSet<RouteName> {
        self.earlier_rules.load().route_names().clone()
    }

    /// Whether a purge of this may take anything that is in this instance's memory. Where not, it takes nothing there.
    #[must_use]
    pub fn may_match(&self, scope: &Scope) -> bool {
        let earlier = self.earlier_rules.load();
        // What was stored before a reload counts as what the rules since make of it.
        let refiled = || !earlier.is_empty() && (self.rules().may_give(scope) || earlier.gave(scope));
        self.memory.may_hold(scope) || (self.memory.usage().entries > 0 && refiled())
    }

    /// The memory tier.
    #[must_use]
    pub fn memory(&self) -> &Arc<MemoryTier> {
        &self.memory
    }

    /// The purges known here.
    #[must_use]
    pub fn invalidation(&self) -> &Arc<Invalidation> {
        &self.invalidation
    }

    /// Receives requests so from now on.
    pub(crate) fn receive(&self, reception: Reception) {
        self.front.reception.store(Arc::new(reception));
    }

    /// What each client takes.
    #[must_use]
    pub(crate) const fn clients(&self) -> &Arc<Clients> {
        &self.front.clients
    }

    /// Which tokens are believed.
    #[must_use]
    pub(crate) const fn tokens(&self) -> &Arc<Tokens> {
        &self.front.tokens
    }

    /// How stamps are given and taken, if they are.
    #[must_use]
    pub(crate) const fn stamping(&self) -> Option<&Arc<Stamping>> {
        self.front.stamps.as_ref()
    }

    /// What runs to its end whether or not its client stays.
    #[must_use]
    pub const fn unattended(&self) -> &Arc<Unattended> {
        &self.unattended
    }

    /// What bodies under way hold.
    #[must_use]
    pub fn in_flight(&self) -> &Arc<InFlight> {
        self.memory.in_flight()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Handler for Engine {
    async fn handle(self: &Arc<Self>, mut request: http::Request<Body>, mut context: RequestContext) -> Answer {
        let version = request.version();
        let presented = stamped::presented(self, request.headers_mut());
        let Marked { target, judged } = if let Some(marked) = context.marked.take() {
            marked
        } else {
            let target = match Target::of(&request, &context.scheme) {
                Ok(target) => target,
                Err(error) => {
                    return Answer::refused(StatusCode::BAD_REQUEST, Reason::InvalidTarget, Some(error.into()));
                }
            };
            if arrival::mark(request.headers_mut(), version, &target, &context, &self.front.here) == Passage::Again {
                return Answer::refused(StatusCode::LOOP_DETECTED, Reason::Loop, None);
            }
            Marked { target, judged: None }
        };
        let (rules, way) = judged.unwrap_or_else(|| {
            let rules = self.rules();
            let payload = if request.body().is_end_stream() { Payload::None } else { Payload::Body };
            let (method, headers) = (request.method(), request.headers());
            let asked = Asked { method, target: &target, headers, form: Form::Any(version, payload) };
            let way = Way::of(asked, &rules, || self.now());
            (rules, way)
        });
        way.ignore_other_upgrades(version, request.headers_mut());
        if !presented.is_empty() && matches!(way, Way::Cached(_) | Way::ByBody(_) | Way::ByOperation(_)) {
            context.not_before = Box::pin(stamped::reach(self, &presented)).await;
        }
        match way {
            Way::Cached(through) => {
                let http::request::Parts { method, headers, .. } = request.into_parts().0;
                let request = CacheableRequest::new(method, headers, target, through, rules);
                serve::serve(self, request, context).await
            }
            // Boxed, so that no other request carries the room that these need.
            Way::ByBody(way) => Box::pin(by_body::serve(self, request, target, way, rules, context)).await,
            Way::ByOperation(_) => Box::pin(by_operation::serve(self, request, target, rules, context)).await,
            Way::Pass(pass) => pass::pass(self, request, target, rules, pass, context).await,
            Way::Refuse(pass) => respond::only_if_cached(pass.route.as_deref(), pass.forward),
        }
    }

    fn plain_headers(&self, request: http::Request<()>, context: &RequestContext) -> Option<PlainHeaders> {
        PlainHeaders::of(request, context, &self.front.here)
    }

    fn fast_hit(self: &Arc<Self>, request: PlainRequest<'_>) -> Result<FastHit, Option<Marked>> {
        fast_path::fast_hit(self, request)
    }

    async fn settled(self: &Arc<Self>) {
        self.unattended.settled().await;
    }

    async fn cut_off(self: &Arc<Self>) {
        self.unattended.cut_off();
        // What the log has not taken by then holds on this instance, which ends.
        let _ = timeout(CUT_OFF_MAX, self.unattended.settled()).await;
    }

    fn clients(&self) -> Arc<Clients> {
        Arc::clone(self.clients())
    }

    fn in_flight(&self) -> Option<Arc<InFlight>> {
        Some(Arc::clone(self.memory.in_flight()))
    }
}

/// How many large bodies are coded or searched at a time: as many as there are processors.
fn coders_max() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}
