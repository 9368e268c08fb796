//! The `[[warm]]` blocks of the rules in force: at the start, and again and again.

use super::{WarmOrder, WarmSource, Warming};
use crate::jobs::{Job, JobState};
use crate::rules::warm::{AtStart, WarmBlock, WarmFrom};
use crate::rules::warm_url::url;
use http::HeaderMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How often it is looked which blocks are due: the shortest time between two rounds of one.
const LOOKED_EVERY: Duration = Duration::from_millis(500);

/// How long a start waits for what is warmed before the instance is ready.
const START_WAITS_FOR: Duration = Duration::from_secs(30);

/// When a block is due, and what it does still.
struct Due {
    at: Instant,
    job: Option<Arc<Job>>,
}

impl Warming {
    /// Whether there is anything to do at the start.
    pub(crate) fn warms_at_start(&self) -> bool {
        self.engine.rules().warm().iter().any(|block| block.at_start == AtStart::Warmed)
    }

    /// Does the blocks that are done at the start, and waits for them, but not for long: what is not done by then goes on.
    pub(crate) async fn warm_at_start(&self) {
        let rules = self.engine.rules();
        let blocks = rules.warm().iter().filter(|block| block.at_start == AtStart::Warmed);
        let jobs: Vec<_> = blocks.filter_map(|block| self.begin_block(block)).collect();
        let ended = async {
            for job in &jobs {
                job.ended().await;
            }
        };
        if timeout(START_WAITS_FOR, ended).await.is_err() {
            tracing::warn!(waited = ?START_WAITS_FOR, "what is warmed at the start is not done yet; the instance is ready, and it goes on");
        }
    }

    /// Does the blocks that are due, for as long as the instance lives. Those of rules that are no longer in force are
    /// forgotten; a new one is due once its time has passed.
    pub(crate) async fn keep_schedule(self: Arc<Self>) {
        let mut schedule: HashMap<WarmBlock, Due> = HashMap::new();
        loop {
            let (rules, now) = (self.engine.rules(), Instant::now());
            schedule.retain(|block, _| rules.warm().contains(block));
            for block in rules.warm() {
                let Some(every) = block.every else { continue };
                let due = schedule.entry(block.clone()).or_insert(Due { at: now + every, job: None });
                let still_runs = due.job.as_ref().is_some_and(|job| job.report().state == JobState::Running);
                if now >= due.at && !still_runs {
                    *due = Due { at: now + every, job: self.begin_block(block) };
                }
            }
            sleep(LOOKED_EVERY).await;
        }
    }

    /// Begins what a block says; `None` if it can't be, which the log says.
    fn begin_block(&self, block: &WarmBlock) -> Option<Arc<Job>> {
        let order = self.order_of(block);
        match order.and_then(|order| self.begin(order).map_err(|error| error.to_string())) {
            Ok(job) => Some(job),
            Err(error) => {
                tracing::warn!("{} is not done: {error}", block.from.about());
                None
            }
        }
    }

    fn order_of(&self, block: &WarmBlock) -> Result<WarmOrder, String> {
        let base = block.base.as_ref().or(self.default_base());
        let parsed = |text: &str| url(text, base).map_err(|error| format!("`{text}`: {error}"));
        let source = match &block.from {
            WarmFrom::Urls(urls) => WarmSource::Urls(urls.iter().map(|text| parsed(text)).collect::<Result<_, _>>()?),
            WarmFrom::Sitemap(sitemap) => WarmSource::Sitemap(parsed(sitemap)?),
            WarmFrom::Log(log, top) => WarmSource::Log(log.clone(), *top, base.cloned()),
            WarmFrom::Top(top) => WarmSource::Hot(self.hottest(*top)),
        };
        Ok(WarmOrder { about: block.from.about(), source, headers: HeaderMap::new(), pace: block.pace })
    }
}
