//! `GET /jobs`, `GET /jobs/{id}`, `DELETE /jobs/{id}`.

use super::AdminState;
use super::problem::Problem;
use crate::jobs::{Job, JobReport};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::collections::BTreeMap;

/// A job as JSON.
#[derive(Debug, Serialize)]
pub(super) struct ShownJob {
    id: String,
    kind: &'static str,
    about: String,
    state: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    began_at: String,
    ended_at: Option<String>,
    /// None while it is being found out.
    total: Option<u64>,
    done: u64,
    results: BTreeMap<&'static str, u64>,
    /// The last twenty.
    problems: Vec<ShownProblem>,
    /// Whether it waits now, so that clients go first.
    gives_way: bool,
}

#[derive(Debug, Serialize)]
struct ShownProblem {
    item: String,
    reason: String,
}

impl From<&Job> for ShownJob {
    fn from(job: &Job) -> Self {
        let JobReport { state, ended_at, why, total, done, results, problems, gives_way } = job.report();
        let shown = |problem: crate::jobs::JobProblem| ShownProblem { item: problem.item, reason: problem.reason };
        Self {
            id: job.id.clone(),
            kind: job.kind.label(),
            about: job.about.clone(),
            state: state.label(),
            why,
            began_at: job.began_at.to_rfc3339(),
            ended_at: ended_at.map(crate::clock::Timestamp::to_rfc3339),
            total,
            done,
            results,
            problems: problems.into_iter().map(shown).collect(),
            gives_way,
        }
    }
}

#[derive(Serialize)]
struct List {
    jobs: Vec<ShownJob>,
}

/// Those that run, and the last that have ended, newest first.
pub(super) async fn list(State(state): State<AdminState>) -> Response {
    Json(List { jobs: state.jobs.list().iter().map(|job| ShownJob::from(&**job)).collect() }).into_response()
}

pub(super) async fn show(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Response, Problem> {
    let job = state.jobs.find(&id).ok_or_else(unknown)?;
    Ok(Json(ShownJob::from(&*job)).into_response())
}

/// Cancels a job, and says how it ended. One that has ended stays as it was.
pub(super) async fn cancel(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Response, Problem> {
    let job = state.jobs.find(&id).ok_or_else(unknown)?;
    job.cancel();
    job.ended().await;
    Ok(Json(ShownJob::from(&*job)).into_response())
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no job of this id is remembered").hint("GET /jobs lists the recent ones")
}
