//! `larder purge`.

use super::client::{AdminClient, Connection, block_on, names, print, printable};
use super::config_file::ConfigFile;
use clap::Args;
use http::StatusCode;
use serde_json::{Value, json};

/// What `larder purge` takes.
#[derive(Debug, Args)]
#[group(id = "scopes", required = true, multiple = true, args = ["tags", "urls", "prefixes", "routes", "all"])]
pub(super) struct PurgeArguments {
    /// Purge what carries this tag or belongs to this group, e.g. "red shoes". This and the next three may be given several
    /// times.
    #[arg(long = "tag", visible_alias = "group", value_name = "TAG")]
    tags: Vec<String>,
    /// Purge all variants of this URL: absolute, or beginning with / for every authority.
    #[arg(long = "url", value_name = "URL")]
    urls: Vec<String>,
    /// Purge the URLs that begin with this: absolute, or beginning with / for every authority.
    #[arg(long = "prefix", value_name = "PREFIX")]
    prefixes: Vec<String>,
    /// Purge what this route has stored.
    #[arg(long = "route", value_name = "NAME")]
    routes: Vec<String>,
    /// Purge everything.
    #[arg(long)]
    all: bool,
    /// Make responses stale instead of unusable, so that stale windows still apply.
    #[arg(long)]
    soft: bool,
    /// Wait this long for every live instance, e.g. "2s"; fail if one has not purged by then.
    #[arg(long, value_name = "DURATION")]
    wait: Option<String>,
    /// Wait for the CDNs, too.
    #[arg(long, requires = "wait")]
    cdns: bool,
    /// Purge nothing, and show what would be purged of the memory of the instance that is asked.
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Purges, and prints the receipt.
///
/// # Errors
/// Where the purge is refused, can't be asked for, or has not reached every instance within the wait.
pub(super) fn run(file: &ConfigFile, arguments: PurgeArguments) -> anyhow::Result<()> {
    let client = AdminClient::find(&arguments.connection, || file.admin())?;
    let json = arguments.connection.json;
    if arguments.dry_run {
        let said = block_on(client.post("/purge?dry_run=true", &body(arguments)))?;
        return print(&if json { said.body.to_string() } else { render_preview(&said.body) });
    }
    let said = block_on(client.post("/purge", &body(arguments)))?;
    print(&if json { said.body.to_string() } else { render(&said.body) })?;
    if said.status == StatusCode::ACCEPTED {
        let instances =
            said.body["pending"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let waiting: Vec<String> = instances.chain(cdns_left(&said.body)).collect();
        anyhow::bail!("the wait ran out: {} have not purged yet", names(&json!(waiting)));
    }
    Ok(())
}

fn body(arguments: PurgeArguments) -> Value {
    let PurgeArguments { tags, urls, prefixes, routes, all, soft, wait, cdns, dry_run, connection: _ } = arguments;
    let mut body = json!({
        "tags": tags, "urls": urls, "prefixes": prefixes, "routes": routes, "all": all, "soft": soft, "wait": wait,
    });
    if cdns {
        body["wait_for"] = json!("cdns");
    }
    if dry_run {
        // Said in the body, too: an instance of a version that ignores the query refuses this, and does not purge.
        body["dry_run"] = Value::Bool(true);
    }
    body
}

fn render_preview(preview: &Value) -> String {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let text = |value: &Value| printable(value.as_str().unwrap_or("?"));
    let (hot, fetches) = (number(&preview["fetches"]["hot"]), number(&preview["fetches"]["at_most"]));
    let size = bytesize::ByteSize::b(number(&preview["bytes"]));
    let mut lines = vec![
        "nothing was purged; this is what would be".to_owned(),
        format!("  {} stored responses, {size}, in the memory of {}", preview["entries"], text(&preview["instance"])),
        format!("  fetches to expect: {hot} of the keys asked for most, at most {fetches} of all that is fresh"),
    ];
    if preview["refreshed"] == json!(true) {
        lines.push("  Larder would fetch the hot ones again by itself (refresh.after_purge)".to_owned());
    }
    for hottest in preview["hottest"].as_array().into_iter().flatten() {
        lines.push(format!("  hot: {} ({})", text(&hottest["url"]), text(&hottest["route"])));
    }
    lines.extend(scope_lines(preview));
    lines.extend(preview["notes"].as_array().into_iter().flatten().map(|note| format!("note: {}", text(note))));
    lines.join("\n")
}

fn render(receipt: &Value) -> String {
    let text = |field: &str| printable(receipt[field].as_str().unwrap_or("?"));
    let scopes = receipt["scopes_total"].as_u64().unwrap_or_default();
    let plural = if scopes == 1 { "" } else { "s" };
    let mut lines = vec![format!("purged {scopes} scope{plural}, {}, receipt {}", text("depth"), text("id"))];
    lines.extend(scope_lines(receipt));
    lines.push(format!("applied by {}", names(&receipt["applied"])));
    for cdn in receipt["cdns"].as_array().into_iter().flatten() {
        let text = |field: &str| cdn[field].as_str().map(printable);
        let (name, state) = (text("name").unwrap_or_default(), text("state").unwrap_or_default());
        let more = text("error").or_else(|| text("widened")).map_or_else(String::new, |more| format!(" ({more})"));
        lines.push(format!("at the CDN {name}: {state}{more}"));
    }
    lines.join("\n")
}

/// The CDNs at which the purge is not made yet.
fn cdns_left(receipt: &Value) -> impl Iterator<Item = String> {
    let cdns = receipt["cdns"].as_array().into_iter().flatten();
    cdns.filter(|cdn| cdn["state"] != json!("done")).filter_map(|cdn| cdn["name"].as_str().map(str::to_owned))
}

fn scope_lines(answer: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for scope in answer["scopes"].as_array().into_iter().flatten() {
        let (kind, name) = (scope["kind"].as_str().unwrap_or("?"), scope["name"].as_str().unwrap_or_default());
        lines.push(printable(&format!("  {kind} {name}")).trim_end().to_owned());
        if scope["may_match"] == json!(false) {
            lines.push("    nothing in the memory of the instance that was asked carries it".to_owned());
        }
        lines.extend(scope["hint"].as_str().map(|hint| printable(&format!("    hint: {hint}"))));
    }
    let shown = answer["scopes"].as_array().map_or(0, Vec::len) as u64;
    let scopes = answer["scopes_total"].as_u64().unwrap_or_default();
    if scopes > shown {
        lines.push(format!("  and {} more", scopes - shown));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        arguments: PurgeArguments,
    }

    fn parse(line: &str) -> Result<PurgeArguments, clap::error::ErrorKind> {
        let words = std::iter::once("purge").chain(line.split_whitespace());
        Alone::try_parse_from(words).map(|alone| alone.arguments).map_err(|error| error.kind())
    }

    #[test]
    fn the_flags_become_the_body() {
        let arguments = parse("--tag a --group b --url /x --soft --wait 2s").unwrap();
        let expected = json!({
            "tags": ["a", "b"], "urls": ["/x"], "prefixes": [], "routes": [], "all": false, "soft": true, "wait": "2s",
        });
        assert_eq!(body(arguments), expected);
    }

    #[test]
    fn a_purge_of_nothing_is_wrong_usage() {
        for line in ["", "--soft", "--wait 2s"] {
            assert_eq!(parse(line).unwrap_err(), clap::error::ErrorKind::MissingRequiredArgument, "{line}");
        }
        for line in ["--all", "--route product", "--prefix / --tag a"] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_receipt_reads_as_a_sentence() {
        let receipt = json!({
            "id": "beef-0-1", "depth": "hard", "applied": ["one"], "scopes_total": 2,
            "scopes": [{"kind": "all", "may_match": true}, {"kind": "tag", "name": "a", "may_match": false, "hint": "b?"}],
        });
        let expected = "purged 2 scopes, hard, receipt beef-0-1\n  all\n  tag a\n    nothing in the memory of the instance that was \
                        asked carries it\n    hint: b?\napplied by one";
        assert_eq!(render(&receipt), expected);
    }
}
