//! A request that is made again: under other rules, or in the background.

use super::by_operation::ByOperation;
use super::request::{CacheableRequest, WorkedOut};
use super::way::{Asked, ByBody, Form, Way};
use crate::clock::Timestamp;
use crate::rules::RuleSet;
use crate::rules::body_key::KeyedBody;
use crate::semantics::cache_control::RequestDirectives;
use crate::stamps::place::NotBefore;
use http::Method;
use http::header::{CACHE_CONTROL, PRAGMA};
use std::sync::Arc;

impl CacheableRequest {
    /// The same request under these rules; `None` if they don't answer it from the cache.
    pub(crate) fn under(self: Arc<Self>, rules: &Arc<RuleSet>, now: Timestamp) -> Option<Arc<Self>> {
        if self.rules.number() == rules.number() {
            return Some(self);
        }
        let method = self.body.as_ref().map_or(&self.method, |body| &body.method);
        let asked = Asked { method, target: &self.target, headers: &self.headers, form: Form::Plain };
        let (through, body) = match (Way::of(asked, rules, || now), &self.body) {
            (Way::Cached(through), None) => (through, None),
            (Way::ByBody(ByBody { through, rule }), Some(body)) => {
                let keyed = rule.keyed(&body.method, &self.headers, body.bytes.clone());
                (through, Some(keyed.ok()?))
            }
            (Way::ByOperation(_), body) => {
                let told = Ok(Arc::clone(self.operation.as_ref()?));
                let ByOperation::Cached(through, _) = ByOperation::of(asked, &told, rules, |_| None, || now) else {
                    return None;
                };
                (through, body.clone())
            }
            _ => return None,
        };
        let (headers, target) = (Arc::clone(&self.headers), self.target.clone());
        let plain = Self::plain(headers, target, through, Arc::clone(rules));
        let request = Self { hold: None, operation: self.operation.clone(), ..plain };
        Some(Arc::new(match body {
            Some(body) => request.by(body),
            None => request,
        }))
    }

    /// As [`Self::in_background`], for long: with a body of its own, which is no longer under way.
    pub(crate) fn to_keep(&self) -> Self {
        let request = self.in_background();
        Self { body: request.body.as_ref().map(KeyedBody::copied), ..request }
    }

    /// The same request without what ties it to its client's connection, and without its client's directives, for a fetch
    /// in the background.
    pub(crate) fn in_background(&self) -> Self {
        let mut headers = Arc::clone(&self.headers);
        for name in [CACHE_CONTROL, PRAGMA] {
            if headers.contains_key(&name) && !self.route.key.headers.contains(&name) {
                Arc::make_mut(&mut headers).remove(name);
            }
        }
        Self {
            method: Method::GET,
            target: self.target.clone(),
            route: Arc::clone(&self.route),
            rules: Arc::clone(&self.rules),
            key: self.key.clone(),
            headers,
            directives: RequestDirectives::default(),
            hold: None,
            not_before: NotBefore::default(),
            body: self.body.clone(),
            operation: self.operation.clone(),
            claimed: self.claimed.clone(),
            worked_out: WorkedOut::default(),
        }
    }
}
