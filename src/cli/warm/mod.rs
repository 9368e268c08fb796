//! `larder warm`.

mod progress;

use super::client::{AdminClient, ClientError, Connection, print, printable};
use super::config_file::ConfigFile;
use crate::warming::gathered::Gathered;
use clap::Args;
use progress::Progress;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The most URLs of one call to the admin API.
const CALL_URLS_MAX: usize = 10_000;

/// The most bytes that they may have in one call.
const CALL_BYTES_MAX: usize = 768 * 1024;

/// How often it is asked how far a job is.
const ASKED_EVERY: Duration = Duration::from_millis(200);

/// What `larder warm` takes.
#[derive(Debug, Args)]
pub(super) struct WarmArguments {
    /// What to warm: URLs; the URL of a sitemap, which ends with .xml or .xml.gz; or files, - for standard input, that hold a list
    /// of URLs, a sitemap, or an access log (Larder's JSON or text, the common or combined format), gzipped or not.
    #[arg(required = true, value_name = "URL|FILE")]
    what: Vec<String>,
    /// Where paths without a host belong: shop.example.com, or <https://shop.example.com>. Default: `listen.default_host`.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The scheme of requests in logs that name a host: it is part of the cache key where proxies report it.
    #[arg(long, value_name = "SCHEME", default_value = "http", value_parser = ["http", "https"])]
    scheme: String,
    /// A field of each request, such as "Accept-Language: de". May be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = field)]
    headers: Vec<(String, String)>,
    /// Warm the so many URLs found most often.
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// How many are fetched at once, 1 to 64 [default: 4].
    #[arg(long, value_name = "N")]
    concurrent: Option<u64>,
    /// How many are fetched in a time, on average, e.g. "50/s", "300/m" [default: as fast as the upstream answers].
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as \"NAME: VALUE\"")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// What came of all jobs.
#[derive(Debug, Default)]
struct Outcome {
    jobs: Vec<String>,
    results: BTreeMap<String, u64>,
    problems: Vec<Value>,
    /// What did not come to its end, and why.
    unfinished: Vec<String>,
}

