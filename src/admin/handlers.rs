//! Which handler answers which call.

use super::calls::Call;
use super::{
    AdminState, audit, consistency, dashboard, events, explain, health, jobs, learn, live, login, purge, receipts,
    requests, rules, shadow, stats, switches, top, upstreams, warm, webhooks,
};
use axum::routing::{MethodRouter, delete, get, post};

pub(super) fn handler(call: Call) -> MethodRouter<AdminState> {
    match call {
        Call::Dashboard => get(dashboard::show),
        Call::Asset => get(dashboard::asset),
        Call::Live => get(live::show),
        Call::LogIn => post(login::log_in),
        Call::LogOut => post(login::log_out),
        Call::Purge => post(purge::purge),
        Call::Events => post(events::take),
        Call::Webhook => post(webhooks::take),
        Call::Receipts => get(receipts::list),
        Call::Receipt => get(receipts::show),
        Call::Warm => post(warm::warm),
        Call::Learn => post(learn::begin),
        Call::Learned => get(learn::learned),
        Call::Jobs => get(jobs::list),
        Call::Job => get(jobs::show),
        Call::CancelJob => delete(jobs::cancel),
        Call::Explain => get(explain::explain),
        Call::Requests => get(requests::watch),
        Call::Top => get(top::keys),
        Call::Searches => get(top::searches),
        Call::Rules => get(rules::show),
        Call::RulesCheck => post(rules::check),
        Call::BeginShadow => post(shadow::begin),
        Call::Shadow => get(shadow::show),
        Call::EndShadow => delete(shadow::end),
        Call::Reload => post(rules::reload),
        Call::Routes => get(switches::show),
        Call::Switch => post(switches::switch),
        Call::Audit => get(audit::show),
        Call::Consistency => get(consistency::show),
        Call::Upstreams => get(upstreams::show),
        Call::Drain => post(upstreams::drain),
        Call::Stats => get(stats::show),
        Call::Healthz => get(health::alive),
        Call::Readyz => get(health::ready),
        Call::Metrics => get(health::metrics),
        Call::OpenApi => get(health::openapi),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::calls::{Access, Effect};
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
        match call {
            Call::CancelJob | Call::EndShadow => "delete",
            call if call.effect() == Effect::Reads => "get",
            _ => "post",
        }
    }

    #[test]
    fn the_openapi_document_names_each_status_that_the_guard_and_the_limits_give() {
        let document: serde_json::Value = serde_json::from_str(health::OPENAPI).unwrap();
        for call in Call::ALL {
            let mut statuses = vec!["408"];
            let is_open = matches!(call.access(), Access::Open | Access::Signed);
            statuses.extend((!is_open).then_some("421"));
            statuses.extend((call.access() == Access::Token).then_some("401"));
            statuses.extend((call.effect() != Effect::Reads).then_some("403"));
            let is_typed = !matches!(call.effect(), Effect::Reads | Effect::Tells);
            statuses.extend(is_typed.then_some("415"));
            statuses.extend(
                (call.effect() != Effect::Reads && !matches!(call, Call::LogOut | Call::CancelJob | Call::EndShadow))
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
