//! What would happen to a request, and why, without doing it: the same steps over the same verdicts, by peeking.

use super::find::{Found, lifetime_of};
use super::request::{CacheableRequest, Sharing};
use super::shared::FoundShared;
use super::{
    Engine, RequestContext, arrival, explain_hints, ignore_other_upgrades, outcome::Outcome, passes_by, serve,
};
use crate::clock::Timestamp;
use crate::engine::origin::empty_body;
use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::invalidation::Standing;
use crate::rules::{Route, Verdict};
use crate::semantics::credentials::carries_credentials;
use crate::semantics::forwarding;
use crate::semantics::reason::Reason;
use crate::semantics::target::{Target, TargetError};
use crate::store::tier::Lookup;
use http::header::{AGE, CACHE_CONTROL, COOKIE, DATE, ETAG, EXPIRES, HOST, LAST_MODIFIED, PRAGMA, SET_COOKIE, VARY};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Method, Uri, Version};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A reason with its sentence.
#[derive(Debug, Clone, Serialize)]
pub struct Because {
    /// The stable label, as in Cache-Status, log and metrics.
    pub reason: &'static str,
    /// One sentence.
    pub explanation: &'static str,
}

impl From<Reason> for Because {
    fn from(reason: Reason) -> Self {
        Self { reason: reason.label(), explanation: reason.explanation() }
    }
}

/// One stored response under the request's key.
#[derive(Debug, Clone, Serialize)]
pub struct StoredExplained {
    /// Whether the request picks this variant.
    pub picked: bool,
    /// The status.
    pub status: u16,
    /// The normalised request fields that pick it.
    pub variant: BTreeMap<String, String>,
    /// The route that stored it.
    pub route: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The response's fields that were weighed.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Its age in seconds.
    pub age_secs: u64,
    /// For how many seconds it is fresh.
    pub fresh_for_secs: u64,
    /// Where that comes from.
    pub lifetime_source: &'static str,
    /// The length of the body as kept, in bytes.
    pub body_bytes: usize,
    /// What it weighs in memory, or would, in bytes.
    pub weight_bytes: usize,
    /// Its place in the invalidation log.
    pub stamp: String,
    /// What purges make of it: `clear`, `soft-purged`, `unproven` or `purged`.
    pub standing: &'static str,
}

/// What the tier that all instances share holds under the request's key.
#[derive(Debug, Clone, Serialize)]
pub struct SharedExplained {
    /// `present`, `absent`, or `unavailable` where it did not answer within `redis.timeout`, or is known to be away.
    pub state: &'static str,
    /// Whether the request would look there: not where it is answered without, or needs the origin's own word.
    pub asked: bool,
    /// What is there; standing and lifetime as this instance judges them.
    pub stored: Vec<StoredExplained>,
}

/// What would happen.
#[derive(Debug, Clone, Serialize)]
pub struct Would {
    /// The outcome, were the origin to answer: `hit`, `stale`, `revalidated`, `miss`, `bypass`, `pass`.
    pub outcome: &'static str,
    /// Why.
    #[serde(flatten)]
    pub because: Because,
    /// Why the fetch would not be shared with others, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alone: Option<Because>,
    /// Why the key is known to be uncacheable, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_uncacheable: Option<Because>,
}

/// What a route has clients told.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerChanges {
    /// In place of Cache-Control and Expires of what is stored.
    pub cache_control: Option<String>,
    /// Fields with these values.
    pub set: BTreeMap<String, Vec<String>>,
    /// Fields that are left out.
    pub removed: Vec<String>,
}

impl AnswerChanges {
    fn of(route: Option<&Route>) -> Option<Self> {
        let rule = route?.answer.as_ref()?;
        let told = rule.cache_control.as_ref();
        Some(Self {
            cache_control: told.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            set: shown(&rule.set.iter().cloned().collect(), |_| true),
            removed: rule.removed.iter().map(HeaderName::to_string).collect(),
        })
    }
}

