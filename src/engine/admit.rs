//! Whether an answer is stored, and how it becomes an entry.

use super::Engine;
use super::body_tags;
use super::parts;
use super::storing::StoreOutcome;
use crate::clock::Timestamp;
use crate::coalesce::fetch_lease::FetchLease;
use crate::coalesce::shared_body::SharedBody;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::entry::body::StoredBody;
use crate::entry::coding;
use crate::entry::variants::Variants;
use crate::entry::{Entry, EntryParts};
use crate::in_flight::Charge;
use crate::invalidation::Standing;
use crate::key::PrimaryKey;
use crate::plan::request::{CacheableRequest, CookieStanding};
use crate::rules::Route;
use crate::rules::route::{CompressionRule, SetCookieRule};
use crate::scope::{Membership, Tag, Tags, distinct};
use crate::semantics::lifetime::Lifetime;
use crate::semantics::origin_tags::origin_tags;
use crate::semantics::partial::{self, Part};
use crate::semantics::policy::{ExchangeTimes, ResponsePolicy};
use crate::semantics::reason::Reason;
use crate::semantics::sharing::{Shareability, shareability_for_anyone};
use crate::semantics::storable::{Exchange, Storability, fields_not_stored, post_storability, storability};
use crate::semantics::vary::{VariantKey, Vary, parse_vary};
use crate::stamp::Stamp;
use crate::store::memory::Admission;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode};
use std::sync::Arc;
use tokio::sync::SemaphorePermit;

/// Bodies up to this size are coded and searched at once.
const WORK_BYTES_SMALL: usize = 16 * 1024;

/// The head of an answer that is to be stored, once its body is complete.
#[derive(Debug)]
pub(super) struct Draft {
    /// The route that stores it.
    pub(super) route: Arc<Route>,
    /// The key it is stored under.
    pub(super) key: PrimaryKey,
    /// The settled URL, and where its path begins.
    pub(super) url: (Box<str>, usize),
    /// Route's and origin's tags.
    pub(super) tags: Box<[Tag]>,
    /// 200 and the like, or 206 with `part`.
    pub(super) status: StatusCode,
    /// The headers to store.
    pub(super) headers: HeaderMap,
    /// Their policy.
    pub(super) policy: ResponsePolicy,
    /// The lifetime in force now.
    pub(super) lifetime: Lifetime,
    /// Which variant it is.
    pub(super) variant: VariantKey,
    /// For a 206.
    pub(super) part: Option<Part>,
    /// When its fetch began, in the log's order.
    pub(super) stamp: Stamp,
    /// The number of the rules whose tags are among its own.
    pub(super) filed_by: u32,
}

/// Whether an answer is stored.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is, once its body is complete.
    Store(Box<Draft>),
    /// It is not, and why.
    Refuse(Reason),
}

/// An answer's head, and the request that it answers as the origin saw it.
#[derive(Debug)]
pub(super) struct Received<'a> {
    /// The method sent.
    pub(super) method: &'a Method,
    /// The headers sent.
    pub(super) sent: &'a HeaderMap,
    /// The status received.
    pub(super) status: StatusCode,
    /// The headers received.
    pub(super) headers: &'a HeaderMap,
    /// When.
    pub(super) times: ExchangeTimes,
    /// The log position when the fetch began.
    pub(super) stamp: Stamp,
}

