//! Every call of the admin API, in one list that router, guard and the `OpenAPI` document share.

use super::{AdminState, events, explain, health, login, purge, receipts, rules, stats, status_page};
use axum::routing::{MethodRouter, get, post};

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    StatusPage,
    LogIn,
    LogOut,
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
    /// Anyone, by any name: a load balancer has no token.
    Open,
    /// Anyone who calls this listener by a name of its own: who logs in has no session yet.
    LogIn,
    /// Who has the token or has logged in with it, where one is set.
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
    /// It opens or ends a session and takes a form.
    LogsIn,
}

impl Call {
    pub(super) const ALL: [Self; 16] = [
        Self::StatusPage,
        Self::LogIn,
        Self::LogOut,
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
            Self::LogIn => "/login",
            Self::LogOut => "/logout",
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
            Self::LogIn | Self::LogOut => Access::LogIn,
            _ => Access::Token,
        }
    }

    pub(super) const fn effect(self) -> Effect {
        match self {
            Self::Purge | Self::Events | Self::Reload => Effect::Changes,
            Self::RulesCheck => Effect::Judges,
            Self::LogIn | Self::LogOut => Effect::LogsIn,
            _ => Effect::Reads,
        }
    }

    pub(super) fn handler(self) -> MethodRouter<AdminState> {
        match self {
            Self::StatusPage => get(status_page::show),
            Self::LogIn => post(login::log_in),
            Self::LogOut => post(login::log_out),
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
        let (mut described, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
                let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id"));
                assert!(ids.insert(id.to_owned()), "{id} is there twice");
                let open = operation["security"].as_array().is_some_and(Vec::is_empty);
                described.insert((path.clone(), method.clone(), open));
            }
        }
        let served =
            Call::ALL.map(|call| (call.path().to_owned(), method(call).to_owned(), call.access() != Access::Token));
        assert_eq!(described, BTreeSet::from(served));
    }

    fn method(call: Call) -> &'static str {
        if call.effect() == Effect::Reads { "get" } else { "post" }
    }

    #[test]
    fn the_openapi_document_names_each_status_that_the_guard_and_the_limits_give() {
        let document: serde_json::Value = serde_json::from_str(health::OPENAPI).unwrap();
        for call in Call::ALL {
            let mut statuses = vec!["408"];
            statuses.extend((call.access() != Access::Open).then_some("421"));
            statuses.extend((call.access() == Access::Token).then_some("401"));
            statuses.extend((call.effect() != Effect::Reads).then_some(["403", "415"]).into_iter().flatten());
            statuses.extend(
                (call.effect() != Effect::Reads && call != Call::LogOut)
                    .then_some(["400", "413"])
                    .into_iter()
                    .flatten(),
            );
            let responses = &document["paths"][call.path()][method(call)]["responses"];
            for status in statuses {
                assert!(responses[status].is_object(), "{call:?} does not name {status}");
            }
        }
    }
}
