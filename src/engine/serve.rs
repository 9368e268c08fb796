//! The steps of a request on a cacheable route: find, serve or ask; share the fetch; answer.

use super::Answer;
use super::Engine;
use super::RequestContext;
use super::draft::Draft;
use super::fetch::Fetch;
use super::fetch_outcome::{FetchOutcome, Fetched};
use super::fetching::Fetching;
use super::origin_failure::OriginFailure;
use super::recoding;
use super::requester::Requester;
use super::respond;
use super::shared_tier::FoundShared;
use super::uncacheable::Uncacheable;
use crate::coalesce::flights::{Announcement, FlightStage, FlightView, Follower, Role};
use crate::coalesce::shared_body::SharedBody;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::entry::Entry;
use crate::invalidation::{Currency, Standing};
use crate::plan::Plan;
use crate::plan::request::{CacheableRequest, Sharing};
use crate::plan::serving::{Ask, Serving, Usable};
use crate::plan::wanted::Wanted;
use crate::scope::{Membership, Tags};
use crate::semantics::cache_status::CacheStatus;
use crate::semantics::reuse::MustValidate;
use crate::semantics::sharing::Shareability;
use crate::semantics::vary::VariantKey;
use crate::stamp::Stamp;
use crate::stamps::place::NotBefore;
use std::sync::Arc;
use tokio::time::{Instant, timeout};

/// How often a request joins a shared fetch before it goes on its own.
const ROUNDS_MAX: u32 = 3;

/// What comes of waiting for another's fetch.
enum Followed {
    /// The request takes what it brought.
    Took(Fetched),
    /// It looks again: another fetch, for this variant, may suit it.
    LookAgain(Option<VariantKey>),
    /// It fetches on its own.
    Alone,
}

/// Answers a request on a cacheable route.
pub(super) async fn serve(engine: &Arc<Engine>, request: CacheableRequest, context: RequestContext) -> Answer {
    let request = request.not_before(context.not_before);
    let mut now = engine.now();
    let mut plan = engine.plan(&request, now);
    if let Plan::Serve(usable) = &plan
        && usable.how == Serving::Fresh
        && engine.unmade(&request, &usable.entry).is_some()
    {
        Box::pin(recoding::suit(engine, &request, &usable.entry)).await;
        now = engine.now();
        // A purge may have come meanwhile.
        plan = engine.plan(&request, now);
    }
    match plan {
        Plan::Serve(usable) if usable.how == Serving::Fresh => {
            engine.note_hit(&request, &usable.entry, now);
            respond::usable(&request, &usable, now)
        }
        // Boxed, so that a hit does not carry the room that a miss needs.
        plan => Box::pin(carry_out(engine, request, context, plan)).await,
    }
}

async fn carry_out(engine: &Arc<Engine>, request: CacheableRequest, context: RequestContext, mut plan: Plan) -> Answer {
    let deadline = Instant::now() + engine.patience(Some(&request.route));
    let (counted, terms, mut place) = (context.counted, context.terms, None);
    if let Plan::Ask(ask) = &plan {
        let Ok(taken) = engine.front.clients.miss(counted) else {
            let request = Requester::Client { request, terms, deadline, place: None };
            return without_the_origin(engine, &request, ask).await;
        };
        place = taken;
    }
    let request = Arc::new(Requester::Client { request, terms, deadline, place });
    let mut variant = None;
    for round in 0.. {
        let ask = match plan {
            Plan::Serve(usable) => {
                refresh(engine, &request, &usable);
                return respond::usable(&request, &usable, engine.now());
            }
            Plan::Refuse(forward) => return respond::only_if_cached(Some(&request.route), forward),
            Plan::Ask(ask) => ask,
        };
        let status = CacheStatus { forward: Some(ask.why.forward()), ..CacheStatus::HIT };
        let leader = match role(engine, &request, &ask, variant, round) {
            Some(Role::Follower(follower)) => match follow(engine, &request, &ask, follower).await {
                Followed::Took(fetched) => {
                    let status = CacheStatus { collapsed: true, ..status };
                    return respond::fetched(engine, &request, &ask, fetched, status);
                }
                Followed::LookAgain(other) => {
                    variant = other;
                    plan = engine.plan(&request, engine.now());
                    continue;
                }
                Followed::Alone => None,
            },
            Some(Role::Leader(leader)) => Some(leader),
            None => None,
        };
        let fetched = Fetch::begin(engine, &request, Wanted::of(&request, &ask), leader);
        let fetched = wait(engine, &request, &ask, fetched).await;
        return respond::fetched(engine, &request, &ask, fetched, status);
    }
    unreachable!("the last round fetches on its own")
}

