//! One list, warmed from its first URL to its last.

use super::pace::{Took, Turns};
use super::{Counts, WarmOrder, WarmSource, documents};
use crate::engine::Engine;
use crate::engine::warm::Warmed;
use crate::jobs::{Job, JobProblem};
use http::{HeaderMap, Uri};
use std::sync::Arc;
use tokio::task::JoinSet;

pub(super) async fn run(
    engine: Arc<Engine>,
    counts: Arc<Counts>,
    job: Arc<Job>,
    order: WarmOrder,
) -> Result<(), String> {
    let urls = match order.source {
        WarmSource::Urls(urls) => urls,
        WarmSource::Sitemap(sitemap) => {
            let problem = |item, reason| job.note(JobProblem { item, reason });
            documents::pages(&engine, &sitemap, problem).await?
        }
    };
    job.set_total(urls.len() as u64);
    let list = Arc::new(List { engine, counts, job, headers: order.headers, turns: Turns::new(order.pace) });
    // Dropped when the job is cancelled: what waits for its turn ends, what is being fetched goes on in tasks of its own.
    let mut under_way = JoinSet::new();
    for url in urls {
        if under_way.len() >= order.pace.concurrent.get() {
            under_way.join_next().await;
        }
        list.turns.wait().await;
        under_way.spawn(Arc::clone(&list).warm(url));
    }
    while under_way.join_next().await.is_some() {}
    Ok(())
}

struct List {
    engine: Arc<Engine>,
    counts: Arc<Counts>,
    job: Arc<Job>,
    headers: HeaderMap,
    turns: Turns,
}

impl List {
    async fn warm(self: Arc<Self>, url: Uri) {
        let warmed = self.engine.warm(&url, &self.headers, |gives_way| self.job.set_gives_way(gives_way)).await;
        let (label, why, took) = match warmed {
            Ok(warmed) => (warmed.label(), warmed.why().map(|why| why.label().to_owned()), took(warmed)),
            Err(error) => (Warmed::NO_REQUEST, Some(error.to_string()), Took::Nothing),
        };
        self.turns.note(took);
        self.counts.add(label);
        self.job.count(label);
        if let Some(why) = why {
            self.job.note(JobProblem { item: url.to_string(), reason: why });
        }
    }
}

const fn took(warmed: Warmed) -> Took {
    match warmed {
        Warmed::Fresh | Warmed::FromSharedTier | Warmed::UnderWay | Warmed::NotCached(_) => Took::Nothing,
        Warmed::Fetched | Warmed::NotStored(_) => Took::Fetch,
        Warmed::Failed(_) => Took::Failure,
    }
}
