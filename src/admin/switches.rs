//! `GET /routes`, `POST /routes/{name}/switch`: the routes, and the incident switches that are set for them.

use super::AdminState;
use super::answer::{ReadBody, body_bytes, json};
use super::guard::Admitted;
use super::problem::Problem;
use super::purge::wait_of;
use crate::clock::Timestamp;
use crate::invalidation::Progress;
use crate::rules::RuleSet;
use crate::rules::route::RouteMode;
use crate::rules::switch::{ALL_ROUTES, PlacedSwitch, SWITCH_TEXT_BYTES_MAX, Switch, SwitchMode, SwitchScope};
use crate::stamp::Stamp;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as object};
use std::sync::Arc;
use std::time::Duration;

/// A switch as JSON.
#[derive(Debug, Serialize)]
pub(super) struct ShownSwitch {
    /// `*` stands for all routes.
    route: String,
    mode: &'static str,
    set_at: String,
    until: String,
    why: String,
    who: String,
    by: String,
}

impl From<Switch> for ShownSwitch {
    fn from(switch: Switch) -> Self {
        let Switch { scope, mode, set_at, until, why, who, by } = switch;
        let (set_at, until) = (set_at.to_rfc3339(), until.to_rfc3339());
        Self { route: scope.as_str().to_owned(), mode: mode.label(), set_at, until, why, who, by }
    }
}

/// The switches that are on, as JSON.
pub(super) fn shown(state: &AdminState) -> Vec<ShownSwitch> {
    let on = state.engine.invalidation().switches().on(state.clock.now());
    on.into_iter().map(|placed| placed.switch.into()).collect()
}

#[derive(Debug, Serialize)]
struct ShownRoute<'a> {
    name: &'a str,
    path: &'a str,
    cache: bool,
    /// What is in force, by its own switch or by that for all.
    mode: &'static str,
    switch: Option<ShownSwitch>,
}

pub(super) async fn show(State(state): State<AdminState>) -> Response {
    let (rules, now) = (state.engine.rules(), state.clock.now());
    let switches = state.engine.invalidation().switches();
    let routes = rules.routes().iter().map(|route| {
        let switch = switches.of(&route.name, now).map(|placed| placed.switch);
        ShownRoute {
            name: route.name.as_str(),
            path: route.path.source(),
            cache: route.mode == RouteMode::Cache,
            mode: switch.as_ref().map_or(SwitchMode::Normal, |switch| switch.mode).label(),
            switch: switch.map(ShownSwitch::from),
        }
    });
    // Those of routes that are gone are among them.
    Json(object!({ "routes": routes.collect::<Vec<_>>(), "switches": shown(&state) })).into_response()
}

/// The body, its fields not yet looked into, so that an error in one can name it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    mode: Value,
    #[serde(default, rename = "for")]
    lasting: Value,
    #[serde(default)]
    why: Value,
    #[serde(default)]
    wait: Value,
}

pub(super) async fn switch(
    State(state): State<AdminState>,
    Extension(admitted): Extension<Admitted>,
    path: Result<Path<String>, PathRejection>,
    body: ReadBody,
) -> Result<Response, Problem> {
    let Path(name) =
        path.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the path is not percent-encoded UTF-8"))?;
    let asked: Asked = json(&body_bytes(body)?)?;
    let wait = wait_of(&asked.wait)?;
    let scope = scope_of(&name, &state)?;
    let switch = switch_of(&asked, scope.clone(), admitted.who(), &state)?;
    let engine = Arc::clone(&state.engine);
    let (set_at, until) = (switch.set_at, switch.until);
    // A caller that leaves has asked for it; only the waiting is the caller's own.
    let switching = state.engine.unattended().finish(|_| async move { engine.invalidation().switch(switch).await });
    let stamp = switching.await.map_err(|error| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            .hint("this instance has switched; ask each other instance, or ask again once the log of purges is back")
    })?;
    let progress = state.engine.invalidation().reached(stamp, wait.unwrap_or_default()).await;
    let status = if wait.is_some() && !progress.pending.is_empty() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(answer(&state, &scope, stamp, &progress, (set_at, until)))).into_response())
}

