//! What a session has come to: routes that are proposed, what is left out and why, and where a bound was reached.

use super::exchange::PassedOver;
use super::judge::{Wanted, judge};
use super::notebook::{Notebook, Page};
use super::paths::{Cluster, Pattern, clusters};
use super::verdict::{LeftOut, Proposed};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most clusters that are judged.
const CLUSTERS_MAX: usize = 1_000;

/// Statuses of answers that `ttl` speaks of.
const KEPT_STATUSES: [u16; 6] = [200, 203, 204, 300, 301, 308];

/// What was learned.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    /// For how long was watched.
    pub(super) watched: Duration,
    /// How much evidence was wanted.
    pub(super) clients_min: usize,
    pub(super) answers_min: usize,
    /// How many answers were noted, of how many URLs, and kept to be compared.
    pub(super) answers: u64,
    pub(super) urls: usize,
    pub(super) routes: Vec<Learned<Proposed>>,
    pub(super) left_out: Vec<Learned<LeftOut>>,
    /// Clusters beyond those that were judged.
    pub(super) not_judged: usize,
    pub(super) passed_over: BTreeMap<PassedOver, u64>,
}

/// A cluster of URLs, and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Learned<T> {
    pub(super) pattern: Pattern,
    pub(super) answers: u64,
    pub(super) urls: usize,
    pub(super) verdict: T,
}

impl Proposal {
    /// Judges what is noted.
    pub(super) fn of(notebook: &Notebook, wanted: Wanted) -> Self {
        let mut proposal = Self {
            watched: wanted.watched,
            clients_min: wanted.clients,
            answers_min: wanted.answers,
            answers: notebook.answers(),
            urls: notebook.pages.len(),
            routes: Vec::new(),
            left_out: Vec::new(),
            not_judged: 0,
            passed_over: notebook.passed_over.clone(),
        };
        let mut clusters = clusters(notebook.pages.iter().filter(|page| may_be_kept(page)), wanted.clients);
        clusters.sort_by_cached_key(|cluster| std::cmp::Reverse(answers(cluster)));
        proposal.not_judged = clusters.len().saturating_sub(CLUSTERS_MAX);
        let bearers = notebook.bearers();
        for cluster in clusters.into_iter().take(CLUSTERS_MAX) {
            let (answers, urls) = (answers(&cluster), cluster.pages.len());
            match judge(&cluster, notebook, &bearers, wanted) {
                Ok(verdict) => {
                    proposal.routes.push(Learned { pattern: cluster.pattern, answers, urls, verdict });
                }
                Err(verdict) => {
                    proposal.left_out.push(Learned { pattern: cluster.pattern, answers, urls, verdict });
                }
            }
        }
        // The first that matches decides: words go before variables.
        proposal.routes.sort_by_cached_key(|route| (route.pattern.variables(), route.pattern.clone()));
        proposal
    }

    /// What is left out and would be matched by a route that is proposed.
    pub(super) fn exceptions(&self) -> impl Iterator<Item = &Learned<LeftOut>> {
        let is_taken = |pattern: &Pattern| self.routes.iter().any(|route| route.pattern.overlaps(pattern));
        self.left_out.iter().filter(move |left_out| is_taken(&left_out.pattern))
    }

    /// Where a bound was reached: how many answers were not noted for it, and what it is.
    pub(super) fn bounds(&self) -> impl Iterator<Item = (u64, &'static str)> {
        self.passed_over.iter().filter_map(|(why, count)| Some((*count, why.bound()?)))
    }
}

fn answers(cluster: &Cluster<'_>) -> u64 {
    cluster.pages.iter().map(|page| page.answers).sum()
}

fn may_be_kept(page: &Page) -> bool {
    page.looks.iter().any(|look| KEPT_STATUSES.contains(&look.status))
}
