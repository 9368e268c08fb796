//! URLs and prefixes that a purge names, written as stored responses are filed.
//!
//! A purged URL goes the way of a request: settled, then its query after the recipe of the route that a GET of it
//! matches, and of those that key bodies. One that begins with `/` names no authority, and routes may differ by host: it is taken through each
//! route that a GET of that path can match under one of the hosts that the rules name, or under a host that they don't
//! name. A pattern of hosts stands for one host that fits it.
//!
//! Prefixes are settled and no more: what they are compared with is the URL *as keyed*.

use crate::rules::host_pattern::HostPattern;
use crate::rules::{Route, RouteVerdict, RuleSet};
use crate::scope::Scope;
use crate::semantics::target::{Target, TargetError};
use http::{Method, Uri};
use std::collections::BTreeSet;
use std::sync::Arc;

/// An authority that no rule names: `.invalid` is nobody's, RFC 6761 section 6.4.
const NO_HOST: &str = "larder.invalid";

/// Why a text names no URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    /// It is no URL.
    #[error("it is not a URL")]
    Syntax,
    /// It names neither an authority nor a path.
    #[error("it is neither absolute (http://host/path) nor does it begin with /")]
    Relative,
    /// It can be no target of a request.
    #[error("{0}")]
    Target(#[from] TargetError),
}

/// The scopes that one purged URL names: one, or several where routes key its query differently.
///
/// # Errors
/// Where the text names no URL.
pub(crate) fn url_scopes(rules: &RuleSet, hosts: &[String], text: &str) -> Result<Vec<Scope>, UrlError> {
    if !text.starts_with('/') {
        let urls: BTreeSet<Box<str>> = keyed(rules, &settle(text)?).map(|target| target.url().into()).collect();
        return Ok(urls.into_iter().map(Scope::Url).collect());
    }
    let mut texts = BTreeSet::new();
    texts.extend(keyed(rules, &settle_under(NO_HOST, text)?).map(|target| path_and_query(&target)));
    for host in hosts {
        // A host that makes no target serves no request either.
        if let Ok(target) = settle_under(host, text) {
            texts.extend(keyed(rules, &target).map(|target| path_and_query(&target)));
        }
    }
    Ok(texts.into_iter().map(Scope::Url).collect())
}

/// The scope that a purged prefix names.
///
/// # Errors
/// Where the text can begin no URL.
pub(crate) fn prefix_scope(text: &str) -> Result<Scope, UrlError> {
    if text.starts_with('/') {
        Ok(Scope::Prefix(path_and_query(&settle_under(NO_HOST, text)?)))
    } else {
        Ok(Scope::Prefix(settle(text)?.url().into()))
    }
}

/// One host for each host pattern of the rules.
pub(crate) fn hosts(rules: &RuleSet) -> Vec<String> {
    let sources = rules.routes().iter().filter_map(|route| route.host.as_ref()).map(HostPattern::source);
    let hosts: BTreeSet<String> = sources.map(|source| source.replace('*', "x")).collect();
    hosts.into_iter().collect()
}

/// The URI of an absolute text.
///
/// # Errors
/// Where it is none.
pub(crate) fn absolute(text: &str) -> Result<Uri, UrlError> {
    let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if !begins("http://") && !begins("https://") {
        return Err(UrlError::Relative);
    }
    text.parse().map_err(|_| UrlError::Syntax)
}

fn settle(text: &str) -> Result<Target, UrlError> {
    absolute(text)?;
    Ok(Target::parse_absolute(text)?)
}

fn settle_under(host: &str, path: &str) -> Result<Target, UrlError> {
    settle(&format!("http://{host}{path}"))
}

/// As what a target is filed: by the route of a GET, and by those that key bodies.
fn keyed(rules: &RuleSet, target: &Target) -> impl Iterator<Item = Target> {
    let of_get: Option<Arc<Route>> = match rules.decide(&Method::GET, target) {
        RouteVerdict::Cache(route) | RouteVerdict::ByOperation(route) => Some(route),
        RouteVerdict::Pass { route, .. } => route,
    };
    let as_get = of_get.map_or_else(|| target.clone(), |route| route.keyed_target(target.clone()));
    let by_body = rules.caching_routes(target).into_iter().map(|route| route.keyed_target(target.clone()));
    std::iter::once(as_get).chain(by_body)
}

fn path_and_query(target: &Target) -> Box<str> {
    target.path_and_query().into()
}
