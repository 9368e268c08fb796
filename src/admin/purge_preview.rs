//! `POST /purge?dry_run=true`: what a purge would take of this instance, which then takes nothing.

use super::problem::Problem;
use super::query::Parameters;
use super::receipts::{ShownScope, shown_scopes};
use crate::engine::Engine;
use crate::engine::purge_preview::{HotEntry, PurgePreview};
use crate::invalidation::purge::Purge;
use crate::invalidation::receipts::SCOPES_SHOWN_MAX;
use axum::http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// So many of the hottest are listed.
const HOTTEST_SHOWN: usize = 20;

/// Whether a purge is asked for, or a look at what it would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Purge,
    DryRun,
}

/// Reads the call's query. Whatever else is said there is refused: who misspells `dry_run` wants no purge.
pub(super) fn mode(query: Option<&str>) -> Result<Mode, Problem> {
    let parameters = Parameters::read(query, &["dry_run"], "dry_run is; nothing was purged")?;
    Ok(match parameters.parse("dry_run", "true or false, and nothing was purged")? {
        Some(true) => Mode::DryRun,
        Some(false) | None => Mode::Purge,
    })
}

/// What a purge would take, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct ShownPreview {
    dry_run: bool,
    /// The numbers below are of this instance's memory.
    instance: String,
    depth: &'static str,
    entries: u64,
    bytes: u64,
    fetches: ExpectedFetches,
    hottest: Vec<ShownHot>,
    /// Whether Larder would fetch the hot ones again by itself (`refresh.after_purge`).
    refreshed: bool,
    scopes_total: usize,
    scopes: Vec<ShownScope>,
    notes: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct ExpectedFetches {
    /// Of what is asked for most: soon.
    hot: usize,
    /// Of all that is fresh now, each once, if it is asked for at all.
    at_most: u64,
}

#[derive(Debug, Serialize)]
struct ShownHot {
    url: String,
    route: String,
}

impl From<HotEntry> for ShownHot {
    fn from(hot: HotEntry) -> Self {
        Self { url: hot.url, route: hot.route }
    }
}

/// Looks at all that is in memory, on a thread for that.
pub(super) async fn preview(engine: &Arc<Engine>, purge: Purge) -> Result<ShownPreview, Problem> {
    let engine = Arc::clone(engine);
    let looked = tokio::task::spawn_blocking(move || {
        let found = engine.preview(&purge);
        shown(&engine, &purge, found)
    });
    looked.await.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the look at the memory has failed"))
}

fn shown(engine: &Engine, purge: &Purge, found: PurgePreview) -> ShownPreview {
    let invalidation = engine.invalidation();
    let hot = found.hot.len();
    let mut notes = vec!["the fetches of variants and of other instances are their own"];
    if invalidation.is_in_fleet() {
        notes.push("what only Redis or another instance holds is not counted, and would be purged too");
    }
    ShownPreview {
        dry_run: true,
        instance: invalidation.instance().to_owned(),
        depth: purge.depth.label(),
        entries: found.entries,
        bytes: found.bytes,
        fetches: ExpectedFetches { hot, at_most: found.fresh },
        hottest: found.hot.into_iter().take(HOTTEST_SHOWN).map(ShownHot::from).collect(),
        refreshed: engine.refreshes_after(hot),
        scopes_total: purge.scopes.len(),
        scopes: shown_scopes(purge.scopes.get(..SCOPES_SHOWN_MAX).unwrap_or(&purge.scopes), engine),
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_spelt_query_is_taken_and_all_else_purges_nothing() {
        for (query, expected) in [
            (None, Ok(Mode::Purge)),
            (Some(""), Ok(Mode::Purge)),
            (Some("dry_run=false"), Ok(Mode::Purge)),
            (Some("dry_run=true"), Ok(Mode::DryRun)),
            (Some("dry_run=%74rue"), Ok(Mode::DryRun)),
            (Some("dry_run"), Err("dry_run")),
            (Some("dry_run=1"), Err("dry_run")),
            (Some("dry_run=True"), Err("dry_run")),
            (Some("dry_run=true&dry_run=true"), Err("dry_run")),
            (Some("dry_run=true&dry_run=false"), Err("dry_run")),
            (Some("dryrun=true"), Err("dryrun")),
            (Some("dry-run=true"), Err("dry-run")),
            (Some("dry_run=true&soft=true"), Err("soft")),
        ] {
            let read = mode(query).map_err(|problem| problem.field.expect("it names the parameter"));
            assert_eq!(read, expected.map_err(str::to_owned), "{query:?}");
        }
    }
}
