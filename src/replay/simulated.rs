//! One set of rules with a cache of its own, in simulated time.

use super::Happened;
use super::figures::Figures;
use super::known::KnownWay;
use super::stored::{Stored, ToStore, UnderWay};
use crate::clock::Timestamp;
use crate::entry::body::StoredBody;
use crate::entry::{Entry, EntryParts};
use crate::invalidation::Standing;
use crate::invalidation::barriers::Barriers;
use crate::invalidation::purge::PurgeSource;
use crate::plan::Plan;
use crate::plan::outcome::Outcome;
use crate::plan::request::{CacheableRequest, Sharing};
use crate::plan::wanted::Wanted;
use crate::rules::RuleSet;
use crate::rules::lifetime::IgnoredDirective;
use crate::rules::route::{Route, SetCookieRule};
use crate::scope::Depth;
use crate::semantics::cache_control::RequestDirectives;
use crate::semantics::credentials::Credentials;
use crate::semantics::policy::{ExchangeTimes, ResponsePolicy};
use crate::semantics::reason::Reason;
use crate::semantics::storable::{Exchange, Storability, storability};
use crate::semantics::vary::VariantKey;
use crate::stamp::Stamp;
use http::{HeaderMap, Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// Room for the barriers of unsafe requests, in bytes.
const BARRIERS_BYTES: usize = 16 * 1024 * 1024;

/// See the module.
pub(super) struct Simulated {
    rules: Arc<RuleSet>,
    stored: Stored,
    barriers: Barriers,
    purges: u64,
    /// By the place of the route; that of no route comes last.
    figures: Vec<Figures>,
}

impl Simulated {
    pub(super) fn new(rules: Arc<RuleSet>, responses_max: usize) -> Self {
        let figures = vec![Figures::default(); rules.routes().len() + 1];
        Self { rules, stored: Stored::new(responses_max), barriers: Barriers::new(BARRIERS_BYTES), purges: 0, figures }
    }

    pub(super) const fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// By route.
    pub(super) fn figures(&self) -> Vec<Figures> {
        let peaks = (0..).map(|route| self.stored.peak_bytes(Some(route)));
        self.figures.iter().cloned().zip(peaks).map(|(f, peak)| Figures { memory_peak_bytes: peak, ..f }).collect()
    }

    /// The most that was stored of all routes at one time, in bytes.
    pub(super) fn memory_peak_bytes(&self) -> u64 {
        self.stored.peak_bytes(None)
    }

    /// How many stored responses were forgotten for want of room.
    pub(super) const fn forgotten(&self) -> u64 {
        self.stored.forgotten()
    }

    pub(super) fn step(&mut self, way: &KnownWay, happened: &Happened) {
        match way {
            KnownWay::Cached(request, route) => self.cached(request, *route, happened),
            KnownWay::Passed(changes, route) => {
                let bytes = happened.body_bytes.unwrap_or_default();
                let figures = &mut self.figures[*route];
                let took = happened.upstream.or_else(|| figures.upstream_mean());
                figures.count(Outcome::Pass, bytes);
                figures.count_upstream(took, bytes);
                let succeeds = happened.status.is_some_and(|status| status.is_success() || status.is_redirection());
                if succeeds && !changes.is_empty() {
                    self.purges += 1;
                    for scope in changes {
                        let stamp = Stamp::local(self.purges);
                        self.barriers.raise(scope, stamp, Depth::Hard, PurgeSource::UnsafeRequest);
                    }
                }
            }
        }
    }

    fn cached(&mut self, request: &CacheableRequest, route: usize, happened: &Happened) {
        let (key, now) = (&request.key, happened.at);
        let slot = self.stored.slot(key, now);
        let under_way = slot.under_way();
        // Where a fetch is under way, it is the one that a purge made necessary.
        let slot = match happened.purged.filter(|_| under_way == UnderWay::Nothing) {
            None => slot,
            Some(depth) => {
                self.stored.purge(key, depth);
                self.stored.slot(key, now)
            }
        };
        let is_whole = request.method == Method::GET && happened.status == Some(StatusCode::OK);
        if let Some(bytes) = happened.body_bytes.filter(|_| is_whole) {
            slot.body_bytes = Some(bytes);
        }
        slot.upstream = happened.upstream.or(slot.upstream);
        let told = if slot.is_soft_purged() { Standing::SoftPurged } else { Standing::Clear };
        let barriers = Some(&self.barriers).filter(|_| self.purges > 0);
        let standing = |entry: &Entry| {
            barriers.map_or(told, |barriers| barriers.standing(entry.stamp(), &entry.membership()).max(told))
        };
        let sent = happened.body_bytes.unwrap_or_default();
        match Plan::of(request, slot.current(), standing, || None, now) {
            Plan::Serve(usable) => {
                self.figures[route].count(usable.how.outcome(), sent);
                if under_way == UnderWay::Nothing && Wanted::meanwhile(&usable).is_some() {
                    self.fetch(request, route, happened);
                }
            }
            Plan::Ask(_) | Plan::Refuse(_) => {
                if under_way == UnderWay::Shared && request.sharing() == Sharing::Shared {
                    self.figures[route].count(Outcome::Collapsed, sent);
                } else {
                    self.figures[route].count(Outcome::Miss, sent);
                    self.fetch(request, route, happened);
                }
            }
        }
    }

    /// Asks the origin; what it answers will be there after the time that it takes.
    fn fetch(&mut self, request: &CacheableRequest, route: usize, happened: &Happened) {
        let figures = &mut self.figures[route];
        let slot = self.stored.slot(&request.key, happened.at);
        let took = slot.upstream.or_else(|| figures.upstream_mean());
        let bytes = slot.body_bytes.or(happened.body_bytes).unwrap_or_default();
        figures.count_upstream(took, bytes);
        let ready_at = happened.at.saturating_add(took.unwrap_or_default());
        let stamp = Stamp::local(self.purges);
        let answer = answer(request, happened, (happened.at, ready_at), bytes, stamp);
        let answer = answer.map(|(entry, bytes, ends_at)| ToStore { entry, route, bytes, ends_at });
        self.stored.fetch(&request.key, ready_at, answer);
    }
}

/// What the origin answers, if it is to be stored; with its bytes, and from when on it is of no use.
fn answer(
    request: &CacheableRequest,
    happened: &Happened,
    (requested_at, received_at): (Timestamp, Timestamp),
    body_bytes: u64,
    stamp: Stamp,
) -> Option<(Arc<Entry>, u64, Timestamp)> {
    let route = &request.route;
    // A client that has a copy gets a 304: what the origin was asked for is the whole.
    let status = match happened.status? {
        StatusCode::NOT_MODIFIED => StatusCode::OK,
        StatusCode::PARTIAL_CONTENT => return None,
        status => status,
    };
    let is_refused = happened.refused.is_some_and(|why| holds_under(why, route)) || body_bytes > route.max_body_bytes;
    if is_refused {
        return None;
    }
    let headers = HeaderMap::new();
    let policy = ResponsePolicy::parse(status, &headers, ExchangeTimes { requested_at, received_at });
    let lifetime = route.lifetime.lifetime(&policy, received_at.as_millis());
    let exchange = Exchange {
        method: &request.method,
        request_directives: &RequestDirectives::default(),
        credentials: Credentials::Absent,
        headers: &headers,
        policy: &policy,
        lifetime: &lifetime,
    };
    if storability(&exchange) != Storability::Storable || lifetime.fresh_for.is_zero() {
        return None;
    }
    let windows = [lifetime.stale_while_revalidate, lifetime.stale_if_error].into_iter().flatten();
    let window = windows.map(|window| window.length).max().unwrap_or(Duration::ZERO);
    // A stale window holds to its last millisecond.
    let ends_at = received_at.saturating_add(lifetime.fresh_for).saturating_add(window + Duration::from_millis(1));
    let parts = EntryParts {
        url: request.target.url().into(),
        path_start: request.target.path_start(),
        route: route.name.clone(),
        tags: request.known_tags().into_owned().into(),
        status,
        policy,
        variant: VariantKey(Vec::new()),
        // How many bytes it would take is counted, not taken.
        body: StoredBody::from_pieces(Vec::new()),
        part: None,
        stamp,
        stored_at: received_at,
        filed_by: 0,
        settling: None,
    };
    let entry = Entry::new(parts, &headers);
    let bytes = entry.weight_bytes() as u64 + body_bytes;
    Some((Arc::new(entry), bytes, ends_at))
}

/// Whether an answer that was not stored for this reason would not be by this route, as far as is known.
fn holds_under(why: Reason, route: &Route) -> bool {
    let ignores = |directive| route.lifetime.ignore.contains(&directive);
    match why {
        // Judged anew by the route's own lifetimes and bounds.
        Reason::NoLifetime | Reason::StatusWithoutTtl | Reason::BodyTooLarge | Reason::EntryTooLarge => false,
        Reason::SetCookie => route.set_cookie == SetCookieRule::Refuse,
        Reason::CookieUndecided => route.leaves_cookies_undecided(),
        Reason::ResponseNoStore => !ignores(IgnoredDirective::NoStore),
        Reason::ResponsePrivate => !ignores(IgnoredDirective::Private),
        _ => true,
    }
}
