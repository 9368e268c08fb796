//! What would happen to a request, and why, without doing it: the same steps over the same verdicts, by peeking.

use super::by_operation::cacheable;
use super::explain_stored::{StoredExplained, shown};
use super::shared_tier::FoundShared;
use super::storing::Refusal;
use super::{Engine, arrival, explain_hints, explain_sent, stamped};
use crate::clock::Timestamp;
use crate::entry::variants::Variants;
use crate::plan::Plan;
use crate::plan::by_operation::ByOperation;
use crate::plan::outcome::Outcome;
use crate::plan::request::{CacheableRequest, Sharing};
use crate::plan::serving::Serving;
use crate::plan::wanted::Wanted;
use crate::plan::way::{Asked, Form, NotCached, Pass, Way};
use crate::rules::Route;
use crate::rules::body_key::BodyKeyRule;
use crate::rules::origin_request::PoolName;
use crate::rules::tokens::Claimed;
use crate::semantics::reason::Reason;
use crate::semantics::target::{Target, TargetError};
use crate::store::tier::Lookup;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, PRAGMA};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Method, Uri, Version};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

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

/// Why an answer was not stored.
#[derive(Debug, Clone, Serialize)]
pub struct RefusalExplained {
    /// Why.
    #[serde(flatten)]
    pub because: Because,
    /// When that was found, in UTC.
    pub at: String,
}

