//! One request on a cacheable route, with everything that later steps ask of it.

use super::way::Through;
use crate::clock::Timestamp;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::key::{KeyBuilder, KeyPart, PrimaryKey};
use crate::rules::body_key::KeyedBody;
use crate::rules::route::ClientDirectives;
use crate::rules::tokens::Claimed;
use crate::rules::{Route, RuleSet};
use crate::scope::{Membership, Tag, TagError, Tags};
use crate::semantics::cache_control::RequestDirectives;
use crate::semantics::credentials::Credentials;
use crate::semantics::graphql::request::Operation;
use crate::semantics::lifetime::Lifetime;
use crate::semantics::policy::ResponsePolicy;
use crate::semantics::reason::Reason;
use crate::semantics::reuse::{Hold, MustValidate};
use crate::semantics::sharing::{Shareability, shareability, shareability_for_anyone};
use crate::semantics::target::Target;
use crate::semantics::vary::{VariantKey, Vary, is_best_language};
use crate::stamps::place::NotBefore;
use http::header::{ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HOST, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, Method};
use std::borrow::Cow;
use std::iter;
use std::sync::{Arc, OnceLock};

/// Whether a request may share a fetch with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// It may lead or follow.
    Shared,
    /// It may lead, or follow one that has not asked the origin yet: it wants an answer newer than itself.
    Gathered,
    /// It fetches on its own, and why.
    Alone(Alone),
}

/// Why a request fetches on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alone {
    /// It carries credentials that its key does not hold.
    Authorized,
    /// It says no-store.
    NoStore,
    /// It asks for a head or a range.
    HeadOrRange,
    /// It wants the origin's own answer, and the route obeys.
    Directive(MustValidate),
}

impl From<Alone> for Reason {
    fn from(alone: Alone) -> Self {
        match alone {
            Alone::Authorized => Self::Authorized,
            Alone::NoStore => Self::RequestNoStore,
            Alone::HeadOrRange => Self::HeadOrRange,
            Alone::Directive(why) => why.into(),
        }
    }
}

/// Whether anyone has said if the cookies of a request change a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CookieStanding {
    /// The request carries none, the rule or the origin has decided, or the lifetime is the origin's own.
    Decided,
    /// Nobody has: the response is neither stored for others nor given to this request.
    Undecided,
}

/// A GET or HEAD that may be answered from the cache, or a request that is answered as a GET by its body, too.
#[derive(Debug)]
pub(crate) struct CacheableRequest {
    /// GET or HEAD.
    pub(crate) method: Method,
    /// The target as keyed and sent.
    pub(crate) target: Target,
    /// The route that matched.
    pub(crate) route: Arc<Route>,
    /// The rules that the route is part of.
    pub(crate) rules: Arc<RuleSet>,
    /// What is asked for, apart from variants.
    pub(crate) key: PrimaryKey,
    /// The client's headers, which requests of one connection may share.
    pub(crate) headers: Arc<HeaderMap>,
    /// The client's cache directives.
    pub(crate) directives: RequestDirectives,
    /// What an operator does with what is stored, for a while.
    pub(crate) hold: Option<Hold>,
    /// What its answer must not be older than.
    pub(crate) not_before: NotBefore,
    /// The body that is part of its key; it is answered as a GET then, and has no Range.
    pub(crate) body: Option<KeyedBody>,
    /// The operation of GraphQL that it asks for.
    pub(crate) operation: Option<Arc<Operation>>,
    /// What its token claims, which is part of its key: its answer is for all whose tokens claim the same.
    pub(crate) claimed: Option<Claimed>,
    /// What plain hits do without.
    pub(super) worked_out: WorkedOut,
}

/// What several steps of a fetch ask of its request, once one does.
#[derive(Debug, Default)]
pub(super) struct WorkedOut {
    credentials: OnceLock<Credentials>,
    tags: OnceLock<Result<Box<[Tag]>, TagError>>,
}

impl CacheableRequest {
    /// Settles key and directives of a request that may be answered from the cache.
    pub(crate) fn new(
        method: Method,
        headers: HeaderMap,
        target: Target,
        through: Through,
        rules: Arc<RuleSet>,
    ) -> Self {
        let directives = match (RequestDirectives::parse(&headers), through.route.client_directives) {
            (said, ClientDirectives::Ignore) => said.without_validation(),
            (said, ClientDirectives::Obey | ClientDirectives::Collapse) => said,
        };
        // How fresh its client wants the answer counts for nothing where an operator holds what is stored.
        let directives = if through.hold.is_some() { directives.without_freshness() } else { directives };
        Self { method, directives, ..Self::plain(Arc::new(headers), target, through, rules) }
    }

