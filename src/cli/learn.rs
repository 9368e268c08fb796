//! `larder learn`.

use super::client::{AdminClient, ClientError, Connection, block_on, print, printable};
use super::config_file::ConfigFile;
use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is asked how far the job is.
const ASKED_EVERY: Duration = Duration::from_millis(200);

/// What `larder learn` takes.
#[derive(Debug, Args)]
pub(super) struct LearnArguments {
    /// For how long to watch, from 1s to 24h. Ctrl-C ends it early, and proposes from what was seen.
    #[arg(long = "for", value_name = "DURATION", default_value = "10m")]
    duration: String,
    /// How many clients, by address, must stand behind each line.
    #[arg(long, value_name = "N", default_value_t = 3)]
    min_clients: u64,
    /// How many answers must stand behind each line.
    #[arg(long, value_name = "N", default_value_t = 20)]
    min_answers: u64,
    /// Write the rules to this new file instead of standard output. It may not lie in the rules folder: nothing that is
    /// proposed comes into force by itself.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Begin nothing: show what the session that runs, or the last one, has learned.
    #[arg(long, conflicts_with_all = ["duration", "min_clients", "min_answers"])]
    show: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Watches, and prints what is proposed.
///
/// # Errors
/// Where the instance refuses, nothing was ever watched, or the file can't be written.
pub(super) fn run(file: &ConfigFile, arguments: &LearnArguments) -> anyhow::Result<()> {
    let client = AdminClient::find(&arguments.connection, || file.admin())?;
    if let Some(out) = &arguments.out {
        let known = block_on(client.get("/learned", &[]))?.body;
        refuse_place(out, Path::new(known["rules_in_force"].as_str().unwrap_or_default()))?;
    }
    let learned = block_on(learn(&client, arguments))?;
    let Some(rules) = learned["rules"].as_str() else {
        anyhow::bail!("nothing was watched yet (hint: `larder learn` without --show watches)");
    };
    if let Some(out) = &arguments.out {
        let created = OpenOptions::new().write(true).create_new(true).open(out);
        let written = created.and_then(|mut file| file.write_all(rules.as_bytes()));
        written.with_context(|| format!("cannot write `{}`", out.display()))?;
    }
    match (&arguments.out, arguments.connection.json) {
        (_, true) => print(&learned.to_string()),
        (None, false) => print(rules),
        (Some(out), false) => print(&summary(&learned, out)),
    }
}

async fn learn(client: &AdminClient, arguments: &LearnArguments) -> Result<Value, ClientError> {
    if !arguments.show {
        let wanted = json!({
            "for": arguments.duration, "min_clients": arguments.min_clients, "min_answers": arguments.min_answers,
        });
        let job = client.post("/learn", &wanted).await?.body;
        let place = format!("/jobs/{}", job["id"].as_str().unwrap_or_default());
        tokio::select! {
            ended = until_ended(client, &place) => ended?,
            _ = tokio::signal::ctrl_c() => { client.delete(&place).await?; }
        }
    }
    Ok(client.get("/learned", &[]).await?.body)
}

async fn until_ended(client: &AdminClient, place: &str) -> Result<(), ClientError> {
    while client.get(place, &[]).await?.body["state"] == "running" {
        tokio::time::sleep(ASKED_EVERY).await;
    }
    Ok(())
}

/// Refuses what lies among the rules in force, or is there already.
fn refuse_place(out: &Path, rules: &Path) -> anyhow::Result<()> {
    let folder = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().with_context(|| format!("`{}` is no folder", folder.display()))?;
    if rules.is_dir() && folder.starts_with(rules) {
        anyhow::bail!(
            "`{}` lies in the rules folder, where it would come into force (hint: write it elsewhere, read it, and move it)",
            out.display()
        );
    }
    if out.exists() {
        anyhow::bail!("`{}` is there already, and nothing is written over it", out.display());
    }
    Ok(())
}

fn summary(learned: &Value, out: &Path) -> String {
    let count = |name: &str| learned[name].as_array().map_or(0, Vec::len);
    let plural = |number: usize| if number == 1 { "" } else { "s" };
    let (routes, left_out) = (count("routes"), count("left_out"));
    let bounds = learned["bounds"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let (found, passed) = (plural(routes), plural(left_out));
    let wrote = format!(
        "wrote {}: {routes} route{found} proposed, {left_out} pattern{passed} left out, each with why",
        out.display()
    );
    let bounds = bounds.map(|bound| format!("a bound was reached: {}", printable(bound)));
    let next = "next: read it, try it, and put it into the rules folder".to_owned();
    std::iter::once(wrote).chain(bounds).chain([next]).collect::<Vec<_>>().join("\n")
}
