//! Requests that pass the cache by: forwarded as they came, answered as the origin answers.
//!
//! Two things happen on the way all the same. An unsafe request that succeeds, or whose outcome nobody knows, invalidates
//! what is stored for the targets it changed (RFC 9111 section 4.4), whether or not its client stays. A POST whose answer names its own URL as Content-Location and says how long it is
//! fresh is stored for later GETs (RFC 9110 section 9.3.3).

use super::draft::Draft;
use super::exchange::{Deadline, FieldsAs, Quiet, Terms};
use super::miss_budget::holding;
use super::mutations::{Changed, Mutation, Read};
use super::origin::{Body, OriginError, OriginErrorKind, origin_form};
use super::origin_failure::OriginFailure;
use super::outcome::{Decision, Outcome};
use super::post::{self, Post};
use super::respond::known_end;
use super::stamped::{self, Write};
use super::unattended::Patience;
use super::write_budget::Named;
use super::written::{Aftermath, ClientGone, Invalidated, WrittenBody, invalidate, log_failure};
use super::{Answer, Engine, Failure, RequestContext};
use crate::clients::{Place, TooMany};
use crate::invalidation::purge::{Depth, Purge, PurgeSource};
use crate::plan::way::Pass;
use crate::rules::answer::Kept;
use crate::rules::origin_request::OriginRequestRule;
use crate::rules::{Route, RuleSet};
use crate::scope::{Scope, Tag};
use crate::semantics::cache_status::CacheStatus;
use crate::semantics::date::record_receipt;
use crate::semantics::entity_tag;
use crate::semantics::event_stream::{is_event_stream, is_grpc};
use crate::semantics::graphql::request::{Effect, Operation, effect_of};
use crate::semantics::invalidate::{invalidated_targets, is_safe};
use crate::semantics::known_end::end_at;
use crate::semantics::origin_tags::{Reading, invalidated_groups};
use crate::semantics::policy::ExchangeTimes;
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use crate::stamp::Stamp;
use crate::stamps::place::LogId;
use http::header::UPGRADE;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// What is known of a request while its answer is awaited.
struct Passing {
    engine: Arc<Engine>,
    method: Method,
    target: Target,
    headers: HeaderMap,
    rules: Arc<RuleSet>,
    pass: Pass,
    client: Option<IpAddr>,
    quiet: Quiet,
    /// Among those of its client that wait.
    place: Option<Arc<Place>>,
}

/// Forwards a request. An unsafe one is seen to its end whether or not its client stays: what was sent may be done.
pub(super) async fn pass(
    engine: &Arc<Engine>,
    mut request: http::Request<Body>,
    target: Target,
    rules: Arc<RuleSet>,
    pass: Pass,
    context: RequestContext,
) -> Answer {
    let RequestContext { client, counted, terms, .. } = context;
    entity_tag::name_tags_without_coding(request.headers_mut());
    let method = request.method().clone();
    let headers = if method == Method::POST { request.headers().clone() } else { HeaderMap::new() };
    let place = engine.front.clients.miss(counted);
    let quiet = terms.quiet.clone();
    let mut passing =
        Passing { engine: Arc::clone(engine), method, target, headers, rules, pass, client, quiet, place: None };
    match place {
        Ok(place) => passing.place = place,
        Err(TooMany) => return passing.failed(&OriginFailure::ClientBusy),
    }
    if passing.is_safe() {
        return match passing.forward(request, terms).await {
            Ok(response) => {
                passing.quiet.allow();
                passing.answered(response)
            }
            Err(error) => passing.failed(&error.into()),
        };
    }
    let with_client = is_grpc(request.headers());
    let work = |patience: Patience| {
        // A call that its client cancels is to be cancelled at the origin, too.
        let patience = if with_client { patience.of_client() } else { patience };
        passing.write(request, terms, patience)
    };
    engine.unattended().finish(work).await
}

impl Passing {
    /// Whether it changes nothing at the origin: by its method, by the operation that it asks for, or because the operator
    /// says so of all that the route keys by their bodies.
    fn is_safe(&self) -> bool {
        if let Some(told) = &self.pass.operation {
            return is_safe(&self.method) || effect_of(told) == Effect::Reads;
        }
        let declared = self.pass.route.as_ref().and_then(|route| route.keys_body(&self.method));
        is_safe(&self.method) || declared.is_some()
    }

