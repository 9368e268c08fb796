//! Where else what is explained may be stored: under the other scheme, or under other hosts.

use super::arrival::Schemes;
use super::{Engine, arrival, explain_sent};
use crate::plan::request::CacheableRequest;
use crate::plan::way::Way;
use crate::semantics::target::Target;
use crate::store::memory::MemoryTier;
use http::uri::Scheme;
use http::{HeaderMap, Method, Uri};
use std::sync::Arc;

/// How many keys are looked through for the hosts of a path.
const KEYS_MAX: usize = 100_000;

/// How many hosts are named.
const HOSTS_MAX: usize = 10;

impl Engine {
    /// What there is to be said of the scheme, if anything: that no request comes with it, or what is stored under the
    /// other one.
    pub(super) fn scheme_notes(&self, method: &Method, url: &Uri, headers: &HeaderMap) -> Option<String> {
        let asked = url.scheme().unwrap_or(&Scheme::HTTP);
        match &self.front.reception.load().schemes {
            Schemes::Only(live) if live != asked => Some(format!(
                "No request comes here with `{asked}`: without `listen.trusted_proxies`, all have the scheme that \
                 `listen.scheme` says, which is `{live}`. This is explained for `{live}`."
            )),
            Schemes::Only(_) => None,
            Schemes::Told => {
                let other = if *asked == Scheme::HTTPS { Scheme::HTTP } else { Scheme::HTTPS };
                let target = Target::settle(&arrival::under(url, &other), headers, &other).ok()?;
                let stored = self.stored_for(method, &target, headers)?;
                Some(format!("{} has a key of its own; stored under it here: {stored}.", target.url()))
            }
        }
    }

    /// How many responses are stored for a request, if any.
    fn stored_for(&self, method: &Method, target: &Target, headers: &HeaderMap) -> Option<usize> {
        let rules = self.rules();
        let (headers, way) = explain_sent::arriving(&self.front, method, headers, target, &rules, self.now())?;
        let Way::Cached(through) = way else { return None };
        let request = CacheableRequest::new(method.clone(), headers, target.clone(), through, rules);
        self.memory().peek(&request.key).map(|variants| variants.entries().len())
    }

    /// Under which hosts the path of a target is stored, where it is not under its own.
    pub(super) async fn hosts_note(&self, target: &Target) -> Option<String> {
        let authority = target.authority();
        let (memory, own, path) = (Arc::clone(self.memory()), authority.to_owned(), target.path().to_owned());
        // Off the threads that answer requests: there may be many keys.
        let found = tokio::task::spawn_blocking(move || hosts_with(&memory, &own, &path)).await.ok()?;
        let Hosts { mut named, scanned } = found;
        if named.is_empty() || named.iter().any(|named| named == authority) {
            return None;
        }
        let more = if named.len() > HOSTS_MAX { " and others" } else { "" };
        named.truncate(HOSTS_MAX);
        let named = named.join(", ");
        let within = if scanned == KEYS_MAX { format!(" (of the first {KEYS_MAX} keys)") } else { String::new() };
        Some(format!("Nothing of this path is stored under `{authority}`, but under: {named}{more}{within}."))
    }
}

/// Hosts under which a path is stored.
struct Hosts {
    /// The one that is asked for first, if it is among them; at most one more than are named.
    named: Vec<String>,
    scanned: usize,
}

fn hosts_with(memory: &MemoryTier, own: &str, path: &str) -> Hosts {
    let mut hosts = Hosts { named: Vec::new(), scanned: 0 };
    for variants in memory.scan(KEYS_MAX) {
        hosts.scanned += 1;
        for entry in variants.entries() {
            let membership = entry.membership();
            let (Some(before), Some(rest)) =
                (membership.url.get(..membership.path_start), membership.url.get(membership.path_start..))
            else {
                continue;
            };
            if rest.split('?').next() == Some(path)
                && let Some((_, authority)) = before.split_once("://")
            {
                if authority == own {
                    hosts.named.insert(0, authority.to_owned());
                    return hosts;
                }
                if hosts.named.len() <= HOSTS_MAX && !hosts.named.iter().any(|known| known == authority) {
                    hosts.named.push(authority.to_owned());
                }
            }
        }
    }
    hosts
}