/// Judges an answer by RFC 9111 section 3 and by the route.
pub(super) fn judge(request: &CacheableRequest, received: &Received<'_>) -> Verdict {
    let rule = &request.route.lifetime;
    let said = ResponsePolicy::parse_with(received.status, received.headers, received.times, &rule.fields);
    let policy = request.seen(said.clone());
    let spread = received.times.received_at.as_millis();
    let lifetime = rule.lifetime(&policy, spread);
    let exchange = Exchange {
        method: received.method,
        request_headers: received.sent,
        credentials: request.credentials(),
        headers: received.headers,
        policy: &policy,
        lifetime: &lifetime,
    };
    let storability = match *received.method {
        Method::POST => post_storability(&exchange, &request.target),
        _ => storability(&exchange),
    };
    #[cfg(test)]
    let storability = match storability {
        Storability::Refused(Reason::ResponsePrivate) if deliberate_fault::is_on(Fault::PrivateIsStored) => {
            Storability::Storable
        }
        storability => storability,
    };
    match storability {
        Storability::Refused(Reason::NoLifetime) if rule.leaves_out(received.status) => {
            return Verdict::Refuse(Reason::StatusWithoutTtl);
        }
        Storability::Refused(why) => return Verdict::Refuse(why),
        Storability::Storable => {}
    }
    let headers = stored_headers(received.headers, &policy, request.route.set_cookie);
    if headers.contains_key(SET_COOKIE) && request.route.set_cookie == SetCookieRule::Refuse {
        return Verdict::Refuse(Reason::SetCookie);
    }
    if announced_length(&headers).is_some_and(|length| length > request.route.max_body_bytes) {
        return Verdict::Refuse(Reason::BodyTooLarge);
    }
    let Some(variant) = variant_of(request, &headers) else {
        return Verdict::Refuse(Reason::VaryAny);
    };
    if request.cookie_standing(&policy, &lifetime, &variant.0) == CookieStanding::Undecided {
        return Verdict::Refuse(Reason::CookieUndecided);
    }
    let Some(tags) = tags(request, received.headers) else {
        return Verdict::Refuse(Reason::TagsUnreadable);
    };
    let part = if received.status == StatusCode::PARTIAL_CONTENT { partial::part_of(&headers) } else { None };
    Verdict::Store(Box::new(Draft {
        route: Arc::clone(&request.route),
        key: request.key.clone(),
        url: (request.target.url().into(), request.target.path_start()),
        tags,
        status: received.status,
        headers,
        policy: said,
        lifetime,
        variant,
        part,
        stamp: received.stamp,
        filed_by: request.rules.number(),
    }))
}

/// The route's tags and the origin's, also from fields that may not be stored; none where one can't be taken as it is.
fn tags(request: &CacheableRequest, received: &HeaderMap) -> Option<Box<[Tag]>> {
    let mut tags = request.route_tags().ok()?;
    for text in origin_tags(received, &request.route.tag_fields).ok()? {
        tags.push(Tag::new(&text).ok()?);
    }
    Some(distinct(tags).into())
}

/// The variant that an answer is: what Vary names, and the coding where the origin chose one without saying so.
fn variant_of(request: &CacheableRequest, headers: &HeaderMap) -> Option<VariantKey> {
    let vary = match parse_vary(headers) {
        Vary::Fields(names) if headers.contains_key(CONTENT_ENCODING) && !names.contains(&ACCEPT_ENCODING) => {
            Vary::Fields(names.iter().cloned().chain([ACCEPT_ENCODING]).collect())
        }
        vary => vary,
    };
    request.route.variant_key(&request.headers, &vary)
}

/// The headers without those that `private="…"` and `no-cache="…"` name, nor a cookie that the route strips.
fn stored_headers(received: &HeaderMap, policy: &ResponsePolicy, set_cookie: SetCookieRule) -> HeaderMap {
    let mut headers = sent_headers(received.clone(), set_cookie);
    for name in fields_not_stored(policy) {
        headers.remove(name);
    }
    headers
}

/// The headers of a stored answer for the one request that fetched it: all but a cookie that the route strips.
pub(super) fn sent_headers(mut headers: HeaderMap, set_cookie: SetCookieRule) -> HeaderMap {
    if set_cookie == SetCookieRule::Strip {
        headers.remove(SET_COOKIE);
    }
    headers
}

pub(super) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Draft {
    /// What it is to the requests that wait for it.
    pub(super) fn shareability(&self, now: Timestamp) -> Shareability {
        shareability_for_anyone(&self.route.lifetime.without_ignored(self.policy.clone()), &self.lifetime, now)
    }

    /// What it will be filed under, for the barriers.
    pub(super) fn membership(&self) -> Membership<'_> {
        let (url, path_start) = &self.url;
        Membership { url, path_start: *path_start, route: &self.route.name, tags: Tags::Listed(&self.tags) }
    }

    /// Files it under these tags too.
    pub(super) fn add_tags(&mut self, more: impl IntoIterator<Item = Tag>) {
        self.tags = distinct(std::mem::take(&mut self.tags).into_iter().chain(more)).into();
    }

    /// The entry with this body.
    pub(super) fn into_entry(self, body: StoredBody, engine: &Engine) -> Entry {
        let parts = EntryParts {
            url: self.url.0,
            path_start: self.url.1,
            route: self.route.name.clone(),
            tags: self.tags,
            status: self.status,
            policy: self.policy,
            variant: self.variant,
            body,
            part: self.part,
            stamp: self.stamp,
            stored_at: engine.now(),
            filed_by: self.filed_by,
        };
        Entry::new(parts, &self.headers)
    }
}

