//! `GET /top?by=…&window=…&route=…&limit=…` and `GET /searches`: the busiest keys and the most popular search terms.

use super::AdminState;
use super::problem::Problem;
use super::query::Parameters;
use crate::decisions::by_route::IfCached;
use crate::decisions::standing::{Bounds, Measure, Ranked};
use crate::decisions::top::{RouteTop, Top, Wanted, What};
use crate::decisions::windows::Window;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;

/// How many are listed by default, and at most.
const LIMITS: (usize, usize) = (20, 100);

/// The measures by which one may ask for them.
const BY: [(&str, Measure); 6] = [
    ("requests", Measure::Requests),
    ("hits", Measure::Hits),
    ("misses", Measure::Misses),
    ("bytes", Measure::Bytes),
    ("upstream_ms", Measure::UpstreamMicros),
    ("origin_seconds_saved", Measure::SavedMicros),
];

/// The answer.
#[derive(Serialize)]
struct Shown {
    by: &'static str,
    window: &'static str,
    /// How far back it was counted: up to a twelfth less than the window, and not beyond the start.
    covers_secs: u64,
    decisions: u64,
    /// The share of them that was looked at; the others are reckoned from these.
    looked_at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<ShownKey>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<Vec<ShownKey>>,
    too_long: u64,
    routes: Vec<ShownRoute>,
}

/// A key or a term.
#[derive(Serialize)]
struct ShownKey {
    route: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    term: Option<String>,
    requests: Estimate,
    hits: Estimate,
    misses: Estimate,
    /// The share of requests that were hits, 0 to 1.
    hit_ratio: f64,
    bytes: Estimate,
    upstream_ms: Estimate,
    origin_seconds_saved: Estimate,
}

/// The true number is between `estimate - error` and `estimate`.
#[derive(Serialize)]
struct Estimate {
    estimate: f64,
    error: f64,
}

/// A route; `None` stands for requests that match none.
#[derive(Serialize)]
struct ShownRoute {
    route: Option<String>,
    requests: u64,
    hits: u64,
    misses: u64,
    hit_ratio: f64,
    bytes: u64,
    upstream_ms: f64,
    origin_seconds_saved: f64,
    if_cached: Option<ShownWorth>,
}

/// What a route would be worth if it were cached, at the least and at the most.
#[derive(Serialize)]
struct ShownWorth {
    gets: u64,
    repeats: Estimate,
    origin_seconds: Estimate,
}

pub(super) async fn keys(State(state): State<AdminState>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    answer(&state, query.as_deref(), What::Keys)
}

pub(super) async fn searches(State(state): State<AdminState>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    answer(&state, query.as_deref(), What::Terms)
}

fn answer(state: &AdminState, query: Option<&str>, what: What) -> Result<Response, Problem> {
    let (wanted, by, window) = wanted(query, what)?;
    let Top { covers, decisions, looked_at, ranked, routes, too_long } = state.decisions.top(window, &wanted);
    let shown: Vec<_> = ranked.into_iter().map(|ranked| shown(ranked, what)).collect();
    let (keys, terms) = if what == What::Keys { (Some(shown), None) } else { (None, Some(shown)) };
    let looked_at = ratio(looked_at, decisions).unwrap_or(1.0);
    let routes = routes.into_iter().map(shown_route).collect();
    let (window, covers_secs) = (window.label(), covers.as_secs());
    Ok(Json(Shown { by, window, covers_secs, decisions, looked_at, keys, terms, too_long, routes }).into_response())
}

fn wanted(query: Option<&str>, what: What) -> Result<(Wanted, &'static str, Window), Problem> {
    let parameters = Parameters::read(query, &["by", "window", "route", "limit"], "by, window, route and limit are")?;
    let one_of = |name: &str, known: &[&'static str]| {
        let value = parameters.get(name).unwrap_or(known[0]);
        let place = known.iter().position(|known| *known == value);
        place.ok_or_else(|| Problem::input(name, "there is no such value").hint(format!("one of {}", known.join(", "))))
    };
    let (by, measure) = BY[one_of("by", &BY.map(|(label, _)| label))?];
    // The middle one by default.
    let windows = [Window::TenMinutes, Window::Minute, Window::Hour];
    let window = windows[one_of("window", &windows.map(Window::label))?];
    let limit = parameters.parse("limit", "a whole number")?.unwrap_or(LIMITS.0);
    if !(1..=LIMITS.1).contains(&limit) {
        return Err(Problem::input("limit", format!("it is not between 1 and {}", LIMITS.1)));
    }
    Ok((Wanted { what, by: measure, route: parameters.get("route").map(str::to_owned), limit }, by, window))
}

fn shown(Ranked { key, amounts }: Ranked, what: What) -> ShownKey {
    let of = |measure: Measure, unit: f64| estimate(amounts[measure as usize], unit);
    let (requests, hits) = (of(Measure::Requests, 1.0), of(Measure::Hits, 1.0));
    let text = |kind: What, text: &str| (what == kind).then(|| text.to_owned());
    ShownKey {
        route: key.route.clone(),
        host: text(What::Keys, &key.host),
        target: text(What::Keys, &key.text),
        term: text(What::Terms, &key.text),
        hit_ratio: (hits.estimate / requests.estimate.max(1.0)).min(1.0),
        requests,
        hits,
        misses: of(Measure::Misses, 1.0),
        bytes: of(Measure::Bytes, 1.0),
        upstream_ms: of(Measure::UpstreamMicros, 1e3),
        origin_seconds_saved: of(Measure::SavedMicros, 1e6),
    }
}

fn shown_route(RouteTop { route, amounts, if_cached }: RouteTop) -> ShownRoute {
    let of = |measure: Measure| amounts[measure as usize];
    ShownRoute {
        route,
        requests: of(Measure::Requests),
        hits: of(Measure::Hits),
        misses: of(Measure::Misses),
        hit_ratio: ratio(of(Measure::Hits), of(Measure::Requests)).unwrap_or(0.0),
        bytes: of(Measure::Bytes),
        upstream_ms: in_unit(of(Measure::UpstreamMicros), 1e3),
        origin_seconds_saved: in_unit(of(Measure::SavedMicros), 1e6),
        if_cached: if_cached.map(|IfCached { gets, repeats, upstream_micros }| ShownWorth {
            gets,
            repeats: estimate(repeats, 1.0),
            origin_seconds: estimate(upstream_micros, 1e6),
        }),
    }
}

fn estimate(bounds: Bounds, unit: f64) -> Estimate {
    Estimate { estimate: in_unit(bounds.at_most, unit), error: in_unit(bounds.at_most - bounds.at_least, unit) }
}

#[expect(clippy::cast_precision_loss, reason = "numbers for people, of 15 digits")]
fn in_unit(number: u64, unit: f64) -> f64 {
    number as f64 / unit
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| in_unit(part, 1.0) / in_unit(whole, 1.0))
}
