//! What an operator may want to know beside an explanation: why an answer that is asked for may not be kept.

use super::Engine;
use crate::plan::request::CacheableRequest;
use crate::plan::serving::WhyAsked;
use crate::rules::switch::Switch;
use crate::scope::RouteName;
use crate::semantics::reason::Reason;
use http::Method;

impl Engine {
    /// What operators have set for a route for a while, if anything.
    pub(super) fn switch_note(&self, route: Option<&str>) -> Option<String> {
        let placed = self.invalidation().switches().of(&RouteName::new(route?), self.now())?;
        let Switch { scope, mode, until, why, who, .. } = placed.switch;
        let (mode, until) = (mode.label(), until.to_rfc3339());
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        Some(format!("The incident switch of `{scope}` is set to {mode} until {until}, by {who}{why}."))
    }
}

/// Hints for a request that asks the origin, for `why`.
pub(super) fn hints(request: &CacheableRequest, why: WhyAsked) -> Vec<String> {
    let mut hints = Vec::new();
    if request.route.lifetime.gives_lifetimes()
        && request.brings_undecided_cookies()
        && why != WhyAsked::CookieUndecided
    {
        hints.push(format!("Its answer may not be kept: {}", Reason::CookieUndecided.explanation()));
    }
    let rule = &request.route.lifetime;
    let is_kept = request.method == Method::GET && !request.directives.no_store;
    if rule.ttl.is_some() && is_kept && why == WhyAsked::NoEntry {
        let named: Vec<_> = rule.ttl_by_status.iter().map(|(status, _)| status.as_str()).collect();
        let named = if named.is_empty() { "none is".to_owned() } else { format!("{} are", named.join(", ")) };
        hints.push(format!(
            "`ttl` covers answers of 200, 203, 204, 206, 300, 301 and 308; one of another status, such as 404 or 302, is kept \
             only where `ttl_by_status` names it ({named} here) or the origin gives a lifetime."
        ));
    }
    hints
}
