//! `larder demo`: a sample shop API and the proxy in front of it, in one process. It plays itself once, then stays up with
//! the curl lines to try.

mod catalog;
mod shop;
mod tour;
mod walkthrough;

use crate::cli::serve;
use crate::config::{self, Environment, Overrides};
use anyhow::Context as _;
use shop::Shop;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tour::Tour;

/// What `larder demo` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArguments {
    /// Where the proxy listens; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where its admin API listens; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9180")]
    admin: SocketAddr,
}

/// The rules that the demo runs under.
const RULES: &str = include_str!("rules.toml");

/// Runs shop and proxy until the process is asked to stop.
///
/// # Errors
/// Where no port is free or the temporary folder can't be written.
pub(crate) fn run(arguments: DemoArguments) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new().context("cannot start the runtime")?.block_on(serve_both(arguments))
}

async fn serve_both(arguments: DemoArguments) -> anyhow::Result<()> {
    let shop = Shop::start().await.context("cannot start the sample shop")?;
    let folder = ConfigFolder::create(&arguments, shop.address)?;
    let config = config::load(&folder.path().join("proxy.toml"), &Overrides::default(), &Environment::default())?;
    let started = serve::start(config).await;
    let mut larder =
        started.context("cannot start the proxy (hint: --listen 127.0.0.1:0 --admin 127.0.0.1:0 picks free ports)")?;
    let places = walkthrough::Places {
        larder: larder.data_address,
        admin: larder.admin_address,
        shop: shop.address,
        rules: folder.path().join("rules.toml"),
    };
    let mut out = anstream::stdout();
    writeln!(out, "Larder is at http://{}, in front of a sample shop at http://{}.", places.larder, places.shop)
        .context("cannot print")?;
    Tour { places: &places, shop: &shop, pause: pause() }.play(&mut out).await?;
    write!(out, "{}", walkthrough::text(&places)).context("cannot print")?;
    let stopped = tokio::select! {
        asked = stop_asked() => asked,
        ended = larder.essential_task_ended() => Err(ended.into()),
    };
    larder.stop().await;
    stopped
}

/// Time to read along on a terminal; `None` if a program reads.
fn pause() -> Duration {
    if std::io::stdout().is_terminal() { Duration::from_millis(1200) } else { Duration::ZERO }
}

/// Ends with the first interrupt or request to terminate.
async fn stop_asked() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot listen for signals"),
        _ = terminate.recv() => Ok(()),
    }
}

/// A folder of its own for the demo's configuration, gone with the demo. Its files can be edited while it runs.
#[derive(Debug)]
struct ConfigFolder(PathBuf);

impl ConfigFolder {
    fn create(arguments: &DemoArguments, shop: SocketAddr) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("larder-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let folder = Self(path);
        folder.write("rules.toml", RULES)?;
        let DemoArguments { listen, admin } = arguments;
        folder.write(
            "proxy.toml",
            &format!(
                "rules = \"rules.toml\"\n\n[listen]\nhttp = \"{listen}\"\n\n[upstream]\nservers = [\"http://{shop}\"]\n\n\
                 [admin]\nlisten = \"{admin}\"\n\n[log]\naccess = false\n"
            ),
        )?;
        Ok(folder)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let file = self.0.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

impl Drop for ConfigFolder {
    fn drop(&mut self) {
        // What is left behind is two small files in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
