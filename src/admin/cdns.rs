//! Where a purge stands at the CDNs, as receipts show it, and whether a call waits for them.

use super::problem::Problem;
use crate::cdn::place::State;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// A purge at one CDN as JSON.
#[derive(Debug, Serialize)]
pub(super) struct ShownCdn {
    name: String,
    /// `pending`, `failed` (and tried again), `done`, or `unknown` while Redis can't be asked.
    state: &'static str,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// What the CDN was asked for together with this purge.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
    /// Why that is everything, where less was purged here.
    #[serde(skip_serializing_if = "Option::is_none")]
    widened: Option<String>,
    /// The CDN's names for the calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ids: Vec<String>,
    /// What fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// How often in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
}

impl ShownCdn {
    pub(super) fn new((name, state): (&str, State)) -> Self {
        let label = match &state {
            State::Done(_) => "done",
            State::Failed(_) => "failed",
            State::Pending => "pending",
            State::Unknown => "unknown",
        };
        let mut shown = Self {
            name: name.to_owned(),
            state: label,
            at: None,
            asked: None,
            widened: None,
            ids: Vec::new(),
            error: None,
            times: None,
        };
        match state {
            State::Done(Some(outcome)) => {
                shown.at = Some(outcome.at().to_rfc3339());
                shown.asked = Some(outcome.asked);
                shown.widened = outcome.widened;
                shown.ids = outcome.ids;
            }
            State::Failed(failing) => {
                shown.error = Some(failing.error);
                shown.times = Some(failing.times);
            }
            State::Done(None) | State::Pending | State::Unknown => {}
        }
        shown
    }
}

/// For whom a purge waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitFor {
    /// The live instances.
    Instances,
    /// The CDNs, too.
    Cdns,
}

impl WaitFor {
    /// Reads `wait_for`.
    pub(super) fn of(value: &Value, wait: Option<Duration>) -> Result<Self, Problem> {
        match value {
            Value::Null => Ok(Self::Instances),
            _ if wait.is_none() => {
                Err(Problem::input("wait_for", "nothing is waited for").hint("say how long: \"wait\": \"10s\""))
            }
            Value::String(word) if word == "instances" => Ok(Self::Instances),
            Value::String(word) if word == "cdns" => Ok(Self::Cdns),
            _ => Err(Problem::input("wait_for", "it is neither \"instances\" nor \"cdns\"")),
        }
    }
}
