//! Every call of the admin API, in one list that router, guard and the `OpenAPI` document share.

use super::{AdminState, events, explain, health, purge, receipts, rules, stats, status_page};
use axum::routing::{MethodRouter, get, post};

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    StatusPage,
    Purge,
    Events,
    Receipts,
    Receipt,
    Explain,
    Rules,
    RulesCheck,
    Reload,
    Stats,
    Healthz,
    Readyz,
    Metrics,
    OpenApi,
}

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Anyone: a load balancer has no token.
    Open,
    /// Who has the token, where one is set.
    Token,
}

/// What a call does, and so what it must show to come from no foreign page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It changes nothing and takes no body.
    Reads,
    /// It changes nothing and takes a rules file.
    Judges,
    /// It changes something; its body, if any, is JSON.
    Changes,
}

impl Call {
    pub(super) const ALL: [Self; 14] = [
        Self::StatusPage,
        Self::Purge,
        Self::Events,
        Self::Receipts,
        Self::Receipt,
        Self::Explain,
        Self::Rules,
        Self::RulesCheck,
        Self::Reload,
        Self::Stats,
        Self::Healthz,
        Self::Readyz,
        Self::Metrics,
        Self::OpenApi,
    ];

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::StatusPage => "/",
            Self::Purge => "/purge",
            Self::Events => "/events",
            Self::Receipts => "/purges",
            Self::Receipt => "/purges/{id}",
            Self::Explain => "/explain",
            Self::Rules => "/rules",
            Self::RulesCheck => "/rules/check",
            Self::Reload => "/reload",
            Self::Stats => "/stats",
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
        }
    }

    pub(super) const fn access(self) -> Access {
        match self {
            Self::Healthz | Self::Readyz => Access::Open,
            _ => Access::Token,
        }
    }

    pub(super) const fn effect(self) -> Effect {
        match self {
            Self::Purge | Self::Events | Self::Reload => Effect::Changes,
            Self::RulesCheck => Effect::Judges,
            _ => Effect::Reads,
        }
    }

    pub(super) fn handler(self) -> MethodRouter<AdminState> {
        match self {
            Self::StatusPage => get(status_page::show),
            Self::Purge => post(purge::purge),
            Self::Events => post(events::take),
            Self::Receipts => get(receipts::list),
            Self::Receipt => get(receipts::show),
            Self::Explain => get(explain::explain),
            Self::Rules => get(rules::show),
            Self::RulesCheck => post(rules::check),
            Self::Reload => post(rules::reload),
            Self::Stats => get(stats::show),
            Self::Healthz => get(health::alive),
            Self::Readyz => get(health::ready),
            Self::Metrics => get(health::metrics),
            Self::OpenApi => get(health::openapi),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_openapi_document_describes_the_calls_and_no_others() {
        let document: serde_json::Value = serde_json::from_str(health::OPENAPI).unwrap();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
                assert!(operation["responses"].is_object(), "{method} {path} has no responses");
                let open = operation["security"].as_array().is_some_and(Vec::is_empty);
                described.insert((path.clone(), method.clone(), open));
            }
        }
        let served = Call::ALL.map(|call| {
            let method = if call.effect() == Effect::Reads { "get" } else { "post" };
            (call.path().to_owned(), method.to_owned(), call.access() == Access::Open)
        });
        assert_eq!(described, BTreeSet::from(served));
    }
}
