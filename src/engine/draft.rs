//! Whether an answer may be stored, and what would be: its draft, which becomes an entry once the body is there.

use crate::clock::Timestamp;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::entry::body::StoredBody;
use crate::entry::settling::Settling;
use crate::entry::{Entry, EntryParts};
use crate::key::PrimaryKey;
use crate::plan::request::{CacheableRequest, CookieStanding};
use crate::rules::Route;
use crate::rules::route::SetCookieRule;
use crate::rules::tag_label::{self, Known};
use crate::scope::{Membership, Tag, Tags, distinct};
use crate::semantics::cache_control::RequestDirectives;
use crate::semantics::lifetime::Lifetime;
use crate::semantics::origin_tags::origin_tags;
use crate::semantics::partial::{self, Part};
use crate::semantics::policy::{ExchangeTimes, ResponsePolicy};
use crate::semantics::reason::Reason;
use crate::semantics::sharing::{Shareability, shareability_for_anyone};
use crate::semantics::storable::{Exchange, Storability, fields_not_stored, post_storability, storability};
use crate::semantics::vary::{VariantKey, Vary, parse_vary};
use crate::stamp::Stamp;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// The head of an answer that is to be stored, once its body is complete.
#[derive(Debug, Clone)]
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
    /// When the origin was asked.
    pub(super) requested_at: Timestamp,
    /// Until when it is kept, where a purge came shortly before that.
    pub(super) settling: Option<Settling>,
}

/// What the origin answered, and the request that it answers as the origin saw it.
#[derive(Debug)]
pub(super) struct OriginAnswer<B> {
    /// The method sent.
    pub(super) method: Method,
    /// What the request said of caching as it was sent.
    pub(super) said: RequestDirectives,
    /// The response.
    pub(super) response: http::Response<B>,
    /// When.
    pub(super) times: ExchangeTimes,
    /// The log position when the origin was asked.
    pub(super) stamp: Stamp,
}

impl Draft {
    /// Bounds its lifetime by what its body says.
    pub(super) fn live_at_most(&mut self, most: Option<Duration>) {
        self.policy.lifetime_max = most;
        self.lifetime.fresh_for = most.map_or(self.lifetime.fresh_for, |most| self.lifetime.fresh_for.min(most));
    }

    /// Notes that its body is the same as that of an older one: what that says, and how long it has not changed, where the
    /// route learns from that.
    pub(super) fn continue_unchanged(&mut self, older: &ResponsePolicy) {
        self.live_at_most(older.lifetime_max);
        let rule = &self.route.lifetime;
        if rule.adaptive_max.is_some() {
            self.policy.continue_unchanged(older);
            self.lifetime = rule.lifetime(&self.policy, self.policy.received_at.as_millis());
        }
    }
}

impl OriginAnswer<()> {
    /// The head of an answer to a GET that said this.
    pub(super) fn head(
        said: RequestDirectives,
        (status, headers): (StatusCode, HeaderMap),
        times: ExchangeTimes,
        stamp: Stamp,
    ) -> Self {
        let mut response = http::Response::new(());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Self { method: Method::GET, said, response, times, stamp }
    }
}

/// Why an answer is not stored, and for which requests that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotStored {
    /// All requests for its key.
    Key(Reason),
    /// Those that bring cookies of which nobody says whether they change the answer.
    UndecidedCookies,
    /// This request, or this moment.
    Request(Reason),
}

impl From<NotStored> for Reason {
    fn from(why: NotStored) -> Self {
        match why {
            NotStored::Key(why) | NotStored::Request(why) => why,
            NotStored::UndecidedCookies => Self::CookieUndecided,
        }
    }
}