impl From<Refusal> for RefusalExplained {
    fn from(refusal: Refusal) -> Self {
        Self { because: refusal.why.into(), at: refusal.at.to_rfc3339() }
    }
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

impl Would {
    fn of(outcome: Outcome, why: Reason) -> Self {
        Self { outcome: outcome.label(), because: why.into(), alone: None, known_uncacheable: None }
    }
}

/// What a route sends to clients in place of what the origin said.
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
    /// Path and query as the origin is asked for them; `None` if it would not be asked.
    pub origin_target: Option<String>,
    /// The pool of servers that would be asked; `None` if the origin would not be asked.
    pub upstream: Option<String>,
    /// What the route sends to clients in place of what the origin said, if anything.
    pub answer_changes: Option<AnswerChanges>,
    /// The key's fingerprint.
    pub key: Option<String>,
    /// The claims of the request's token that are part of the key, and its issuer; `None` if none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<BTreeMap<String, Value>>,
    /// The fields that the origin would be sent, Larder's own among them; values of credentials are left out, and those
    /// that only a connection knows are placeholders.
    pub fetch_headers: BTreeMap<String, Vec<String>>,
    /// The request's cache directives.
    pub request_directives: BTreeMap<String, Vec<String>>,
    /// What the route does about a client's no-cache, max-age=0 and Pragma: `obey`, `collapse` or `ignore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_directives: Option<&'static str>,
    /// What is stored under the key in this instance's memory.
    pub stored: Vec<StoredExplained>,
    /// What the shared tier holds; `None` if there is no such tier, or nothing is looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedExplained>,
    /// Why the last answer to a fetch was not stored, if that was lately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<RefusalExplained>,
    /// What would happen.
    pub would: Would,
    /// Why an answer that is asked for may not be kept, and what to write in the rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// What else there is to know: of the scheme, of placeholders, of where else the path is stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The name of the pool that a route's origin is.
fn pool_of(route: Option<&Route>) -> String {
    let named = route.and_then(|route| route.to_origin.pool.as_ref());
    named.map_or(PoolName::DEFAULT, PoolName::as_str).to_owned()
}

/// By name, the values as JSON.
fn claims_shown(claimed: &Claimed) -> BTreeMap<String, Value> {
    let shown = |value: &[u8]| serde_json::from_slice(value).unwrap_or_default();
    claimed.iter().map(|(name, value)| (name.to_owned(), shown(value))).collect()
}

impl Explanation {
    /// Of a request with these fields that comes to this.
    fn of(method: &Method, target: &Target, headers: &HeaderMap, would: Would) -> Self {
        Self {
            method: method.to_string(),
            url: target.url().to_owned(),
            route: None,
            pattern: None,
            keyed_url: None,
            origin_target: None,
            upstream: None,
            answer_changes: None,
            key: None,
            claims: None,
            fetch_headers: BTreeMap::new(),
            request_directives: shown(headers, |name| [CACHE_CONTROL, PRAGMA].contains(name)),
            client_directives: None,
            stored: Vec::new(),
            shared: None,
            last_refusal: None,
            would,
            hints: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// With the route that decides, if any.
    fn by(self, route: Option<&Route>) -> Self {
        Self {
            route: route.map(|route| route.name.to_string()),
            pattern: route.map(|route| route.path.source().to_owned()),
            answer_changes: AnswerChanges::of(route),
            ..self
        }
    }

    /// With these fields sent to the origin, and what there is to be said of them.
    fn sending(self, method: &Method, fields: HeaderMap) -> Self {
        let sent = explain_sent::on_the_wire(fields);
        let notes = explain_sent::notes(method, &sent);
        Self { fetch_headers: shown(&sent, |_| true), notes, ..self }
    }
}

impl Engine {
    /// Explains a request for an absolute URL with these headers. Changes nothing: what the shared tier holds is neither
    /// counted nor kept in memory.
    ///
    /// # Errors
    /// Where the URL is not one that a request can name.
    pub async fn explain(
        &self,
        method: &Method,
        url: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Explanation, TargetError> {
        let reception = self.front.reception.load_full();
        let scheme = reception.schemes.of_live(url.scheme().unwrap_or(&Scheme::HTTP)).clone();
        let target = Target::settle(&arrival::under(url, &scheme), headers, &scheme)?;
        let mut explanation = self.explain_target(method, &target, headers, body).await;
        explanation.notes.extend(self.scheme_notes(method, url, headers));
        explanation.notes.extend(self.switch_note(explanation.route.as_deref()));
        let is_looked_up = explanation.key.is_some() || explanation.route.is_none();
        let finds_nothing = is_looked_up && explanation.stored.is_empty();
        if finds_nothing && matches!(*method, Method::GET | Method::HEAD) {
            explanation.notes.extend(self.hosts_note(&target).await);
        }
        Ok(explanation)
    }

    async fn explain_target(&self, method: &Method, target: &Target, headers: &HeaderMap, body: Bytes) -> Explanation {
        let rules = self.rules();
        let mut headers = headers.clone();
        let not_before = stamped::explained(self, &mut headers);
        let Some((headers, way)) = explain_sent::arriving(&self.front, method, &headers, target, &rules, self.now())
        else {
            return Explanation::of(method, target, &headers, Would::of(Outcome::Error, Reason::Loop));
        };
        let not_cached = match way {
            Way::Cached(through) => {
                let request = CacheableRequest::new(method.clone(), headers, target.clone(), through, rules);
                return self.explain_cacheable(&request.not_before(not_before), target).await;
            }
            Way::ByBody(way) => match way.rule.keyed(method, &headers, body) {
                Ok(body) => {
                    let request = CacheableRequest::with_body(body, headers, target.clone(), way.through, rules);
                    return self.explain_cacheable(&request.not_before(not_before), target).await;
                }
                Err(why) => way.past(method, &headers, why),
            },
            Way::ByOperation(_) => {
                let is_by_body = BodyKeyRule::is_about(method);
                let told = if is_by_body {
                    self.operation_of_body(&rules, &headers, &body)
                } else {
                    self.operation_of_url(target)
                };
                let whole = is_by_body.then_some(body);
                let form = Form::Any(Version::HTTP_11, explain_sent::payload(&headers));
                let asked = Asked { method, target, headers: &headers, form };
                match self.way_by_operation(asked, &told, whole.as_ref(), &rules) {
                    ByOperation::Cached(through, operation) => {
                        let parts = (target.clone(), through, rules);
                        let request = cacheable((method.clone(), headers), whole, operation, parts);
                        return self.explain_cacheable(&request.not_before(not_before), target).await;
                    }
                    ByOperation::NotCached(not_cached) => not_cached,
                }
            }
            Way::Pass(pass) => NotCached::Forward(pass),
            Way::Refuse(pass) => NotCached::Refuse(pass),
        };
        let explanation = |would| Explanation::of(method, target, &headers, would);
        match not_cached {
            NotCached::Forward(Pass { route, why, outcome, .. }) => {
                let (origin_target, sent) = explain_sent::passed(rules.to_origin(route.as_deref()), target, &headers);
                let explanation = explanation(Would::of(outcome, why)).by(route.as_deref());
                let upstream = origin_target.as_ref().map(|_| pool_of(route.as_deref()));
                Explanation { origin_target, upstream, ..explanation.sending(method, sent) }
            }
            NotCached::Refuse(pass) => {
                explanation(Would::of(Outcome::Error, Reason::OnlyIfCached)).by(pass.route.as_deref())
            }
        }
    }

    async fn explain_cacheable(&self, request: &CacheableRequest, target: &Target) -> Explanation {
        let peeked = match &self.shared {
            Some(shared) => Some(shared.tier.peek(&request.key).await),
            None => None,
        };
        let now = self.now();
        let variants = self.memory().peek(&request.key);
        let plan = self.plan_with(request, variants.as_ref(), now);
        let why_asked = if let Plan::Ask(ask) = &plan { Some(ask.why) } else { None };
        let asked = why_asked.is_some() && self.shared_for(request).is_some();
        let shared = match &peeked {
            Some(Lookup::Found(variants)) if asked => Some(variants),
            _ => None,
        };
        let (outcome, why, wanted) = self.expected(request, plan, shared, now);
        let asks = matches!(outcome, Outcome::Miss | Outcome::Revalidated);
        let alone = match request.sharing() {
            Sharing::Alone(why) if asks => Some(Reason::from(why).into()),
            _ => None,
        };
        let known_uncacheable = self.recall_uncacheable(request).filter(|_| asks).map(|why| Reason::from(why).into());
        let would = Would { alone, known_uncacheable, ..Would::of(outcome, why) };
        let explanation =
            Explanation::of(&request.asked_method(), target, &request.headers, would).by(Some(&request.route));
        Explanation {
            keyed_url: Some(request.target.url().to_owned()),
            origin_target: Some(request.route.to_origin.path_and_query(request.target.path_and_query()).into_owned()),
            upstream: Some(pool_of(Some(&request.route))),
            key: Some(request.key.to_string()),
            claims: request.claimed.as_ref().map(claims_shown),
            client_directives: Some(request.route.client_directives.label()),
            stored: self.explain_variants(request, variants.as_ref(), now),
            shared: peeked.map(|peeked| self.explain_shared(request, &peeked, asked, now)),
            last_refusal: self.last_refusal(&request.key).map(RefusalExplained::from),
            hints: why_asked.filter(|_| asks).map_or_else(Vec::new, |why| explain_hints::hints(request, why)),
            ..explanation.sending(&request.asked_method(), wanted.fields(request))
        }
    }

    /// What comes of what memory and, where the request would look there, the shared tier have, and what is asked of the
    /// origin if it is.
    fn expected(
        &self,
        request: &CacheableRequest,
        plan: Plan,
        shared: Option<&Variants>,
        now: Timestamp,
    ) -> (Outcome, Reason, Wanted) {
        let served = |how: Serving| (how.outcome(), how.into(), Wanted::Whole);
        let ask = match plan {
            Plan::Serve(usable) => return served(usable.how),
            Plan::Refuse(_) => return (Outcome::Error, Reason::OnlyIfCached, Wanted::Whole),
            Plan::Ask(ask) => ask,
        };
        let wanted = Wanted::of(request, &ask);
        let wanted = match shared.map(|variants| self.judge_shared(request, variants, &wanted, now)) {
            Some(FoundShared::Usable(usable)) => return served(usable.how),
            Some(FoundShared::Stored(entry, on_failure)) => Wanted::Validation(entry, on_failure),
            Some(FoundShared::Nothing) | None => wanted,
        };
        match wanted {
            Wanted::Validation(..) => (Outcome::Revalidated, ask.why.into(), wanted),
            // What is known of the answer before it comes: it is not stored, and why.
            Wanted::Head(_) => (Outcome::Miss, Reason::MethodNotStorable, wanted),
            _ if request.directives.no_store => (Outcome::Miss, Reason::RequestNoStore, wanted),
            _ => (Outcome::Miss, ask.why.into(), wanted),
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
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
