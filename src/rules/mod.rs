//! The operator's rules, resolved: what may be cached, under which key, and for how long. Pure.
//!
//! A [`RuleSet`] is immutable; a reload makes a new one. Every request gets exactly one [`Verdict`]: the first route
//! that matches path, host and method decides. What is not in the key is not in the fetch: [`fetch`] is the one place
//! that says how a request reaches the origin, and both key and `Vary` are computed from its view.

pub mod answer;
pub mod body_tags;
pub mod bypass;
mod coverage;
pub mod event;
pub mod fetch;
pub mod host_pattern;
pub mod key_recipe;
pub mod lifetime;
pub mod literal;
mod matcher;
pub mod origin_request;
pub mod pattern;
pub mod poison;
pub mod route;
pub mod rule_set;
pub mod tag_template;
pub mod url_scopes;

pub use route::Route;
pub use rule_set::{RuleSet, Verdict};