/// The answer of `GET /explain`.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The method.
    pub method: String,
    /// The settled URL.
    pub url: String,
    /// The route that decides, if any.
    pub route: Option<String>,
    /// The pattern of that route.
    pub pattern: Option<String>,
    /// The client's URL as keyed.
    pub keyed_url: Option<String>,
    /// Path and query as the origin is asked for them; none where it would not be asked.
    pub origin_target: Option<String>,
    /// What the route has clients told instead of what the origin said, if anything.
    pub answer_changes: Option<AnswerChanges>,
    /// The key's fingerprint.
    pub key: Option<String>,
    /// The headers that the origin would be sent; values of credentials are left out.
    pub fetch_headers: BTreeMap<String, Vec<String>>,
    /// The request's cache directives.
    pub request_directives: BTreeMap<String, Vec<String>>,
    /// What the route does about a client's no-cache, max-age=0 and Pragma: `obey`, `collapse` or `ignore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_directives: Option<&'static str>,
    /// What is stored under the key in this instance's memory.
    pub stored: Vec<StoredExplained>,
    /// What the shared tier holds; none where there is no such tier, or nothing is looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedExplained>,
    /// What would happen.
    pub would: Would,
    /// Why an answer that is asked for may not be kept, and what to write in the rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl Engine {
    /// Explains a request for an absolute URL with these headers. Changes nothing: what the shared tier holds is neither
    /// counted nor kept in memory.
    ///
    /// # Errors
    /// Where the URL is not one that a request can name.
    pub async fn explain(&self, method: &Method, url: &Uri, headers: &HeaderMap) -> Result<Explanation, TargetError> {
        let scheme = self.front.schemes.of_live(url.scheme().unwrap_or(&Scheme::HTTP)).clone();
        let target = Target::settle(url, headers, &scheme)?;
        let rules = self.rules();
        let mut request = http::Request::new(empty_body());
        *request.method_mut() = method.clone();
        *request.headers_mut() = headers.clone();
        // The explained request is one of the client that the call names, if it names one.
        let context = RequestContext::direct(scheme, forwarding::named_client(headers));
        arrival::mark(request.headers_mut(), Version::HTTP_11, &target, &context, &self.front.here);
        let verdict = rules.decide(method, &target);
        ignore_other_upgrades(&mut request, &verdict);
        let headers = &request.headers().clone();
        let (route, why, outcome) = match verdict {
            Verdict::Cache(route) => match passes_by(&request, &target, &route) {
                None => {
                    let (head, _) = request.into_parts();
                    let request = CacheableRequest::new(head, target.clone(), route, rules);
                    return Ok(self.explain_cacheable(&request, &target).await);
                }
                Some(why) => (Some(route), why, Outcome::Bypass),
            },
            Verdict::Pass { route, why } => (route, why, Outcome::Pass),
        };
        let (origin_target, sent) = passed(route.as_deref(), &target, headers);
        Ok(Explanation {
            method: method.to_string(),
            url: target.url().to_owned(),
            route: route.as_ref().map(|route| route.name.to_string()),
            pattern: route.as_ref().map(|route| route.path.source().to_owned()),
            keyed_url: None,
            origin_target,
            answer_changes: AnswerChanges::of(route.as_deref()),
            key: None,
            fetch_headers: shown(&sent, |_| true),
            request_directives: shown(headers, |name| [CACHE_CONTROL, PRAGMA].contains(name)),
            client_directives: None,
            stored: Vec::new(),
            shared: None,
            would: Would { outcome: outcome.label(), because: why.into(), alone: None, known_uncacheable: None },
            hints: Vec::new(),
        })
    }

    async fn explain_cacheable(&self, request: &CacheableRequest, target: &Target) -> Explanation {
        let peeked = match &self.shared {
            Some(shared) => Some(shared.tier.peek(&request.key).await),
            None => None,
        };
        let now = self.now();
        let variants = self.memory().peek(&request.key);
        let found = self.find_among(request, variants.as_ref(), now);
        let asks_elsewhere = matches!(found, Found::Ask(_)) && !request.directives.only_if_cached;
        let asked = asks_elsewhere && self.shared_for(request).is_some();
        let shared = match &peeked {
            Some(Lookup::Found(variants)) if asked => Some(variants),
            _ => None,
        };
        let (outcome, why) = self.expected(request, found, shared, now);
        let asks = matches!(outcome, Outcome::Miss | Outcome::Revalidated);
        let alone = match request.sharing() {
            Sharing::Alone(why) if asks => Some(why.into()),
            _ => None,
        };
        let known_uncacheable = self.recall_uncacheable(request).filter(|_| asks).map(Because::from);
        Explanation {
            method: request.method.to_string(),
            url: target.url().to_owned(),
            route: Some(request.route.name.to_string()),
            pattern: Some(request.route.path.source().to_owned()),
            keyed_url: Some(request.target.url().to_owned()),
            origin_target: Some(request.route.to_origin.path_and_query(request.target.path_and_query()).into_owned()),
            answer_changes: AnswerChanges::of(Some(&request.route)),
            key: Some(request.key.to_string()),
            fetch_headers: shown(&request.fetch_headers(), |_| true),
            request_directives: shown(&request.headers, |name| [CACHE_CONTROL, PRAGMA].contains(name)),
            client_directives: Some(request.route.client_directives.label()),
            stored: self.explain_variants(request, variants.as_ref(), now),
            shared: peeked.map(|peeked| self.explain_shared(request, &peeked, asked, now)),
            would: Would { outcome: outcome.label(), because: why.into(), alone, known_uncacheable },
            hints: if asks { explain_hints::hints(request, why) } else { Vec::new() },
        }
    }

    /// What comes of what memory and, where the request would look there, the shared tier have.
    fn expected(
        &self,
        request: &CacheableRequest,
        found: Found,
        shared: Option<&Variants>,
        now: Timestamp,
    ) -> (Outcome, Reason) {
        let ask = match found {
            Found::Usable(usable) if matches!(usable.why, Reason::Fresh | Reason::RefreshAhead) => {
                return (Outcome::Hit, usable.why);
            }
            Found::Usable(usable) => return (Outcome::Stale, usable.why),
            Found::Ask(ask) if request.directives.only_if_cached => return (Outcome::Error, ask.why),
            Found::Ask(ask) => ask,
        };
        let wanted = serve::wanted(request, &ask);
        match shared.map(|variants| self.judge_shared(request, variants, &wanted, now)) {
            Some(FoundShared::Usable(usable)) => (Outcome::Hit, usable.why),
            Some(FoundShared::Stored(..)) => (Outcome::Revalidated, ask.why),
            Some(FoundShared::Nothing) | None if ask.stored.is_some() => (Outcome::Revalidated, ask.why),
            Some(FoundShared::Nothing) | None => (Outcome::Miss, ask.why),
        }
    }

    fn explain_shared(
        &self,
        request: &CacheableRequest,
        peeked: &Lookup,
        asked: bool,
        now: Timestamp,
    ) -> SharedExplained {
        let (state, variants) = match peeked {
            Lookup::Found(variants) => ("present", Some(variants)),
            Lookup::Absent => ("absent", None),
            Lookup::Unavailable => ("unavailable", None),
        };
        SharedExplained { state, asked, stored: self.explain_variants(request, variants, now) }
    }

    fn explain_variants(
        &self,
        request: &CacheableRequest,
        variants: Option<&Variants>,
        now: Timestamp,
    ) -> Vec<StoredExplained> {
        let Some(variants) = variants else { return Vec::new() };
        let picked = request.select(variants);
        variants.entries().iter().map(|entry| self.explain_entry(request, entry, picked, now)).collect()
    }

    fn explain_entry(
        &self,
        request: &CacheableRequest,
        entry: &Arc<Entry>,
        picked: Option<&Arc<Entry>>,
        now: Timestamp,
    ) -> StoredExplained {
        let lifetime = lifetime_of(request, entry);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let weighed = [CACHE_CONTROL, EXPIRES, DATE, AGE, VARY, ETAG, LAST_MODIFIED];
        StoredExplained {
            picked: picked.is_some_and(|picked| Arc::ptr_eq(picked, entry)),
            status: entry.status().as_u16(),
            variant: entry.variant().0.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            route: entry.membership().route.to_string(),
            tags: entry.membership().tags.iter().map(str::to_owned).collect(),
            fields: shown(&entry.headers(), |name| {
                let is_asked_for = request.route.lifetime.fields.iter().any(|field| field.name() == *name);
                weighed.contains(name) || name == "cdn-cache-control" || is_asked_for
            }),
            age_secs: entry.current_age(now).as_secs(),
            fresh_for_secs: lifetime.fresh_for.as_secs(),
            lifetime_source: lifetime.source.label(),
            body_bytes: entry.body().at_rest().len(),
            weight_bytes: entry.weight_bytes(),
            stamp: entry.stamp().to_string(),
            standing: match self.standing(request, entry) {
                Standing::Clear => "clear",
                Standing::SoftPurged => "soft-purged",
                Standing::Unproven => "unproven",
                Standing::Purged => "purged",
            },
        }
    }
}

/// What the origin would be asked for by a request that passes through, and with which fields.
fn passed(route: Option<&Route>, target: &Target, headers: &HeaderMap) -> (Option<String>, HeaderMap) {
    let mut sent = headers.clone();
    let Some(rule) = route.map(|route| &route.to_origin) else {
        return (Some(target.path_and_query().to_owned()), sent);
    };
    rule.change(&mut sent);
    sent.insert(HOST, rule.host_value(target));
    let mapped = rule.path_and_query_passed(target.path_and_query(), target);
    (mapped.ok().map(std::borrow::Cow::into_owned), sent)
}

/// Field lines by name, where `wanted`; credentials are named but not shown.
fn shown(headers: &HeaderMap, wanted: impl Fn(&HeaderName) -> bool) -> BTreeMap<String, Vec<String>> {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| wanted(name)) {
        let secret = [COOKIE, SET_COOKIE].contains(name) || carries_credentials(name);
        let text = if secret { "(not shown)".into() } else { String::from_utf8_lossy(value.as_bytes()) };
        fields.entry(name.to_string()).or_default().push(text.into_owned());
    }
    fields
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
