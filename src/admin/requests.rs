//! `GET /requests?route=…&outcome=…&min_ms=…&sample=…`: decisions as they are made, as server-sent events.

use super::AdminState;
use super::answer::events;
use super::problem::Problem;
use super::query::Parameters;
use crate::decisions::viewers::{Filter, VIEWERS_MAX};
use crate::engine::outcome::Outcome;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::stream;
use std::time::Duration;

pub(super) async fn watch(State(state): State<AdminState>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let filter = filter_of(query.as_deref())?;
    let Some(chunks) = state.decisions.watch(filter) else {
        let detail = format!("{VIEWERS_MAX} viewers watch already, which is as many as may");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    Ok(events(stream::unfold(chunks, async |mut chunks| {
        let chunk = chunks.recv().await?;
        Some((chunk, chunks))
    })))
}

fn filter_of(query: Option<&str>) -> Result<Filter, Problem> {
    let hint = "route, outcome, min_ms and sample are";
    let parameters = Parameters::read(query, &["route", "outcome", "min_ms", "sample"], hint)?;
    let labels = parameters.get("outcome").into_iter().flat_map(|labels| labels.split(','));
    let outcomes = labels.map(|label| {
        let known = Outcome::ALL.into_iter().find(|outcome| outcome.label() == label);
        known.ok_or_else(|| {
            let known = Outcome::ALL.map(Outcome::label).join(", ");
            Problem::input("outcome", "there is no such outcome")
                .hint(format!("they are {known}, or several with commas between"))
        })
    });
    let min_millis = parameters.parse("min_ms", "a whole number of milliseconds")?;
    Ok(Filter {
        route: parameters.get("route").map(str::to_owned),
        outcomes: outcomes.collect::<Result<_, _>>()?,
        min_duration: Duration::from_millis(min_millis.unwrap_or(0)),
        share: parameters.get("sample").map_or(Ok(1.0), share)?,
    })
}

/// `1%` or `0.01`.
fn share(text: &str) -> Result<f64, Problem> {
    let (number, of) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.parse::<f64>().ok().map(|number| number / of).filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| {
        Problem::input("sample", "it is not a share of more than nothing and at most all")
            .hint("write 1% (with the % as %25) or 0.01")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_what_the_query_says() {
        let all = Filter { route: None, outcomes: Vec::new(), min_duration: Duration::ZERO, share: 1.0 };
        for (query, expected) in [
            (None, all.clone()),
            (Some("route=search"), Filter { route: Some("search".to_owned()), ..all.clone() }),
            (Some("outcome=miss,stale"), Filter { outcomes: vec![Outcome::Miss, Outcome::Stale], ..all.clone() }),
            (Some("min_ms=200"), Filter { min_duration: Duration::from_millis(200), ..all.clone() }),
            (Some("sample=10%25"), Filter { share: 0.1, ..all.clone() }),
            (Some("sample=0.5"), Filter { share: 0.5, ..all }),
        ] {
            assert_eq!(filter_of(query), Ok(expected), "{query:?}");
        }
    }

    #[test]
    fn what_is_no_filter_names_its_field() {
        for (query, field) in [
            ("outcome=mist", "outcome"),
            ("outcome=", "outcome"),
            ("min_ms=-1", "min_ms"),
            ("min_ms=soon", "min_ms"),
            ("sample=0", "sample"),
            ("sample=2", "sample"),
            ("sample=NaN", "sample"),
            ("sample=101%25", "sample"),
            ("rout=search", "rout"),
            ("route=a&route=b", "route"),
        ] {
            let refused = filter_of(Some(query)).map_err(|problem| problem.field);
            assert_eq!(refused, Err(Some(field.to_owned())), "{query}");
        }
    }
}