/// Warms, and prints what came of it.
///
/// # Errors
/// Where a file can't be read, the instance refuses, or something could not be fetched.
pub(super) fn run(file: &ConfigFile, arguments: &WarmArguments) -> anyhow::Result<()> {
    let client = AdminClient::find(&arguments.connection, || file.admin())?;
    let (mut gathered, mut sitemaps) = (Gathered::default(), Vec::new());
    for what in &arguments.what {
        let is_url = what.starts_with("http://") || what.starts_with("https://");
        match (is_url, is_sitemap(what)) {
            (true, true) => sitemaps.push(what.clone()),
            (true, false) => gathered.add(what.clone())?,
            (false, _) => gathered.file(what, &arguments.scheme)?,
        }
    }
    sitemaps.append(&mut gathered.sitemaps);
    progress::report_damage(&gathered);
    let urls = gathered.by_count(arguments.top);
    if urls.is_empty() && sitemaps.is_empty() {
        anyhow::bail!("nothing was found to warm");
    }
    let lists = calls(urls).map(|urls| json!({ "urls": urls }));
    let bodies = lists.chain(sitemaps.into_iter().map(|sitemap| json!({ "sitemap": sitemap })));
    let bodies: Vec<_> = bodies.map(|body| with_options(body, arguments)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(warm_all(&client, bodies))?;
    let shown =
        if arguments.connection.json { summary_json(&outcome, &gathered).to_string() } else { summary(&outcome) };
    print(&shown)?;
    let failed = outcome.results.get("failed").copied().unwrap_or_default();
    match (outcome.unfinished.first(), failed) {
        (Some(why), _) => anyhow::bail!("it did not come to its end: {}", printable(why)),
        (None, 1..) => anyhow::bail!("{failed} could not be fetched"),
        (None, 0) => Ok(()),
    }
}

fn is_sitemap(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let path = path.strip_suffix(".gz").unwrap_or(&path);
    Path::new(path).extension().is_some_and(|extension| extension == "xml")
}

/// The URLs in as many calls as they need.
fn calls(urls: Vec<String>) -> impl Iterator<Item = Vec<String>> {
    let mut urls = urls.into_iter().peekable();
    std::iter::from_fn(move || {
        let (mut call, mut bytes) = (Vec::new(), 0);
        while let Some(url) = urls
            .next_if(|url| call.is_empty() || (call.len() < CALL_URLS_MAX && bytes + json_bytes(url) < CALL_BYTES_MAX))
        {
            bytes += json_bytes(&url);
            call.push(url);
        }
        (!call.is_empty()).then_some(call)
    })
}

/// How many bytes a text takes in JSON at most.
fn json_bytes(text: &str) -> usize {
    text.bytes().map(|byte| if byte < b' ' || byte == b'"' || byte == b'\\' { 6 } else { 1 }).sum::<usize>() + 3
}

fn with_options(mut body: Value, arguments: &WarmArguments) -> Value {
    let headers: serde_json::Map<_, _> =
        arguments.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    if !headers.is_empty() {
        body["headers"] = Value::Object(headers);
    }
    for (name, value) in [
        ("host", arguments.host.as_deref().map(Value::from)),
        ("concurrent", arguments.concurrent.map(Value::from)),
        ("rate", arguments.rate.as_deref().map(Value::from)),
    ] {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    body
}

/// One job after another. Interrupted, it calls the job off.
async fn warm_all(client: &AdminClient, bodies: Vec<Value>) -> Result<Outcome, ClientError> {
    let mut outcome = Outcome::default();
    let progress = Progress::new(&bodies);
    for body in bodies {
        let begun = client.post("/warm", &body).await?.body;
        let id = begun["id"].as_str().unwrap_or_default().to_owned();
        outcome.jobs.push(id.clone());
        let ended = tokio::select! {
            ended = until_ended(client, &id, &progress) => ended?,
            _ = tokio::signal::ctrl_c() => client.delete(&format!("/jobs/{id}")).await?.body,
        };
        progress.ended(&ended);
        outcome.take(&ended);
        if ended["state"] == "cancelled" {
            break;
        }
    }
    progress.close();
    Ok(outcome)
}

async fn until_ended(client: &AdminClient, id: &str, progress: &Progress) -> Result<Value, ClientError> {
    loop {
        let job = client.get(&format!("/jobs/{id}"), &[]).await?.body;
        if job["state"] != "running" {
            return Ok(job);
        }
        progress.at(&job);
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

impl Outcome {
    fn take(&mut self, job: &Value) {
        for (result, count) in job["results"].as_object().into_iter().flatten() {
            *self.results.entry(result.clone()).or_default() += count.as_u64().unwrap_or_default();
        }
        self.problems.extend(job["problems"].as_array().into_iter().flatten().cloned());
        if job["state"] != "done" {
            let state = job["state"].as_str().unwrap_or("gone");
            let about = job["about"].as_str().unwrap_or_default();
            let why = job["why"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            self.unfinished.push(format!("{about} {state}{why}"));
        }
    }
}

fn summary(outcome: &Outcome) -> String {
    let done: u64 = outcome.results.values().sum();
    let results: Vec<_> = outcome.results.iter().map(|(result, count)| format!("{count} {result}")).collect();
    let plural = if done == 1 { "" } else { "s" };
    let mut lines = vec![format!("{done} URL{plural}: {}", results.join(", "))];
    for problem in &outcome.problems {
        let text = |name: &str| problem[name].as_str().unwrap_or("?");
        lines.push(printable(&format!("  {} ({})", text("item"), text("reason"))));
    }
    lines.join("\n")
}

fn summary_json(outcome: &Outcome, gathered: &Gathered) -> Value {
    json!({
        "done": outcome.results.values().sum::<u64>(),
        "results": outcome.results,
        "problems": outcome.problems,
        "unfinished": outcome.unfinished,
        "jobs": outcome.jobs,
        "passed_over": gathered.passed_over,
        "damaged_lines": gathered.logs.damaged,
        "damaged": gathered.logs.damaged_named,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_go_in_as_many_calls_as_their_number_and_length_need() {
        let sizes = |urls: Vec<String>| calls(urls).map(|call| call.len()).collect::<Vec<_>>();
        assert_eq!(sizes(vec!["/a".to_owned(); 3]), [3]);
        assert_eq!(sizes(Vec::new()), Vec::<usize>::new());
        assert_eq!(sizes(vec!["/a".to_owned(); 20_001]), [10_000, 10_000, 1]);
        let long = vec!["/".repeat(8_000); 200];
        assert_eq!(sizes(long.clone()).iter().sum::<usize>(), 200);
        for call in calls(long) {
            assert!(json!({ "urls": call }).to_string().len() < 1 << 20);
        }
    }

    #[test]
    fn what_came_of_all_jobs_reads_as_a_sentence() {
        let mut outcome = Outcome::default();
        outcome.take(&json!({"state": "done", "results": {"fetched": 2, "fresh": 1}, "problems": []}));
        outcome.take(&json!({
            "state": "failed", "about": "the sitemap", "why": "it is gone", "results": {"fetched": 1},
            "problems": [{"item": "http://shop/a", "reason": "route-passes"}],
        }));
        assert_eq!(summary(&outcome), "4 URLs: 3 fetched, 1 fresh\n  http://shop/a (route-passes)");
        assert_eq!(outcome.unfinished, ["the sitemap failed: it is gone"]);
    }
}
