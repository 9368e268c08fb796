//! What is stored under a key, as `explain` shows it: age and lifetime, and the purge that covers it.

use super::Engine;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::invalidation::Standing;
use crate::invalidation::barriers::Covering;
use crate::plan::request::CacheableRequest;
use crate::scope::Scope;
use crate::semantics::credentials::carries_credentials;
use http::header::{AGE, CACHE_CONTROL, COOKIE, DATE, ETAG, EXPIRES, LAST_MODIFIED, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// For how many seconds it had been known not to change when it arrived, where the route learns from that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unchanged_for_secs: Option<u64>,
    /// The moment that the route names past which it is not served without asking the origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// Until when it is kept at most, since it was fetched within the route's `settle` after a purge of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settles_at: Option<String>,
    /// The length of the body as kept, in bytes.
    pub body_bytes: usize,
    /// What it weighs in memory, or would, in bytes.
    pub weight_bytes: usize,
    /// Its place in the invalidation log.
    pub stamp: String,
    /// What purges make of it: `clear`, `soft-purged`, `unproven` or `purged`.
    pub standing: &'static str,
    /// The purge that covers it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purge: Option<PurgeExplained>,
}

/// The purge that covers a stored response. Where several do, the deepest; of those the last.
#[derive(Debug, Clone, Serialize)]
pub struct PurgeExplained {
    /// Its place in the log.
    pub stamp: String,
    /// `hard` or `soft`.
    pub depth: &'static str,
    /// Which of its scopes covers the response; `None` if only the height of the purge is remembered.
    pub scope: Option<Scope>,
    /// The id of its receipt; `None` if no receipt of this stamp is remembered.
    pub id: Option<String>,
    /// When it was asked for, from the receipt.
    pub requested_at: Option<String>,
    /// Who asked, from the receipt.
    pub source: Option<&'static str>,
}

impl Engine {
    pub(super) fn explain_variants(
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
        let lifetime = request.lifetime_of(entry);
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
            unchanged_for_secs: (request.route.lifetime.adaptive_max.is_some())
                .then(|| entry.policy().unchanged_for.as_secs()),
            not_after: lifetime.ends_at.map(Timestamp::to_rfc3339),
            settles_at: entry.settling().map(|settling| settling.until.to_rfc3339()),
            body_bytes: entry.body().at_rest().len(),
            weight_bytes: entry.weight_bytes(),
            stamp: entry.stamp().to_string(),
            standing: match self.standing(request, entry) {
                Standing::Clear => "clear",
                Standing::SoftPurged => "soft-purged",
                Standing::Unproven => "unproven",
                Standing::Purged => "purged",
            },
            purge: self.covering(request, entry).map(|covering| self.explain_purge(&covering)),
        }
    }

    fn explain_purge(&self, covering: &Covering) -> PurgeExplained {
        let receipt = self.invalidation().receipt_at(covering.stamp);
        PurgeExplained {
            stamp: covering.stamp.to_string(),
            depth: covering.depth.label(),
            scope: covering.scope.clone(),
            id: receipt.as_ref().map(|receipt| receipt.id.clone()),
            requested_at: receipt.as_ref().map(|receipt| receipt.requested_at.to_rfc3339()),
            source: receipt.as_ref().map(|receipt| receipt.source.label()),
        }
    }
}

/// Field lines by name, where `wanted`; credentials are named but not shown.
pub(super) fn shown(headers: &HeaderMap, wanted: impl Fn(&HeaderName) -> bool) -> BTreeMap<String, Vec<String>> {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| wanted(name)) {
        let secret = [COOKIE, SET_COOKIE].contains(name) || carries_credentials(name);
        let text = if secret { "(not shown)".into() } else { String::from_utf8_lossy(value.as_bytes()) };
        fields.entry(name.to_string()).or_default().push(text.into_owned());
    }
    fields
}
