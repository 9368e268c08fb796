//! What is asked for most, as it can be written down and asked for again: a URL, and the few fields that choose its answer.

use super::Engine;
use crate::plan::request::CacheableRequest;
use crate::rules::key_recipe::CookieRule;
use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HotRequest {
    /// The URL as keyed.
    pub(crate) url: String,
    /// The fields that are part of the key or that its answer varies by. No others, so that nothing of one client is kept.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
}

impl HotRequest {
    /// The fields, as far as they are fields.
    pub(crate) fn header_map(&self) -> HeaderMap {
        let field = |(name, value): (&String, &String)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        };
        self.headers.iter().filter_map(field).collect()
    }
}

impl Engine {
    /// What is asked for most, hottest first, but for what is asked by a body.
    pub(crate) fn hot_requests(&self) -> Vec<HotRequest> {
        let hot = self.hot_keys.hottest_first(&self.rules(), self.now());
        hot.iter().filter(|request| request.body.is_none()).filter_map(|request| self.written_down(request)).collect()
    }

    /// `None` if a field that chooses the answer is no text.
    fn written_down(&self, request: &CacheableRequest) -> Option<HotRequest> {
        let variants = self.memory().peek(&request.key);
        let entry = variants.as_ref().and_then(|variants| request.select(variants));
        let varied = entry.into_iter().flat_map(|entry| entry.variant().0.iter().map(|(name, _)| name.clone()));
        let keyed = request.route.key.headers.iter().cloned();
        let cookies = matches!(request.route.key.cookies, CookieRule::Only(_)).then_some(COOKIE);
        let fields = request.fetch_headers();
        let mut headers = BTreeMap::new();
        for name in keyed.chain(varied).chain(cookies) {
            if let Some(value) = fields.get(&name) {
                headers.insert(name.as_str().to_owned(), value.to_str().ok()?.to_owned());
            }
        }
        Some(HotRequest { url: request.target.url().to_owned(), headers })
    }
}