    /// The operation of GraphQL that it asks for, where that can be told.
    fn operation(&self) -> Option<&Operation> {
        self.pass.operation.as_ref()?.as_deref().ok()
    }

    /// Whether it changes only what is its client's own, by `private_mutations`: a client chooses the name of its operation, so
    /// the fields that it asks for count, and the rules of every route of the URL.
    fn is_private(&self) -> bool {
        self.operation().is_some_and(|operation| {
            let routes = self.rules.caching_routes(&self.target);
            let names = routes.iter().flat_map(|route| &route.private_mutations);
            operation.asks_only_for(|field| names.clone().any(|name| **name == *field))
        })
    }

    async fn forward(&self, mut request: http::Request<Body>, terms: Terms) -> Result<Response<Body>, OriginError> {
        let (terms, rule) = self.make_ready(&mut request, terms)?;
        let note = terms.note.clone();
        let mut response = self.engine.origin.fetch(request, terms).await?;
        if note.as_ref().and_then(|note| note.of_lines(|_| ())).is_none() {
            rule.map_back(&self.target, response.headers_mut());
            record_receipt(&mut response, self.engine.now());
        }
        Ok(response)
    }

    /// In which form the client can be given the fields of the answer: as lines where nothing here reads or changes them.
    fn fields(&self, rule: &OriginRequestRule, terms: &Terms) -> FieldsAs {
        let is_changed = |route: &Route| route.answer.is_some() || !route.lifetime.not_after.is_empty();
        let is_left =
            self.method == Method::GET && !rule.maps_back() && !self.pass.route.as_deref().is_some_and(is_changed);
        terms.client.as_ref().filter(|_| is_left).map(|client| client.fields).unwrap_or_default()
    }

    /// Makes of the client's request what the origin is asked, by this rule.
    fn make_ready(
        &self,
        request: &mut http::Request<Body>,
        terms: Terms,
    ) -> Result<(Terms, &OriginRequestRule), OriginError> {
        let target = &self.target;
        // Another protocol has no head of an answer that would be worth waiting for.
        let deadline = (!request.headers().contains_key(UPGRADE))
            .then(|| Deadline::AfterUpload(self.engine.patience(self.pass.route.as_deref())));
        let route = self.pass.route.as_ref();
        let read_timeout = route.and_then(|route| route.read_timeout);
        let rule = self.rules.to_origin(route.map(AsRef::as_ref));
        let (pool, host) = (rule.pool.clone(), rule.host.clone());
        let fields = self.fields(rule, &terms);
        let mut terms = Terms { pool, host, deadline, read_timeout, fields, ..terms };
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mapped = rule.path_and_query_passed(path.as_str(), target);
        let mapped =
            mapped.map_err(|error| OriginError { kind: OriginErrorKind::InvalidTarget, cause: Some(error.into()) })?;
        *request.uri_mut() = if mapped == path.as_str() { Uri::from(path) } else { origin_form(&mapped)? };
        if !self.engine.origin.knows_shared_fields() {
            terms.with_fields_in(request.headers_mut());
        }
        // Those that are shared are as this rule has them.
        if terms.shared_fields().is_none() {
            rule.change(request.headers_mut());
            rule.set_host(target, request.headers_mut());
        }
        Ok((terms, rule))
    }

    /// An unsafe request, from its first byte to the head of its answer, with what that invalidates.
    async fn write(self, request: http::Request<Body>, terms: Terms, mut patience: Patience) -> Answer {
        let requested_at = self.engine.now();
        let stamp = self.engine.invalidation().applied();
        let forwarded = tokio::select! {
            biased;
            forwarded = self.forward(request, terms) => forwarded,
            () = patience.over() => Err(OriginError { kind: OriginErrorKind::CutOff, cause: None }),
        };
        let response = match forwarded {
            Ok(response) => response,
            Err(error) => {
                // RFC 9111 section 4.4 speaks of answers. Here nobody knows what the origin has done, so it may have.
                if error.kind.may_have_acted() {
                    let changed = self.changed_by(vec![self.target.clone()], &HeaderMap::new());
                    invalidate(&self.engine, changed, self.target.url()).await;
                }
                return self.failed(&error.into());
            }
        };
        let times = ExchangeTimes { requested_at, received_at: self.engine.now() };
        let log = self.engine.invalidation().log_id();
        let targets = invalidated_targets(&self.method, &self.target, response.status(), response.headers());
        if self.pass.operation.is_some() && !targets.is_empty() {
            return self.mutated(response, targets, log, &mut patience).await;
        }
        let is_done = !targets.is_empty();
        let changed = self.changed_by(targets, response.headers());
        let (response, invalidated) = if let Some(mut draft) = self.draft_for_get(&response, times, stamp) {
            let invalidated = self.invalidate_by_answer(changed, &mut draft).await;
            (post::keep(&self.engine, draft, response), invalidated)
        } else {
            let invalidated = invalidate(&self.engine, changed.clone(), self.target.url()).await;
            let (engine, url) = (Arc::clone(&self.engine), self.target.url().into());
            self.quiet.allow();
            let alone = if is_event_stream(response.headers()) { ClientGone::End } else { ClientGone::Read };
            let watched = |body| WrittenBody::watch(body, Aftermath { engine, scopes: changed, url }, alone);
            (response.map(watched), invalidated)
        };
        if is_done { self.written(response, Write { log, invalidated }).await } else { self.answered(response) }
    }