/// What of an answer is to be stored once its body is complete, by RFC 9111 section 3 and by the route.
///
/// # Errors
/// Where it may not be, with the reason.
pub(super) fn judge<B>(request: &CacheableRequest, answer: &OriginAnswer<B>) -> Result<Draft, NotStored> {
    let rule = &request.route.lifetime;
    let (status, received) = (answer.response.status(), answer.response.headers());
    let said = ResponsePolicy::parse_with(status, received, answer.times, &rule.fields);
    let policy = request.seen(said.clone());
    let spread = answer.times.received_at.as_millis();
    let lifetime = rule.lifetime(&policy, spread);
    let exchange = Exchange {
        method: &answer.method,
        request_directives: &answer.said,
        credentials: request.credentials(),
        headers: received,
        policy: &policy,
        lifetime: &lifetime,
    };
    let storability = match answer.method {
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
    storable(storability, rule.leaves_out(status))?;
    is_of_claims(request, status, received)?;
    let mut headers = stored_headers(received, &policy, request.route.set_cookie);
    if headers.contains_key(SET_COOKIE) && request.route.set_cookie == SetCookieRule::Refuse {
        return Err(NotStored::Key(Reason::SetCookie));
    }
    if announced_length(&headers).is_some_and(|length| length > request.route.max_body_bytes) {
        return Err(NotStored::Key(Reason::BodyTooLarge));
    }
    let variant = variant_of(request, &headers).ok_or(NotStored::Key(Reason::VaryAny))?;
    if request.cookie_standing(&policy, &lifetime, &variant.0) == CookieStanding::Undecided {
        return Err(NotStored::UndecidedCookies);
    }
    let tags = all_tags(request, received)?;
    put_label(&request.route, Some(&*tags), &mut headers);
    let part = if status == StatusCode::PARTIAL_CONTENT { partial::part_of(&headers) } else { None };
    Ok(Draft {
        route: Arc::clone(&request.route),
        key: request.key.clone(),
        url: (request.target.url().into(), request.target.path_start()),
        tags,
        status,
        headers,
        policy: said,
        lifetime,
        variant,
        part,
        stamp: answer.stamp,
        filed_by: request.rules.number(),
        requested_at: answer.times.requested_at,
        settling: None,
    })
}

/// An answer to a request that is keyed by what its token claims says something of them, and not of one token.
fn is_of_claims(request: &CacheableRequest, status: StatusCode, received: &HeaderMap) -> Result<(), NotStored> {
    if request.claimed.is_none() {
        return Ok(());
    }
    if status == StatusCode::UNAUTHORIZED {
        return Err(NotStored::Request(Reason::TokenRefused));
    }
    match parse_vary(received) {
        Vary::Fields(names) if names.contains(&AUTHORIZATION) => Err(NotStored::Key(Reason::VaryToken)),
        Vary::Fields(_) | Vary::Anything => Ok(()),
    }
}

/// `left_out`: the rule has lifetimes by status, and none for this one.
fn storable(storability: Storability, left_out: bool) -> Result<(), NotStored> {
    match storability {
        Storability::NoLifetime if left_out => Err(NotStored::Key(Reason::StatusWithoutTtl)),
        Storability::NoLifetime => Err(NotStored::Key(Reason::NoLifetime)),
        Storability::Refused(why) => Err(NotStored::Key(why)),
        Storability::RefusedByRequest(why) => Err(NotStored::Request(why)),
        Storability::Storable => Ok(()),
    }
}

/// The route's tags and the origin's, also from fields that may not be stored; `None` if one can't be taken as it is.
fn tags(request: &CacheableRequest, received: &HeaderMap) -> Option<Box<[Tag]>> {
    let mut tags = request.route_tags().ok()?.to_vec();
    let named = origin_tags(received, &request.route.tag_fields).ok()?;
    if named.is_empty() {
        return Some(tags.into());
    }
    for text in named {
        tags.push(Tag::new(&text).ok()?);
    }
    Some(distinct(tags).into())
}

/// The tags of an answer that is to be stored, but for those in its body.
fn all_tags(request: &CacheableRequest, received: &HeaderMap) -> Result<Box<[Tag]>, NotStored> {
    if renames_types(request) {
        return Err(NotStored::Key(Reason::TypesRenamed));
    }
    tags(request, received).ok_or(NotStored::Key(Reason::TagsUnreadable))
}

/// Whether what the request asks for would be tagged by something else than what its route's `types` name.
fn renames_types(request: &CacheableRequest) -> bool {
    let (types, operation) = (request.route.types.as_ref(), request.operation.as_ref());
    types.zip(operation).is_some_and(|(types, operation)| types.are_renamed_by(&operation.document))
}

/// Labels an answer that is sent to who asked for it with its tags, where the route says so.
pub(super) fn label(request: &CacheableRequest, headers: &mut HeaderMap) {
    if request.route.send_tags_as.is_some() {
        put_label(&request.route, tags(request, headers).as_deref(), headers);
    }
}

fn put_label(route: &Route, tags: Option<&[Tag]>, headers: &mut HeaderMap) {
    let Some(name) = &route.send_tags_as else { return };
    let known = if tags.is_none() || route.tags_by_body() { Known::Some } else { Known::All };
    headers.insert(name, tag_label::label(name, tags.unwrap_or_default(), known));
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

    /// The entry with this body, stored at this time.
    pub(super) fn entry(&self, body: StoredBody, stored_at: Timestamp) -> Entry {
        let parts = EntryParts {
            url: self.url.0.clone(),
            path_start: self.url.1,
            route: self.route.name.clone(),
            tags: self.tags.clone(),
            status: self.status,
            policy: self.policy.clone(),
            variant: self.variant.clone(),
            body,
            part: self.part,
            stamp: self.stamp,
            stored_at,
            filed_by: self.filed_by,
            settling: self.settling,
        };
        Entry::new(parts, &self.headers)
    }
}