    /// As [`Self::new`] for a GET without directives of its own.
    pub(crate) fn plain(headers: Arc<HeaderMap>, target: Target, through: Through, rules: Arc<RuleSet>) -> Self {
        let claimed = through.claimed().cloned();
        let Through { route, hold, .. } = through;
        let target = route.keyed_target(target);
        let mut key = route.primary_key(&target, &headers);
        if let Some(claimed) = &claimed {
            let mut builder = KeyBuilder::beginning_with(&key);
            claimed.add_to(&mut builder);
            key = builder.finish();
        }
        let (method, directives) = (Method::GET, RequestDirectives::default());
        let (worked_out, not_before) = (WorkedOut::default(), NotBefore::default());
        let (body, operation) = (None, None);
        Self {
            method,
            target,
            route,
            rules,
            key,
            headers,
            directives,
            hold,
            not_before,
            body,
            operation,
            claimed,
            worked_out,
        }
    }

    /// As [`Self::new`] for a request that is answered by its body, too.
    pub(crate) fn with_body(
        body: KeyedBody,
        mut headers: HeaderMap,
        target: Target,
        through: Through,
        rules: Arc<RuleSet>,
    ) -> Self {
        // A Range counts for GET alone (RFC 9110 section 14.2).
        for name in [RANGE, IF_RANGE] {
            headers.remove(name);
        }
        Self::new(Method::GET, headers, target, through, rules).by(body)
    }

    /// The same, with this body.
    pub(super) fn by(self, body: KeyedBody) -> Self {
        let mut key = KeyBuilder::beginning_with(&self.key);
        for name in [CONTENT_TYPE, CONTENT_ENCODING] {
            key.part(KeyPart::Header, name.as_str().as_bytes());
            key.part(KeyPart::Value, &self.route.fetch_value(&self.headers, &name));
        }
        body.add_to(&mut key);
        Self { key: key.finish(), body: Some(body), ..self }
    }

    /// The same, which asks for this operation.
    pub(crate) fn asking(self, operation: Arc<Operation>) -> Self {
        Self { operation: Some(operation), ..self }
    }

    /// The method by which the origin is asked for what is not stored.
    pub(crate) fn fetch_method(&self) -> Method {
        self.body.as_ref().map_or(Method::GET, |body| body.method.clone())
    }

    /// The method that the client asked by.
    pub(crate) fn asked_method(&self) -> Method {
        self.body.as_ref().map_or_else(|| self.method.clone(), |body| body.method.clone())
    }

    /// The same, whose answer must not be older than this.
    pub(crate) fn not_before(self, not_before: NotBefore) -> Self {
        Self { not_before, ..self }
    }

    /// Whether it may share a fetch: not where its answer may be meant for it alone, or must be newer than it.
    pub(crate) fn sharing(&self) -> Sharing {
        if self.credentials() == Credentials::Carried {
            return Sharing::Alone(Alone::Authorized);
        }
        if self.directives.no_store {
            return Sharing::Alone(Alone::NoStore);
        }
        if self.method == Method::HEAD || self.headers.contains_key(RANGE) {
            return Sharing::Alone(Alone::HeadOrRange);
        }
        match (self.directives.wants_validation(), self.route.client_directives) {
            (None, _) | (_, ClientDirectives::Ignore) => Sharing::Shared,
            (Some(_), ClientDirectives::Collapse) => Sharing::Gathered,
            (Some(why), ClientDirectives::Obey) => Sharing::Alone(Alone::Directive(why)),
        }
    }

    /// Whether it carries credentials that its key does not hold and the origin is sent.
    pub(crate) fn credentials(&self) -> Credentials {
        *self.worked_out.credentials.get_or_init(|| self.look_for_credentials())
    }

    fn look_for_credentials(&self) -> Credentials {
        let (keyed, rule) = (&self.route.key.headers, &self.route.to_origin);
        // The operator says that of the token only those claims count that the key holds: RFC 9111 section 3.5 is set
        // aside for it, here and nowhere else.
        let of = if self.claimed.is_some() { Credentials::besides_token } else { Credentials::of };
        if rule.set.is_empty() && rule.removed.is_empty() {
            return of(&self.headers, keyed);
        }
        let replaced = rule.set.iter().map(|(name, _)| name).chain(&rule.removed);
        of(&self.headers, &keyed.iter().chain(replaced).cloned().collect::<Vec<_>>())
    }