    /// The answer to a write, with its stamp where stamps are given.
    async fn written(self, response: Response<Body>, write: Write) -> Answer {
        let engine = Arc::clone(&self.engine);
        let (method, target) = (self.method.clone(), self.target.clone());
        let mut answer = self.answered(response);
        stamped::give(&engine, &mut answer, write, (&method, &target)).await;
        answer
    }

    /// The answer to an operation of GraphQL that may have changed something, once that is purged.
    async fn mutated(
        self,
        response: Response<Body>,
        targets: Vec<Target>,
        log: Option<LogId>,
        patience: &mut Patience,
    ) -> Answer {
        let (by_answer, response, read) = if self.is_private() {
            (Changed::Entities(BTreeSet::new()), response, Read::Begun)
        } else {
            let routes = self.rules.caching_routes(&self.target);
            let types = routes.iter().filter_map(|route| route.types.clone()).collect();
            let document = self.operation().map(|operation| Arc::clone(&operation.document));
            Mutation { types, document }.changed(&self.engine, response, patience).await
        };
        let entities = |tags: BTreeSet<Tag>| tags.into_iter().map(Scope::Tag);
        let changed: Vec<Scope> = match by_answer {
            Changed::Nothing => Vec::new(),
            Changed::Entities(tags) => entities(tags).chain(self.tags_changed(response.headers())).collect(),
            Changed::AndMore(tags) => entities(tags).chain(self.changed_by(targets, response.headers())).collect(),
        };
        let is_done = !changed.is_empty();
        let invalidated = invalidate(&self.engine, changed.clone(), self.target.url()).await;
        let scopes = if read == Read::Whole { Vec::new() } else { changed };
        let (engine, url) = (Arc::clone(&self.engine), self.target.url().into());
        let alone = if is_event_stream(response.headers()) { ClientGone::End } else { ClientGone::Read };
        self.quiet.allow();
        let response = response.map(|body| WrittenBody::watch(body, Aftermath { engine, scopes, url }, alone));
        if is_done { self.written(response, Write { log, invalidated }).await } else { self.answered(response) }
    }

    fn failed(self, failure: &OriginFailure) -> Answer {
        let decision = self.decision(Outcome::Error, failure.reason(), None);
        Answer { reply: Err(Failure::of_origin(failure)), decision }
    }

    fn answered(self, mut response: Response<Body>) -> Answer {
        let status = response.status();
        if let Some(route) = &self.pass.route {
            let now = self.engine.now();
            let end = known_end(route, response.headers(), now);
            if let Some(rule) = &route.answer {
                rule.change(status, Kept::Nowhere, now, response.headers_mut());
            }
            if let Some(end) = end {
                end_at(response.headers_mut(), end, now);
            }
        }
        let decision = self.decision(self.pass.outcome, self.pass.why, Some(response.status()));
        let place = self.place;
        Answer { reply: Ok(response.map(|body| holding((None, place), body))), decision }
    }

    fn decision(&self, outcome: Outcome, reason: Reason, status: Option<StatusCode>) -> Decision {
        let cache_status = Some(CacheStatus {
            forward: Some(self.pass.forward),
            forward_status: status.map(|status| status.as_u16()),
            detail: Some(reason),
            ..CacheStatus::HIT
        });
        Decision {
            outcome,
            reason,
            route: self.pass.route.as_ref().map(|route| route.name.clone()),
            cache_status,
            storing: None,
        }
    }

