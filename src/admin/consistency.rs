//! `GET /consistency`: how often the cache answered with something older than the origin said, as far as audits tell.

use super::AdminState;
use super::problem::Problem;
use crate::consistency::interval::{CONFIDENCE_PERCENT, Interval, needed_to_show};
use crate::consistency::{AgeBand, Compared, Found, Occasion, Seen, Tally, Verdict};
use crate::rules::RuleSet;
use crate::scope::RouteName;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

/// The rates of which it is said how many hits they take to show.
const RATES: [f64; 4] = [1e-2, 1e-3, 1e-4, 1e-5];

pub(super) async fn show(State(state): State<AdminState>) -> Result<Response, Problem> {
    let consistency = state.engine.consistency();
    let rules = state.engine.rules();
    let mut tallies = consistency.by_route();
    for route in rules.routes().iter().filter(|route| route.audit.is_some()) {
        tallies.entry(route.name.clone()).or_default();
    }
    let show = move || tallies.iter().map(|(route, tally)| shown_route(route, tally, &rules)).collect::<Vec<_>>();
    // Each interval takes some arithmetic, and routes may be many.
    let routes = spawn_blocking(show)
        .await
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("it could not be shown: {error}")))?;
    let found: Vec<_> = consistency.found().iter().map(|found| shown_found(found)).collect();
    let needed = RATES.map(|rate| json!({ "rate": rate, "hits": needed_to_show(rate) }));
    let shown = json!({
        "since": state.started_at.to_rfc3339(),
        "confidence_percent": CONFIDENCE_PERCENT,
        "routes": routes,
        "found": found,
        "needed_to_show": needed,
    });
    Ok(Json(shown).into_response())
}

fn shown_route(name: &RouteName, tally: &Tally, rules: &RuleSet) -> Value {
    let route = rules.routes().iter().find(|route| route.name == *name);
    let share = route.and_then(|route| route.audit.as_ref()).map(|rule| rule.share);
    let verdicts: Map<_, _> =
        Verdict::ALL.iter().map(|verdict| (verdict.label().to_owned(), tally.verdicts(*verdict).into())).collect();
    json!({
        "route": name.as_str(),
        "share": share,
        "verdicts": verdicts,
        "hits": shown_occasion(tally, Occasion::Hit),
        "after_purges": shown_occasion(tally, Occasion::AfterPurge),
    })
}

fn shown_occasion(tally: &Tally, occasion: Occasion) -> Value {
    let by_age = AgeBand::all().map(|age| {
        let mut shown = shown_rate(tally.of_age(occasion, age));
        shown["from_secs"] = age.begins_at_secs().into();
        shown["to_secs"] = age.ends_before_secs().into();
        shown
    });
    let by_age: Vec<_> = by_age.collect();
    let mut shown = shown_rate(tally.of(occasion));
    shown["by_age"] = by_age.into();
    shown
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn shown_rate(Compared { compared, stale }: Compared) -> Value {
    let Interval { low, high } = Interval::of(stale, compared);
    let rate = (compared > 0).then(|| stale as f64 / compared as f64);
    json!({ "compared": compared, "stale": stale, "rate": rate, "low": low, "high": high })
}

fn shown_found(found: &Found) -> Value {
    let purge =
        found.ignored_purge.as_ref().map(|purge| json!({ "stamp": purge.stamp.to_string(), "scope": purge.scope }));
    json!({
        "route": found.route.as_str(),
        "url": found.url,
        "occasion": found.occasion.label(),
        "at": found.at.to_rfc3339(),
        "age_secs": found.age.as_secs(),
        "served": shown_answer(&found.served),
        "origin": shown_answer(&found.origin),
        "ignored_purge": purge,
    })
}

fn shown_answer(seen: &Seen) -> Value {
    json!({
        "status": seen.status.as_u16(),
        "digest": format!("{:032x}", seen.digest),
        "etag": seen.etag,
        "last_modified": seen.last_modified,
    })
}
