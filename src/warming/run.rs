//! One list, warmed from its first URL to its last.

use super::gathered::Gathered;
use super::pace::{Took, Turns};
use super::{Counts, URLS_MAX, WarmOrder, WarmSource, documents};
use crate::engine::Engine;
use crate::engine::warm::Warmed;
use crate::jobs::{Job, JobProblem};
use crate::rules::url_scopes::absolute;
use crate::rules::warm_url::{Base, url};
use http::{HeaderMap, Uri};
use std::path::Path;
use std::sync::Arc;
use tokio::task::{JoinSet, spawn_blocking};

pub(super) async fn run(
    engine: Arc<Engine>,
    counts: Arc<Counts>,
    job: Arc<Job>,
    order: WarmOrder,
) -> Result<(), String> {
    let items = items(&engine, &job, order.source, order.headers).await?;
    job.set_total(items.len() as u64);
    let list = Arc::new(List { engine, counts, job, turns: Turns::new(order.pace) });
    // Dropped when the job is cancelled: what waits for its turn ends, what is being fetched goes on by itself.
    let mut under_way = JoinSet::new();
    for (url, headers) in items {
        if under_way.len() >= order.pace.concurrent.get() {
            under_way.join_next().await;
        }
        list.turns.wait().await;
        under_way.spawn(Arc::clone(&list).warm(url, headers));
    }
    while under_way.join_next().await.is_some() {}
    Ok(())
}

/// What is to be warmed, each with its fields.
async fn items(
    engine: &Arc<Engine>,
    job: &Arc<Job>,
    source: WarmSource,
    headers: HeaderMap,
) -> Result<Vec<(Uri, Arc<HeaderMap>)>, String> {
    let urls = match source {
        WarmSource::Urls(urls) => urls,
        WarmSource::Sitemap(sitemap) => {
            let problem = |item, reason| job.note(JobProblem { item, reason });
            documents::pages(engine, &sitemap, problem).await?
        }
        WarmSource::Log(log, top, base) => {
            let job = Arc::clone(job);
            let read = spawn_blocking(move || named_by(&log, top.min(URLS_MAX), base.as_ref(), &job));
            read.await.map_err(|_| "the log could not be read".to_owned())??
        }
        WarmSource::Hot(hot) => {
            let parsed = hot.iter().filter_map(|hot| Some((absolute(&hot.url).ok()?, Arc::new(hot.header_map()))));
            return Ok(parsed.collect());
        }
    };
    let headers = Arc::new(headers);
    Ok(urls.into_iter().map(|url| (url, Arc::clone(&headers))).collect())
}

/// What an access log names most often.
fn named_by(log: &Path, top: usize, base: Option<&Base>, job: &Job) -> Result<Vec<Uri>, String> {
    let mut gathered = Gathered::default();
    gathered.file(&log.to_string_lossy(), "http").map_err(|error| shown(&error))?;
    let note = |item: &str, reason: String| job.note(JobProblem { item: item.to_owned(), reason });
    gathered.logs.damaged_named.iter().for_each(|place| note(place, "damaged-line".to_owned()));
    let mut urls = Vec::new();
    for text in gathered.by_count(Some(top)) {
        match url(&text, base) {
            Ok(url) => urls.push(url),
            Err(error) => note(&text, error.to_string()),
        }
    }
    Ok(urls)
}

fn shown(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

struct List {
    engine: Arc<Engine>,
    counts: Arc<Counts>,
    job: Arc<Job>,
    turns: Turns,
}

impl List {
    async fn warm(self: Arc<Self>, url: Uri, headers: Arc<HeaderMap>) {
        let warmed = self.engine.warm(&url, &headers, |gives_way| self.job.set_gives_way(gives_way)).await;
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