    /// What a write to `targets`, its own among them, has changed of what may be stored. Nothing was written where there
    /// are none.
    fn changed_by(&self, targets: Vec<Target>, answered: &HeaderMap) -> Vec<Scope> {
        if targets.is_empty() {
            return Vec::new();
        }
        if self.is_private() {
            return self.tags_changed(answered).collect();
        }
        // What nothing can have stored needs no barrier, and a client must not have it raise one.
        let keyed = targets.into_iter().flat_map(|target| {
            let routes = self.rules.caching_routes(&target);
            routes.into_iter().map(move |route| route.keyed_target(target.clone()))
        });
        let keyed = keyed.flat_map(|target| self.named(&target));
        keyed.chain(self.tags_changed(answered)).chain(self.routes_written_to()).collect()
    }

    /// The tags that the route and the answer say to purge.
    fn tags_changed(&self, answered: &HeaderMap) -> impl Iterator<Item = Scope> {
        let of_operation = self.pass.operation.as_ref().and(self.pass.route.as_ref());
        let route = of_operation.or_else(|| self.rules.route_through(&self.target));
        let written = route.map(|route| route.tags_written_by(self.target.path())).unwrap_or_default();
        written.into_iter().chain(self.groups_invalidated_by(answered)).map(Scope::Tag)
    }

    /// The routes that may hold what an operation of GraphQL has changed: those of its URL, whose answers are stored under
    /// others too, and those that tag the same entities elsewhere.
    fn routes_written_to(&self) -> Vec<Scope> {
        if self.pass.operation.is_none() {
            return Vec::new();
        }
        let here = self.rules.caching_routes(&self.target);
        let tags_alike = |route: &Route| {
            let types = here.iter().filter_map(|known| known.types.as_ref());
            route.types.as_ref().is_some_and(|own| types.into_iter().any(|types| types.overlap(own)))
        };
        let is_written = |route: &&Arc<Route>| {
            route.caches_operations() && (tags_alike(route) || here.iter().any(|known| Arc::ptr_eq(known, route)))
        };
        self.rules.routes().iter().filter(is_written).map(|route| Scope::Route(route.name.clone())).collect()
    }

    /// A URL that was written to, within its client's budget.
    fn named(&self, target: &Target) -> Vec<Scope> {
        let over = self.client.filter(|_| target.query().is_some()).is_some_and(|client| {
            let now = self.engine.clock.monotonic();
            self.engine.write_budgets.charge(client, target.url(), now) == Named::ByPath
        });
        if !over {
            return vec![Scope::Url(target.url().into())];
        }
        let path = target.with_query(None);
        vec![Scope::Url(path.url().into()), Scope::Prefix(format!("{}?", path.url()).into())]
    }

    /// The groups that Cache-Group-Invalidation names; all that it may mean, where it is not what RFC 9875 asks for.
    fn groups_invalidated_by(&self, answered: &HeaderMap) -> impl Iterator<Item = Tag> {
        let invalidated = invalidated_groups(answered);
        if invalidated.reading == Reading::Guessed {
            let url = self.target.url();
            tracing::warn!(url, "Cache-Group-Invalidation is no list of strings: all that it may mean is purged");
        }
        // A text that is no tag is that of nothing stored.
        invalidated.groups.into_iter().filter_map(|group| Tag::new(&group).ok())
    }

    /// As [`invalidate`], before the client gets the success. What is to be stored of the answer itself is newer than
    /// that.
    async fn invalidate_by_answer(&self, scopes: Vec<Scope>, own: &mut Draft) -> Invalidated {
        if scopes.is_empty() {
            return Invalidated::Nothing;
        }
        let purge = Purge { scopes, depth: Depth::Hard, source: PurgeSource::UnsafeRequest };
        let purged = self.engine.invalidation().purge_by_answer(purge, own.stamp, &own.membership()).await;
        match log_failure(purged, self.target.url()) {
            Some((own_stamp, at)) => {
                own.stamp = own_stamp;
                Invalidated::At(at)
            }
            None => Invalidated::HereAlone,
        }
    }

    /// What is to be stored of the answer for later GETs, if anything.
    fn draft_for_get(&self, response: &Response<Body>, times: ExchangeTimes, stamp: Stamp) -> Option<Box<Draft>> {
        if self.method != Method::POST {
            return None;
        }
        Post { target: &self.target, headers: &self.headers, rules: &self.rules }.draft(response, times, stamp)
    }
}