    /// What the origin says of caching as it counts for this request: without what the rule ignores, which it does for
    /// nobody's own credentials.
    pub(crate) fn seen(&self, policy: ResponsePolicy) -> ResponsePolicy {
        let rule = &self.route.lifetime;
        if rule.ignore.is_empty() || self.credentials() == Credentials::Carried {
            return policy;
        }
        rule.without_ignored(policy)
    }

    /// The lifetime of an entry under the rules in force.
    pub(crate) fn lifetime_of(&self, entry: &Entry) -> Lifetime {
        self.lifetime(&entry.policy(), entry)
    }

    /// The lifetime of an entry with this policy. Nothing is refreshed in the background that takes a client's token, so
    /// nothing of that kind is served while it would be.
    pub(crate) fn lifetime(&self, policy: &ResponsePolicy, entry: &Entry) -> Lifetime {
        let lifetime = self.route.lifetime.lifetime(policy, entry.stored_at().as_millis());
        let lifetime = match entry.settling() {
            Some(settling) => policy.shortened(lifetime, settling.until),
            None => lifetime,
        };
        match self.claimed {
            Some(_) => Lifetime { stale_while_revalidate: None, ..lifetime },
            None => lifetime,
        }
    }

    /// Whether a response of this policy and lifetime, varying by these fields, may be stored for others and given to
    /// this request, as far as cookies go. A lifetime that the rule gives, or a guess from Last-Modified, says nothing
    /// about cookies; the origin says with `public` or `s-maxage` that the answer is for everyone, and with
    /// `Vary: Cookie` whom it is for.
    pub(crate) fn cookie_standing(
        &self,
        policy: &ResponsePolicy,
        lifetime: &Lifetime,
        varies_by: &[(HeaderName, Box<[u8]>)],
    ) -> CookieStanding {
        let is_decided = !lifetime.source.is_assumed()
            || policy.directives.public
            || policy.directives.s_maxage.is_some()
            || !self.brings_undecided_cookies()
            || varies_by.iter().any(|(name, _)| *name == COOKIE);
        if is_decided { CookieStanding::Decided } else { CookieStanding::Undecided }
    }

    /// Whether the answer to this request is about the same response that others are given.
    pub(crate) fn may_speak_for(&self, entry: &Entry) -> bool {
        let (policy, lifetime) = (entry.policy(), self.lifetime_of(entry));
        self.credentials() == Credentials::Absent
            && self.cookie_standing(&policy, &lifetime, &entry.variant().0) == CookieStanding::Decided
    }

    /// Whether it carries cookies of which its rule does not say whether they change the answer.
    pub(crate) fn brings_undecided_cookies(&self) -> bool {
        self.route.leaves_cookies_undecided() && self.headers.contains_key(COOKIE)
    }

    /// Whether it may take an answer that another request fetched, one that [`Self::sharing`] lets it wait for.
    pub(crate) fn may_take(&self, answer: &ResponsePolicy, lifetime: &Lifetime, now: Timestamp) -> bool {
        // An answer that was asked for after it came is the validation that it wants.
        let others = self.directives.clone().without_validation();
        shareability(&self.seen(answer.clone()), lifetime, &others, now) == Shareability::Shared
    }

    /// What a stored entry was to others when it came: where it is to be asked for each time, nobody waits for anybody.
    pub(crate) fn shareability_on_arrival(&self, entry: &Entry) -> Shareability {
        let (policy, lifetime) = (entry.policy(), self.lifetime_of(entry));
        let received_at = policy.received_at;
        shareability_for_anyone(&self.seen(policy), &lifetime, received_at)
    }

    /// The tags that the route gives.
    ///
    /// # Errors
    /// Where it makes no tag of the path. What a fetch brings is not stored then, nor shared.
    pub(crate) fn route_tags(&self) -> Result<&[Tag], TagError> {
        let tags = self.worked_out.tags.get_or_init(|| self.rules.tags(&self.route, &self.target).map(Into::into));
        tags.as_deref().map_err(|error| *error)
    }

