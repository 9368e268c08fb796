//! The rules that the fleet runs under: one route, which is renamed and tags anew when the rules are reloaded.

use super::COALESCE_WAIT;
use crate::rules::body_key::{BodyKeyRule, KeyedForm, query_method};
use crate::rules::event::EventRule;
use crate::rules::pattern::PathPattern;
use crate::rules::tag_template::TagTemplate;
use crate::rules::{Route, RuleSet};
use crate::scope::{Depth, RouteName, Scope, Tag};
use http::Method;
use std::time::Duration;

/// The type of the event that says which paths have changed.
pub(super) const CHANGED: &str = "changed";

/// One state of the rules file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edition {
    First,
    Second,
}

impl Edition {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    const fn route_name(self) -> &'static str {
        match self {
            Self::First => "all",
            Self::Second => "everything",
        }
    }

    const fn tag_template(self) -> &'static str {
        match self {
            Self::First => "{kind}:{id}",
            Self::Second => "by-number-{kind}-{id}",
        }
    }

    /// The tag of a path under these rules.
    pub(super) fn tag(self, path: &str) -> Scope {
        let (kind, id) = path.trim_start_matches('/').split_once('/').expect("paths have two segments");
        let text = self.tag_template().replace("{kind}", kind).replace("{id}", id);
        Scope::Tag(Tag::new(&text).expect("it is a tag"))
    }

    /// The one route under these rules.
    pub(super) fn route(self) -> Scope {
        Scope::Route(RouteName::new(self.route_name()))
    }

    /// The rules.
    pub(super) fn rules(self) -> RuleSet {
        let path = PathPattern::parse("/{kind}/{id}").expect("it is a pattern");
        let mut route = Route::plain(RouteName::new(self.route_name()), path);
        route.tags = vec![TagTemplate::parse(self.tag_template()).expect("it is a template")];
        route.coalesce_wait = COALESCE_WAIT;
        route.methods.extend([Method::POST, query_method()]);
        route.body_key = Some(BodyKeyRule { form: KeyedForm::Json, bytes_max: 1024 });
        route.lifetime.stale_if_error = Some(Duration::from_hours(1));
        let event = EventRule {
            on: CHANGED.to_owned(),
            tags: Vec::new(),
            urls: vec![TagTemplate::parse("/product/{id}").expect("it is a template")],
            prefixes: Vec::new(),
            always: Vec::new(),
            depth: Depth::Hard,
        };
        RuleSet::new(vec![route]).expect("one route compiles").with_events(vec![event])
    }
}