/// What is in force now where something was switched.
fn answer(
    state: &AdminState,
    scope: &SwitchScope,
    stamp: Stamp,
    progress: &Progress,
    (set_at, until): (Timestamp, Timestamp),
) -> Value {
    let switches = state.engine.invalidation().switches().on(state.clock.now());
    let is_here = |placed: &&PlacedSwitch| placed.switch.scope == *scope;
    let own = switches.iter().find(is_here);
    let all = switches.iter().find(|placed| placed.switch.scope == SwitchScope::All);
    let in_force = own.or(all).map_or(SwitchMode::Normal, |placed| placed.switch.mode);
    object!({
        "route": scope.as_str(),
        "mode": in_force.label(),
        "set_at": set_at.to_rfc3339(),
        "until": (until > set_at).then(|| until.to_rfc3339()),
        "stamp": stamp.to_string(),
        "applied": progress.applied,
        "pending": progress.pending,
        "switches": shown(state),
    })
}

/// All routes, or one of the rules in force; or one that has gone, while it is switched.
fn scope_of(name: &str, state: &AdminState) -> Result<SwitchScope, Problem> {
    let (scope, rules) = (SwitchScope::named(name), state.engine.rules());
    let SwitchScope::Route(route) = &scope else { return Ok(scope) };
    let is_on =
        || state.engine.invalidation().switches().on(state.clock.now()).iter().any(|on| on.switch.scope == scope);
    if rules.routes().iter().any(|known| known.name == *route) || is_on() {
        return Ok(scope);
    }
    let problem = Problem::new(StatusCode::NOT_FOUND, "there is no route of this name");
    Err(problem.hint(format!("{}; `{ALL_ROUTES}` stands for all", names(&rules))))
}

fn names(rules: &RuleSet) -> String {
    let names: Vec<_> = rules.routes().iter().take(20).map(|route| route.name.as_str()).collect();
    if names.is_empty() { "the rules have no route".to_owned() } else { format!("there are {}", names.join(", ")) }
}

fn switch_of(asked: &Asked, scope: SwitchScope, who: &str, state: &AdminState) -> Result<Switch, Problem> {
    let modes = || SwitchMode::ALL.map(SwitchMode::label).join(", ");
    let mode = asked.mode.as_str().and_then(SwitchMode::parse);
    let mode = mode.ok_or_else(|| Problem::input("mode", "it is none of the modes").hint(modes()))?;
    let set_at = state.clock.now();
    let until = match lasting(&asked.lasting, state.engine.invalidation().switched_max())? {
        Some(_) if mode == SwitchMode::Normal && scope == SwitchScope::All => {
            let detail = "normal for all routes ends every switch at once, and lasts";
            return Err(Problem::input("for", detail).hint("leave it out"));
        }
        Some(lasting) => set_at.saturating_add(lasting),
        None if mode == SwitchMode::Normal => set_at,
        None => {
            let detail = "a switch ends by itself: say for how long it is set";
            return Err(Problem::input("for", detail).hint("{\"mode\": \"bypass\", \"for\": \"10m\"}"));
        }
    };
    let by = state.engine.invalidation().instance().to_owned();
    Ok(Switch { scope, mode, set_at, until, why: why_of(&asked.why)?, who: who.to_owned(), by })
}

fn lasting(value: &Value, most: Duration) -> Result<Option<Duration>, Problem> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        _ => return Err(Problem::input("for", "it is not a string like \"10m\"")),
    };
    let lasting = humantime::parse_duration(text)
        .map_err(|error| Problem::input("for", format!("it is no duration: {error}")).hint("write \"10m\""))?;
    if lasting < Duration::from_secs(1) || lasting > most {
        let most = humantime::format_duration(most);
        return Err(Problem::input("for", format!("a switch is set for one second at least and {most} at most"))
            .hint("what is to last belongs into the rules"));
    }
    Ok(Some(lasting))
}

fn why_of(value: &Value) -> Result<String, Problem> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) if text.len() > SWITCH_TEXT_BYTES_MAX => {
            Err(Problem::input("why", format!("it has more than {SWITCH_TEXT_BYTES_MAX} bytes")))
        }
        Value::String(text) => Ok(text.clone()),
        _ => Err(Problem::input("why", "it is not a string")),
    }
}