    /// The route's tags as far as they are tags: what is stored for the request is judged by them, whatever it was stored
    /// with.
    pub(crate) fn known_tags(&self) -> Cow<'_, [Tag]> {
        match self.route_tags() {
            Ok(tags) => Cow::Borrowed(tags),
            Err(_) => Cow::Owned(self.route.tags_known_for(self.target.path())),
        }
    }

    /// What the answer will be filed under, as far as `tags` are known.
    pub(crate) fn membership<'a>(&'a self, tags: &'a [Tag]) -> Membership<'a> {
        Membership {
            url: self.target.url(),
            path_start: self.target.path_start(),
            route: &self.route.name,
            tags: Tags::Listed(tags),
        }
    }

    /// The key of a shared fetch. Whether the answer to undecided cookies may be shared is known only once it comes, so
    /// those who bring some keep to themselves: what one of them finds uncacheable is news for the others alone.
    pub(crate) fn flight_key(&self, variant: Option<&VariantKey>) -> PrimaryKey {
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::BodyIsNotWaitedFor) {
            return self.route.primary_key(&self.target, &self.headers);
        }
        let key = self.representation_key(variant);
        if self.route.lifetime.gives_lifetimes() && self.brings_undecided_cookies() { undecided(&key) } else { key }
    }

    /// The key of what concerns only those requests for the same key that bring undecided cookies.
    pub(crate) fn undecided_key(&self) -> PrimaryKey {
        undecided(&self.key)
    }

    /// Where it may be remembered that this request's answer is not to be shared.
    pub(crate) fn uncacheable_keys(&self) -> impl Iterator<Item = PrimaryKey> {
        let among_undecided = self.brings_undecided_cookies().then(|| undecided(&self.key));
        iter::once(self.key.clone()).chain(among_undecided)
    }

    /// The primary key, and the variant where it is known what picks one.
    pub(crate) fn representation_key(&self, variant: Option<&VariantKey>) -> PrimaryKey {
        let Some(variant) = variant.filter(|variant| !variant.0.is_empty()) else {
            return self.key.clone();
        };
        let mut builder = KeyBuilder::default();
        builder.part(KeyPart::Path, self.key.as_bytes());
        for (name, value) in &variant.0 {
            builder.part(KeyPart::Header, name.as_str().as_bytes()).part(KeyPart::Value, value);
        }
        builder.finish()
    }

    /// The headers of a fetch for this request, `Host` included.
    pub(crate) fn fetch_headers(&self) -> HeaderMap {
        let mut headers = self.route.fetch_headers(&self.headers);
        headers.insert(HOST, self.route.to_origin.host_value(&self.target));
        headers
    }

    /// What a fetch for this request says of caching.
    pub(crate) fn said_to_origin(&self) -> RequestDirectives {
        RequestDirectives::parse(&self.fetch_headers())
    }

    /// The stored entry that this request picks (RFC 9111 section 4.1): one of the same selecting fields or, where there
    /// is none, one in the language that it wants most.
    pub(crate) fn select<'a>(&self, stored: &'a Variants) -> Option<&'a Arc<Entry>> {
        let same = stored.select(|name| self.route.fetch_value(&self.headers, name));
        same.or_else(|| stored.entries().iter().find(|entry| self.wants_most(entry)))
    }

    /// Whether an entry is chosen by its language, and that is the one that this request wants above all.
    fn wants_most(&self, entry: &Entry) -> bool {
        let variant = &entry.variant().0;
        let mut others = variant.iter().filter(|(name, _)| *name != ACCEPT_LANGUAGE);
        variant.iter().any(|(name, _)| *name == ACCEPT_LANGUAGE)
            && others.all(|(name, value)| self.route.fetch_value(&self.headers, name) == *value)
            && is_best_language(&self.fetch_headers(), &entry.headers())
    }

    /// Whether a stored entry is the variant that this request picks.
    pub(crate) fn picks(&self, entry: &Entry) -> bool {
        self.picks_variant(entry.variant())
    }

    /// Whether this request picks a variant.
    pub(crate) fn picks_variant(&self, variant: &VariantKey) -> bool {
        variant.0.iter().all(|(name, value)| self.route.fetch_value(&self.headers, name) == *value)
    }

    /// The variant that this request picks by the fields that another varies by.
    pub(crate) fn own_variant(&self, other: &VariantKey) -> Option<VariantKey> {
        let names = other.0.iter().map(|(name, _)| name.clone()).collect();
        self.route.variant_key(&self.headers, &Vary::Fields(names))
    }
}

/// The key of what concerns only those requests for a key that bring undecided cookies.
fn undecided(key: &PrimaryKey) -> PrimaryKey {
    let mut builder = KeyBuilder::default();
    builder.part(KeyPart::Path, key.as_bytes()).part(KeyPart::Cookie, b"undecided");
    builder.finish()
}