impl Engine {
    /// Stores a complete answer, unless a purge has overtaken it; gzip-codes its body first where the route says so
    /// and it helps.
    ///
    /// Those who are still reading `shared`, which holds the same body, go on reading it where it is stored.
    pub(super) async fn admit(
        &self,
        mut draft: Draft,
        pieces: Vec<Bytes>,
        lease: Option<Arc<FetchLease>>,
        shared: &SharedBody,
    ) -> StoreOutcome {
        let key = draft.key.clone();
        let _work = self.work_on(pieces.iter().map(Bytes::len).sum()).await;
        if let Some(body_tags) = draft.route.body_tags.clone() {
            let Some(found) = body_tags::read(body_tags, &draft, &pieces).await else {
                return StoreOutcome::Refused(Reason::BodyTagsUnreadable);
            };
            draft.add_tags(found);
        }
        let pieces = if draft.part.is_some() { vec![self.joined_to_stored(&mut draft, pieces)] } else { pieces };
        let body = match draft.route.compression {
            CompressionRule::Gzip => coding::at_rest(pieces, &draft.headers, &draft.policy).await,
            CompressionRule::Off => StoredBody::from_pieces(pieces),
        };
        let (lifetime, shareability) = (draft.lifetime, draft.shareability(self.now()));
        let entry = Arc::new(draft.into_entry(body, self));
        let outcome = self.admit_entry(&key, &entry, shareability);
        if outcome == StoreOutcome::Stored {
            if entry.part().is_none() && !entry.body().is_gzipped() {
                shared.is_stored_as(entry.body().shared());
            }
            self.share(&key, &entry, &lifetime, lease);
        }
        outcome
    }

    /// A turn to code or search a body of so many bytes, with what that holds meanwhile charged: a copy, and what is
    /// made of it. Few large ones have their turn at a time; short ones need none.
    async fn work_on(&self, body_bytes: usize) -> (Option<SemaphorePermit<'_>>, Charge) {
        // The semaphore is never closed.
        let turn = if body_bytes > WORK_BYTES_SMALL { self.coders().acquire().await.ok() } else { None };
        (turn, self.in_flight().charge(2 * body_bytes as u64))
    }

    fn joined_to_stored(&self, draft: &mut Draft, pieces: Vec<Bytes>) -> Bytes {
        let newer = StoredBody::from_pieces(pieces).at_rest().clone();
        let variants = self.memory().peek(&draft.key);
        let stored = variants.as_ref().map_or(&[][..], Variants::entries);
        match stored.iter().find(|entry| *entry.variant() == draft.variant) {
            Some(stored) if self.standing_as_stored(stored) == Standing::Clear => parts::join(stored, draft, newer),
            _ => newer,
        }
    }

    /// Puts `newer` in the place of `older`, unless a purge has overtaken it.
    pub(super) fn replace_entry(
        &self,
        key: &PrimaryKey,
        older: &Arc<Entry>,
        newer: &Arc<Entry>,
        lifetime: &Lifetime,
        lease: Option<Arc<FetchLease>>,
    ) -> StoreOutcome {
        if self.standing_as_stored(newer) != Standing::Clear {
            return StoreOutcome::Refused(Reason::Overtaken);
        }
        let outcome = store_outcome(self.memory().replace(key, older, Arc::clone(newer)));
        self.share(key, newer, lifetime, lease);
        outcome
    }

    /// Stores an entry, unless a purge has overtaken it.
    fn admit_entry(&self, key: &PrimaryKey, entry: &Arc<Entry>, shareability: Shareability) -> StoreOutcome {
        if self.standing_as_stored(entry) != Standing::Clear {
            return StoreOutcome::Refused(Reason::Overtaken);
        }
        let outcome = store_outcome(self.memory().admit(key, Arc::clone(entry)));
        // What each must ask for on their own stays remembered as such, stored or not.
        if outcome == StoreOutcome::Stored && shareability == Shareability::Shared {
            self.uncacheable().forget(key);
        }
        outcome
    }
}

const fn store_outcome(admission: Admission) -> StoreOutcome {
    match admission {
        Admission::Stored => StoreOutcome::Stored,
        Admission::TooLarge => StoreOutcome::Refused(Reason::EntryTooLarge),
        Admission::Gone => StoreOutcome::Refused(Reason::Superseded),
    }
}
