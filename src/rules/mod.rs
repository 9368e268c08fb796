//! The operator's rules, resolved: what may be cached, under which key, and for how long. Pure.
//!
//! A [`RuleSet`] is immutable; a reload makes a new one. Every request gets exactly one [`RouteVerdict`]: the first route
//! that matches path, host and method decides. What is not in the key is not in the fetch: [`fetch`] is the one place
//! that says how a request reaches the origin, and both key and `Vary` are computed from its view.

// The keys of a route.
pub(crate) mod answer;
pub(crate) mod audit;
pub(crate) mod body_key;
pub(crate) mod body_tags;
pub(crate) mod bypass;
pub(crate) mod claims;
pub(crate) mod entity_types;
pub(crate) mod host_pattern;
pub(crate) mod json;
pub(crate) mod key_recipe;
pub(crate) mod lifetime;
pub(crate) mod literal;
pub(crate) mod origin_request;
pub(crate) mod pattern;
pub(crate) mod poison;
pub(crate) mod search_term;
pub(crate) mod tag_label;
pub(crate) mod tag_template;
pub(crate) mod tokens;

// A route, all of them, and what they make of events and URLs.
mod by_method;
pub(crate) mod change;
mod coverage;
pub(crate) mod event;
pub(crate) mod fetch;
mod matcher;
pub(crate) mod route;
pub(crate) mod rule_set;
pub(crate) mod switch;
pub(crate) mod url_scopes;
pub(crate) mod warm;
pub(crate) mod warm_url;

pub use route::Route;
pub use rule_set::{RouteVerdict, RuleSet};