/// The answer to a request of a client of which too many wait already: what another instance has fetched, or something stale
/// where it may be used; else it is asked to come back.
async fn without_the_origin(engine: &Arc<Engine>, request: &Requester, ask: &Ask) -> Answer {
    let fetched = match engine.find_shared(request, &Wanted::of(request, ask)).await {
        FoundShared::Usable(usable) => Fetched::Stored(usable),
        FoundShared::Stored(..) | FoundShared::Nothing => Fetched::Failed(Arc::new(OriginFailure::ClientBusy)),
    };
    let status = CacheStatus { forward: Some(ask.why.forward()), ..CacheStatus::HIT };
    respond::fetched(engine, request, ask, fetched, status)
}

/// The part that a request plays in a shared fetch; `None` if it fetches on its own.
fn role(
    engine: &Arc<Engine>,
    request: &Requester,
    ask: &Ask,
    variant: Option<VariantKey>,
    round: u32,
) -> Option<Role<FetchOutcome>> {
    let each_alone = |(entry, _): &(Arc<Entry>, _)| request.shareability_on_arrival(entry) != Shareability::Shared;
    let alone = matches!(request.sharing(), Sharing::Alone(_))
        || request.not_before == NotBefore::Unreached
        || engine.recall_uncacheable(request).is_some()
        || ask.stored.as_ref().is_some_and(each_alone);
    if alone || round >= ROUNDS_MAX {
        return None;
    }
    let known = variant.or_else(|| ask.stored.as_ref().map(|(entry, _)| entry.variant().clone()));
    Some(join(engine, request, known.as_ref()))
}

/// Joins the shared fetch under way, unless a purge has come since it began.
pub(super) fn join(
    engine: &Arc<Engine>,
    request: &CacheableRequest,
    variant: Option<&VariantKey>,
) -> Role<FetchOutcome> {
    engine.flights.join(
        &request.flight_key(variant),
        |flight| engine.may_share(request, &flight),
        || engine.invalidation().applied(),
    )
}

impl Engine {
    /// Whether what a fetch under way brings may answer this request, too.
    pub(super) fn may_share(&self, request: &CacheableRequest, flight: &FlightView<'_, FetchOutcome>) -> bool {
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::NobodyFollows)
            || (deliberate_fault::is_on(Fault::BodiesGoAlone) && request.body.is_some())
        {
            return false;
        }
        let invalidation = self.invalidation();
        // What tags a body holds is not known before its end: then any purge may be one of it.
        request.not_before.admits(flight.stamp)
            && (!request.route.tags_by_body() || flight.stamp >= invalidation.applied())
            && self.standing_by_rules(request, flight.stamp) == Standing::Clear
            && (flight.stage == FlightStage::Gathering || !self.wants_newer(request))
            && flight.announced.is_none_or(|outcome| self.suits(request, outcome))
    }

    /// Whether only what is asked for after it came answers this request: where purges may be missed, and where its client
    /// wants the origin's own answer.
    pub(super) fn wants_newer(&self, request: &CacheableRequest) -> bool {
        self.invalidation().currency() == Currency::Unproven || matches!(request.sharing(), Sharing::Gathered)
    }

    /// Whether what a leader has announced is for a request that comes only now.
    fn suits(&self, request: &CacheableRequest, outcome: &FetchOutcome) -> bool {
        match outcome {
            FetchOutcome::Streaming(draft, _) => {
                let now = self.now();
                !draft.is_settled_out(now) && request.may_take(&draft.policy, &draft.lifetime, now)
            }
            FetchOutcome::Confirmed(entry, _) => self.takes_entry(request, entry),
            FetchOutcome::Stored => true,
            // A failure is shared with those who waited for it.
            FetchOutcome::Failed(_) => false,
        }
    }

    fn takes_entry(&self, request: &CacheableRequest, entry: &Entry) -> bool {
        request.not_before.admits(entry.stamp())
            && request.may_take(&entry.policy(), &request.lifetime_of(entry), self.now())
    }
}

impl Engine {
    /// What purges make of an answer that streams. Tags that only the answer names are known now, and so is the route that
    /// fetched it, which may be one of earlier rules: a purge of one of them may have come since the fetch began.
    fn standing_of_stream(&self, request: &CacheableRequest, stamp: Stamp, draft: &Draft) -> Standing {
        if draft.is_settled_out(self.now()) {
            return Standing::Purged;
        }
        let invalidation = self.invalidation();
        let other_rules = !Arc::ptr_eq(&draft.route, &request.route);
        if other_rules && draft.route.tags_by_body() && stamp < invalidation.applied() {
            return Standing::Unproven;
        }
        let filed = Membership { route: &draft.route.name, tags: Tags::Listed(&draft.tags), ..request.membership(&[]) };
        invalidation.standing(stamp, &filed).max(self.standing_by_rules(request, stamp))
    }
}

impl Engine {
    /// What a fetch that began at `stamp` and brought this response, or a later one, has stored, where the request may
    /// take it.
    fn stored_of(&self, request: &CacheableRequest, stamp: Stamp, draft: &Draft) -> Option<Arc<Entry>> {
        let variants = self.memory().peek(&request.key)?;
        let entry = request.select(&variants)?;
        let suits = entry.stamp() >= stamp
            && entry.policy().received_at >= draft.policy.received_at
            && entry.part().is_none()
            && self.standing(request, entry) == Standing::Clear
            && self.takes_entry(request, entry);
        suits.then(|| Arc::clone(entry))
    }
}

