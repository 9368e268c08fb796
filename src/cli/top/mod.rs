//! `larder top`: the busiest keys, the popular search terms and the routes, live in a terminal.

mod screen;
mod view;

use super::client::{AdminClient, ClientError, Connection, block_on, print};
use super::config_file::ConfigFile;
use super::explain::encoded;
use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use view::View;

/// What `larder top` takes.
#[derive(Debug, Args)]
pub(super) struct TopArguments {
    /// What is counted first: requests, hits, misses, bytes, upstream_ms or origin_seconds_saved.
    #[arg(long, value_name = "MEASURE", default_value = "requests", value_parser = view::MEASURES)]
    by: String,
    /// How far back: 1m, 10m or 1h.
    #[arg(long, value_name = "WINDOW", default_value = "10m", value_parser = view::WINDOWS)]
    window: String,
    /// Only this route; - for requests that match none.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    route: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// How often the instance is asked.
const EVERY: Duration = Duration::from_secs(1);

/// How long a key is waited for before it is looked whether it is time to ask.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// What an instance says of itself, for one view.
#[derive(Debug, Default)]
struct Seen {
    top: Value,
    searches: Value,
    /// Why it could not be asked the last time.
    failure: Option<String>,
}

/// Shows what is busy until the user has seen enough; once, where no key can be pressed.
///
/// # Errors
/// If the instance can't be asked, or the terminal fails.
pub(super) fn run(file: &ConfigFile, arguments: TopArguments) -> anyhow::Result<()> {
    let client = AdminClient::find(&arguments.connection, || file.admin())?;
    let view = View::new(&arguments.by, &arguments.window, arguments.route);
    let (top, searches) = block_on(ask(&client, &view))?;
    if arguments.connection.json {
        return print(&json!({ "top": top, "searches": searches }).to_string());
    }
    let seen = Seen { top, searches, failure: None };
    if !(std::io::stdout().is_terminal() && std::io::stdin().is_terminal()) {
        return print(&screen::text(&seen));
    }
    let mut terminal = ratatui::try_init()?;
    let watched = watch(&mut terminal, &client, view, seen);
    ratatui::try_restore()?;
    watched
}

/// Shows the instance until the user ends it.
fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    client: &AdminClient,
    mut view: View,
    mut seen: Seen,
) -> anyhow::Result<()> {
    let mut asked = Instant::now();
    loop {
        terminal.draw(|frame| screen::draw(frame, &view, &seen))?;
        let mut is_due = asked.elapsed() >= EVERY;
        if event::poll(KEY_WAIT)?
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            if ends(key) {
                return Ok(());
            }
            if let KeyCode::Char(key) = key.code {
                is_due |= view.press(key, &seen.top);
            }
        }
        if is_due {
            asked = Instant::now();
            match block_on(ask(client, &view)) {
                Ok((top, searches)) => seen = Seen { top, searches, failure: None },
                Err(error) => seen.failure = Some(error.to_string()),
            }
        }
    }
}

fn ends(key: KeyEvent) -> bool {
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

async fn ask(client: &AdminClient, view: &View) -> Result<(Value, Value), ClientError> {
    let mut query = format!("?by={}&window={}&limit=100", encoded(view.by()), encoded(view.window()));
    if let Some(route) = view.route() {
        query = format!("{query}&route={}", encoded(route));
    }
    let top = client.get(&format!("/top{query}"), &[]).await?;
    let searches = client.get(&format!("/searches{query}"), &[]).await?;
    Ok((top.body, searches.body))
}