/// Waits for another's fetch, and says whose answer it was where that is traced.
async fn follow(engine: &Engine, request: &Requester, ask: &Ask, mut follower: Follower<FetchOutcome>) -> Followed {
    let outcome = wait_for_other(engine, request, ask, &mut follower).await;
    if let (Followed::Took(_), Some(traced), Some(fetch)) = (&outcome, request.traced(), follower.traced()) {
        traced.is_answered_by(fetch);
    }
    outcome
}

async fn wait_for_other(
    engine: &Engine,
    request: &Requester,
    ask: &Ask,
    follower: &mut Follower<FetchOutcome>,
) -> Followed {
    let stamp = follower.stamp();
    let wait = request.at_most(request.route.coalesce_wait);
    let Ok(announcement) = timeout(wait, follower.announcement()).await else {
        let failure = Arc::new(request.timed_out(OriginFailure::Slow));
        let ends =
            matches!(*failure, OriginFailure::DeadlinePassed) || engine.stands_in_at_once(request, ask, &failure);
        if !ends {
            return Followed::Alone;
        }
        engine.has_failed(request, &failure);
        return Followed::Took(Fetched::Failed(failure));
    };
    match announcement {
        Announcement::Shared(FetchOutcome::Streaming(draft, body)) => take_stream(engine, request, stamp, draft, &body),
        Announcement::Shared(FetchOutcome::Confirmed(entry, status)) => {
            let suits = request.picks(&entry)
                && engine.standing(request, &entry) == Standing::Clear
                && engine.takes_entry(request, &entry);
            if suits { Followed::Took(Fetched::Confirmed(entry, status, None)) } else { Followed::LookAgain(None) }
        }
        Announcement::Shared(FetchOutcome::Failed(failure)) => Followed::Took(Fetched::Failed(failure)),
        Announcement::Shared(FetchOutcome::Stored) | Announcement::Gone => Followed::LookAgain(None),
        Announcement::Alone => Followed::Alone,
    }
}

fn take_stream(
    engine: &Engine,
    request: &CacheableRequest,
    stamp: Stamp,
    draft: Arc<Draft>,
    body: &SharedBody,
) -> Followed {
    if !request.picks_variant(&draft.variant) {
        return Followed::LookAgain(request.own_variant(&draft.variant));
    }
    if engine.standing_of_stream(request, stamp, &draft) != Standing::Clear {
        return Followed::LookAgain(None);
    }
    if !request.may_take(&draft.policy, &draft.lifetime, engine.now()) {
        return Followed::LookAgain(None);
    }
    match body.reader() {
        Some(reader) => {
            let headers = draft.headers.clone();
            Followed::Took(Fetched::Streaming { draft, headers, reader, storing: None })
        }
        // Its beginning is gone. What came of it is taken from where it was stored, also by those who would not take
        // just any stored answer but wait for this one; else it is fetched anew.
        None => match engine.stored_of(request, stamp, &draft) {
            Some(entry) => Followed::Took(Fetched::Confirmed(entry, draft.status, None)),
            None => Followed::LookAgain(None),
        },
    }
}

/// Waits for a fetch; only so long as a follower would where something stale may stand in. The fetch goes on.
async fn wait(engine: &Engine, request: &Requester, ask: &Ask, mut fetched: Fetching) -> Fetched {
    let slow = OriginFailure::Slow;
    if !engine.stands_in_at_once(request, ask, &slow) {
        return fetched.await;
    }
    if let Ok(fetched) = timeout(request.at_most(request.route.coalesce_wait), &mut fetched).await {
        return fetched;
    }
    // What could have stood in may have been purged meanwhile.
    if !engine.stands_in_at_once(request, ask, &slow) {
        return fetched.await;
    }
    let slow = Arc::new(slow);
    engine.has_failed(request, &slow);
    Fetched::Failed(slow)
}

/// Refreshes in the background what is served, where that asks for it and no one does already. Not with a client's token:
/// who has one fetches what is stale.
fn refresh(engine: &Arc<Engine>, request: &CacheableRequest, served: &Usable) {
    if request.claimed.is_some() {
        return;
    }
    let Some(wanted) = Wanted::meanwhile(served) else { return };
    // What came past its lifetime is not shared, but no less worth refreshing than what grew old here.
    match engine.recall_uncacheable(request) {
        None | Some(Uncacheable::MustValidate(MustValidate::Expired)) => {}
        Some(_) => return,
    }
    if let Role::Leader(leader) = join(engine, request, Some(served.entry.variant())) {
        let request = Arc::new(Requester::Refresh(Arc::new(request.in_background())));
        Fetch::begin(engine, &request, wanted, Some(leader)).detach();
    }
}
